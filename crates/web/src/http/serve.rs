//! The accept loop: hyper's HTTP/1 on a listener, with every limit of a connection, until it is told to stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tower::{Service, ServiceExt};

use super::Limits;
use super::connection::{Turn, Turns, WatchedBody, WatchedStream, watch};

/// Connections that the system may hold ready before they are accepted.
const BACKLOG: u32 = 1_024;

/// The wait after an error of the system's (no descriptors left, say) before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Raised when an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens there.
    #[error("{0} is in use by another program: stop that one, or choose another address")]
    InUse(SocketAddr),
    /// The system lets only privileged programs listen there.
    #[error("{0} may not be listened on by this user: choose a port of 1024 or above")]
    NotPermitted(SocketAddr),
    /// The address is no address of this machine.
    #[error("{0} is not an address of this machine")]
    NotHere(SocketAddr),
    /// Anything else.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// How [`serve`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Whether every request in flight, and every change that goes on without its client, ended within the grace
    /// period. Otherwise the connections that were left have been closed.
    pub complete: bool,
}

/// Proof that work goes on: while one is held, [`serve`] waits (within the grace period) before it returns.
///
/// It is in the extensions of each request; [`DeadlineLayer`](super::DeadlineLayer) keeps it for a change that goes on after its client is gone.
/// Such changes are bounded too: with the connections that are open, they are at most twice [`Limits::connections`].
#[derive(Clone, Debug)]
pub struct InFlight {
    _held: mpsc::Sender<Infallible>,
    _room: Arc<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Requests in flight may end; no connection takes another one.
    Draining,
    Closed,
}

/// Listens on `address`; port 0 lets the system choose.
///
/// A port that a server just left can be taken at once (`SO_REUSEADDR`).
///
/// # Errors
/// Raised when the address is in use, not permitted to this user, not this machine's, or the system refuses it for
/// another reason.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    open(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse(address),
        io::ErrorKind::PermissionDenied => ServeError::NotPermitted(address),
        io::ErrorKind::AddrNotAvailable => ServeError::NotHere(address),
        _ => ServeError::Listen { address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What can be served: an [`axum::Router`], what [`Edge::around`](super::Edge::around) makes of one, or any such service.
pub trait Site:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Site for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves `app` on `listener` until `shutdown` is ready, then lets the
/// requests in flight end.
///
/// Each request's extensions hold its peer's address (`ConnectInfo<SocketAddr>`) and an [`InFlight`].
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use tenantry_web::http::{Limits, listen, serve};
///
/// # async fn run() -> Result<(), tenantry_web::http::ServeError> {
/// let app: Router = Router::new().route("/", get(async || "hello"));
/// let listener = listen(([127, 0, 0, 1], 8000).into())?;
/// serve(listener, app, Limits::default(), std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve<S: Site>(
    listener: TcpListener,
    app: S,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) -> Stopped {
    let (stage, _) = watch::channel(Stage::Serving);
    let (held, mut all_done) = mpsc::channel(1);
    let server = Server { app, stage: stage.clone(), limits: Arc::new(limits), held };
    let grace = server.limits.grace;
    tokio::select! {
        () = server.accept_all(listener) => {}
        () = shutdown => {}
    }
    // The listener is closed by now. What still holds an `InFlight` is a connection or a change.
    drop(server);
    stage.send_replace(Stage::Draining);
    let complete = tokio::time::timeout(grace, all_done.recv()).await.is_ok();
    stage.send_replace(Stage::Closed);
    if !complete {
        tracing::warn!(grace_seconds = grace.as_secs(), "stopped before every request had ended");
    }
    Stopped { complete }
}

struct Server<S> {
    app: S,
    stage: watch::Sender<Stage>,
    limits: Arc<Limits>,
    held: mpsc::Sender<Infallible>,
}

impl<S: Site> Server<S> {
    /// Accepts connections for as long as it is polled.
    async fn accept_all(&self, listener: TcpListener) {
        let most = self.limits.connections.min(Semaphore::MAX_PERMITS / 2);
        let places = Arc::new(Semaphore::new(most));
        // A client that asks for a change and goes gives its place back, and the change with its body stays.
        let rooms = Arc::new(Semaphore::new(2 * most));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok(room) = Arc::clone(&rooms).acquire_owned().await else { return };
            let (stream, peer) = accept(&listener).await;
            tokio::spawn(self.connection(stream, peer, place, room));
        }
    }

    fn connection<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: T,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        room: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<S, T> {
        let turns = Turns::new(&self.limits);
        let in_flight = InFlight { _held: self.held.clone(), _room: Arc::new(room) };
        let answerer = Answerer { app: self.app.clone(), turns: turns.clone(), peer, in_flight };
        let mut builder = http1::Builder::new();
        // The sentry keeps this time itself, apart from the idle time.
        builder.header_read_timeout(None).max_header_size(self.limits.head_bytes);
        let stage = self.stage.subscribe();
        async move {
            let stream = TokioIo::new(WatchedStream::new(stream, turns.clone()));
            let connection = builder.serve_connection(stream, answerer);
            match watch(turns, until_closed(connection, stage)).await {
                Ok(Some(Err(error))) => tracing::debug!(%error, "a connection broke off"),
                Ok(_) => {}
                Err(turn) => tracing::debug!(?turn, "a connection was closed: its time was over"),
            }
            drop(place);
        }
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its delay");
                }
                return (stream, peer);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "can't accept a connection; trying again");
                #[expect(
                    clippy::disallowed_methods,
                    reason = "nothing tells when descriptors are free again"
                )]
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the client gave up before its connection was accepted: nothing to wait for.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Runs a connection until it ends, or the server is closed (`None`).
async fn until_closed<C>(connection: C, mut stage: watch::Receiver<Stage>) -> Option<C::Output>
where
    C: GracefulConnection,
{
    let mut connection = std::pin::pin!(connection);
    loop {
        // A sender that is gone means a `serve` that was dropped: closed.
        let now = *stage.borrow_and_update();
        match now {
            Stage::Serving => {}
            Stage::Draining => connection.as_mut().graceful_shutdown(),
            Stage::Closed => return None,
        }
        tokio::select! {
            biased;
            end = connection.as_mut() => return Some(end),
            changed = stage.changed() => changed.ok()?,
        }
    }
}

/// The service of one connection.
struct Answerer<S> {
    app: S,
    turns: Turns,
    peer: SocketAddr,
    in_flight: InFlight,
}

impl<S: Site> hyper::service::Service<hyper::Request<Incoming>> for Answerer<S> {
    type Response = hyper::Response<WatchedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        self.turns.pass_to(Turn::Answer);
        let turns = self.turns.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.in_flight.clone());
        let answer = self.app.clone().oneshot(request);
        Box::pin(async move { Ok(answer.await?.map(|body| WatchedBody::new(body, turns))) })
    }
}

#[cfg(test)]
mod tests;
