//! An instance in this process: its tenants through the library, and a whole site around its routes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::HOST;
use reqwest::{Client, StatusCode};
use tenantry::axum::Router;
use tenantry::core::Alias;
use tenantry::db::lifecycle::{Home, NewTenant};
use tenantry::db::migrate::Registry;
use tenantry::db::{InstanceConfig, Location, Synchronous};
use tenantry::prelude::*;
use tenantry::web::auth::{Hasher, Throttle};
use tenantry::web::http::{Edge, HostRules, InstanceRoutes, Limits, Resolvers, listen, serve};
use tenantry::web::rest::{TenantsAccess, TenantsApi};

/// The instance in `folder`, with `DB_LEGACY` beside its data.
pub(crate) fn instance(folder: &Path, registry: Registry) -> Instance {
    let legacy: Alias = "legacy".parse().unwrap();
    let config = InstanceConfig {
        data: folder.join("data"),
        directory: None,
        databases: BTreeMap::from([(legacy, Location::File(folder.join("legacy.sqlite3")))]),
        descriptors: 64,
        connections: 4,
        deadline: Duration::from_secs(20),
        synchronous: Synchronous::Normal,
        actor: "test".to_owned(),
    };
    Instance::open(config, registry).unwrap()
}

/// A tenant at `SLUG.example`, in a file of its own.
pub(crate) async fn make(instance: &Instance, slug: &str) {
    let home = Home::Server { alias: None, isolation: None };
    make_in(instance, slug, home).await;
}

pub(crate) async fn make_in(instance: &Instance, slug: &str, home: Home) {
    let domains = vec![format!("{slug}.example").parse().unwrap()];
    let new = NewTenant { slug: slug.parse().unwrap(), name: None, domains, home };
    instance.create_tenant(new).await.unwrap();
}

/// The door to an active tenant's data.
pub(crate) fn door(instance: &Instance, slug: &str) -> TenantDb {
    let tenant = Tenant::from_record(instance.directory().record(&slug.parse().unwrap()).unwrap()).unwrap();
    instance.tenant_db(&tenant).unwrap()
}

/// A running site, which everyone may ask for its tenants. It ends with the test's runtime.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    client: Client,
}

impl Site {
    pub(crate) fn start(instance: Instance, of_the_instance: InstanceRoutes, of_tenants: Router) -> Self {
        let api = TenantsApi::new(
            instance.directory().clone(),
            &Hasher::default(),
            Throttle::default(),
            TenantsAccess::Public,
        )
        .routes();
        let edge = Edge {
            limits: Limits::default(),
            hosts: HostRules::default(),
            resolvers: Resolvers::default(),
            hsts: std::time::Duration::ZERO,
        };
        let site = edge.around(instance, api.merge(of_the_instance), of_tenants);
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, site, Limits::default(), std::future::pending()));
        Self { address, client: Client::new() }
    }

    /// What a host answers.
    pub(crate) async fn get(&self, host: &str, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("http://{}{path}", self.address)).header(HOST, host);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}
