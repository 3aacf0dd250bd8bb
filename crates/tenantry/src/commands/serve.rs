//! `serve`: ends what was left half done, then serves all tenants until it is told to stop.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tenantry_core::Status;
use tenantry_db::{Instance, ServerTrouble};
use tenantry_web::http::{Limits, RequestCountLayer, RequestCounts, Site, listen, metrics, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower::Layer;

use super::instance::behind;
use super::migrate::tell_unclaimed;
use super::{Context, logging};
use crate::cli::{Failure, counted};
use crate::config::ListenAddress;

/// How long the start waits for PostgreSQL servers to answer.
const SERVER_PATIENCE: Duration = Duration::from_secs(1);

/// The connections of those who read `/metrics`, at most: each takes a descriptor that is set aside for such uses.
const METRICS_CONNECTIONS: usize = 8;

/// The tenants' addresses that are told at the start, at most.
const NAMED_DOMAINS: usize = 5;

impl Context {
    pub(super) async fn serve(&mut self) -> Result<(), Failure> {
        logging::start(self.settings())?;
        let settings = self.settings();
        let listener = listener_on(&settings.listen).await?;
        let of_metrics = match &settings.metrics_listen {
            Some(address) => Some(listener_on(address).await?),
            None => None,
        };
        let instance = self.open_or_make()?;
        self.recover(&instance).await?;
        let on_access = self.settings().migrate_on_access;
        if on_access {
            instance.migrate_on_access();
        }
        if let Some(sentence) = behind(&instance, on_access).await? {
            self.out.warn(sentence);
        }
        let site = self.site(&instance)?;
        self.greet(&instance, listener.local_addr()?);
        match of_metrics {
            Some(of_metrics) => self.serve_measured(listener, of_metrics, site, instance).await,
            None => self.serve_on(listener, site, instance).await,
        }
    }

    /// Serves with `/metrics` on a listener of its own, which ends last: what ends slowly can be seen there.
    async fn serve_measured(
        &mut self,
        listener: TcpListener,
        of_metrics: TcpListener,
        site: impl Site,
        instance: Instance,
    ) -> Result<(), Failure> {
        let address = of_metrics.local_addr()?;
        self.out.line(format_args!("metrics on http://{address}/metrics"));
        if !address.ip().is_loopback() {
            self.out.warn(format_args!("METRICS_LISTEN: whoever can reach {address} reads them"));
        }
        let counts = RequestCounts::default();
        let routes = metrics(instance.clone(), counts.clone());
        let limits = Limits { connections: METRICS_CONNECTIONS, ..Limits::default() };
        let site = RequestCountLayer::new(counts).layer(site);
        tokio::select! {
            served = self.serve_on(listener, site, instance) => served,
            // Nobody tells it to stop.
            _ = serve(of_metrics, routes, limits, pending()) => Ok(()),
        }
    }

    /// Ends what a process that is gone has left half done, and names what can't be served.
    ///
    /// # Errors
    /// Raised when a PostgreSQL server's role is one under which tenants would not be kept apart. One that can't be reached
    /// just now is only named, and so is what is amiss with tables that tenants share: just those are not served then.
    pub(super) async fn recover(&mut self, instance: &Instance) -> Result<(), Failure> {
        for trouble in instance.check_servers(SERVER_PATIENCE).await {
            if matches!(trouble, ServerTrouble::Unsafe { .. }) {
                return Err(Failure::new(trouble.to_string()));
            }
            self.out.warn(trouble);
        }
        let found = instance.reconcile().await?;
        for (slug, why) in &found.left {
            self.out.warn(format_args!("{slug} is half made or half purged: {why}"));
        }
        self.warn_of_unserved(instance);
        Ok(())
    }

    fn greet(&mut self, instance: &Instance, address: SocketAddr) {
        let records = instance.directory().records();
        let tenants = counted(records.len(), "tenant");
        self.out.line(format_args!("serving {tenants} on http://{address}/ (stop with Ctrl-C)"));
        let port = address.port();
        let reached = records.iter().filter(|record| record.status == Status::Active);
        for domain in reached.filter_map(|record| record.domains.first()).take(NAMED_DOMAINS) {
            self.out.note(format_args!("  http://{domain}:{port}/"));
        }
        if records.is_empty() {
            let name = self.app.identity().name;
            self.out.note("there is no tenant yet; the first one is made with");
            self.out.note(format_args!("  {name} tenant create acme --domain acme.localhost"));
            self.out.note(format_args!("  {name} createsuperuser --tenant acme"));
        }
        tell_unclaimed(&mut self.out, &instance.unclaimed());
    }

    /// Serves until the process is told to stop, then lets requests end and closes every file.
    pub(super) async fn serve_on(
        &mut self,
        listener: TcpListener,
        site: impl Site,
        instance: Instance,
    ) -> Result<(), Failure> {
        let limits = self.limits();
        let stopped = serve(listener, site, limits, told_to_stop()?).await;
        if !stopped.complete {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        instance.close().await;
        Ok(())
    }
}

/// The first address behind `wanted` that can be listened on.
pub(super) async fn listener_on(wanted: &ListenAddress) -> Result<TcpListener, Failure> {
    let found = tokio::net::lookup_host((wanted.host(), wanted.port())).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| Failure::new(format!("can't listen on {wanted}: {error}")))?.collect();
    let mut refused = Failure::new(format!("{wanted} is no address"));
    for address in addresses {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error.into(),
        }
    }
    Err(refused)
}

/// Ready once the process gets SIGINT or SIGTERM.
fn told_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("told to stop: requests in flight may end");
    })
}
