//! A way to a server that takes a millisecond more in each direction.

use std::net::{SocketAddr, TcpListener as Listener};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Fault;

const DELAY: Duration = Duration::from_millis(1);

/// The way. Its thread ends with the program.
pub(crate) struct Delay {
    address: String,
}

impl Delay {
    /// Starts it before the server at `to`.
    pub(crate) fn start(to: &str) -> Result<Self, Fault> {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        listener.set_nonblocking(true)?;
        let (address, to) = (listener.local_addr()?.to_string(), to.to_owned());
        // Of its own: whoever measures waits on its thread.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                if let Err(error) = accept(listener, &to).await {
                    eprintln!("the way to the server broke off: {error}");
                }
            });
        });
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

async fn accept(listener: Listener, to: &str) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (near, _) = listener.accept().await?;
        let far = TcpStream::connect(to).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
        pass_on(near_read, far_write);
        pass_on(far_read, near_write);
    }
}

/// Passes on what comes, each part when it has been under way for long enough.
fn pass_on(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
) {
    let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut part = vec![0; 64 * 1_024];
        // An error ends the connection as its end does: the other side hears it.
        while let Ok(length @ 1..) = from.read(&mut part).await {
            if sender.send((Instant::now() + DELAY, part[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, part)) = under_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&part).await.is_err() {
                break;
            }
        }
    });
}
