//! Ends a statement that is under way on a connection, from outside, and waits until the server has seen to it.
//!
//! The client's own way returns before the server has read the request. What it ended could then be the next statement
//! on that connection, another tenant's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::CancelToken;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresError;
use super::url::PostgresUrl;

/// Asks the server to end what runs on the connection, and returns once its process has been told.
///
/// # Errors
/// Raised when the server can't be reached.
pub(super) async fn cancel(
    token: &CancelToken,
    url: &PostgresUrl,
    tls: &MakeRustlsConnect,
) -> Result<(), PostgresError> {
    let unreachable = |_: io::Error| PostgresError::Unreachable(None);
    match url.config.get_hosts().first() {
        Some(Host::Tcp(name)) => {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((bare, url.port())).await.map_err(unreachable)?;
            ask(token, stream, tls, name).await
        }
        Some(Host::Unix(folder)) => {
            let socket = folder.join(format!(".s.PGSQL.{}", url.port()));
            ask(token, UnixStream::connect(socket).await.map_err(unreachable)?, tls, "").await
        }
        None => Err(PostgresError::Unreachable(None)),
    }
}

async fn ask<S>(
    token: &CancelToken,
    stream: S,
    tls: &MakeRustlsConnect,
    host: &str,
) -> Result<(), PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut tls = tls.clone();
    let tls = match MakeTlsConnect::<ToItsEnd<S>>::make_tls_connect(&mut tls, host) {
        Ok(tls) => tls,
        Err(never) => match never {},
    };
    Ok(token.cancel_query_raw(ToItsEnd(stream), tls).await?)
}

/// A stream that is shut down only once the other side has closed it too.
struct ToItsEnd<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for ToItsEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ToItsEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    /// Waits for the server to close, which it does once its process has been told. Asked again, it goes on waiting.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(context))?;
        let mut bytes = [0; 64];
        loop {
            let mut read = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => {}
                // A reset is an end as well.
                Ok(()) | Err(_) => return Pin::new(&mut self.0).poll_shutdown(context),
            }
        }
    }
}
