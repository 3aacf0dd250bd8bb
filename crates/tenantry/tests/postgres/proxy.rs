//! What stands between a process and its PostgreSQL server: it can be deaf, and it can kill the process at any message.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    /// HOST:PORT at which it listens.
    pub(crate) address: String,
    open: watch::Sender<bool>,
    trap: Arc<Trap>,
}

/// After which of a process's messages it is killed.
#[derive(Default)]
struct Trap {
    process: AtomicI32,
    messages: AtomicUsize,
    at: AtomicUsize,
}

impl Proxy {
    /// In front of `server`, HOST:PORT.
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, is_open) = watch::channel(true);
        let trap = Arc::new(Trap::default());
        let (server, trapped) = (server.to_owned(), Arc::clone(&trap));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), is_open.clone(), Arc::clone(&trapped)));
            }
        });
        Self { address, open, trap }
    }

    /// From now on connections are taken, and nothing is said on them.
    pub(crate) fn go_deaf(&self) {
        self.open.send_replace(false);
    }

    /// Whoever waits is heard, and everyone after them.
    pub(crate) fn hear(&self) {
        self.open.send_replace(true);
    }

    /// Lets nobody be killed by what was set before.
    pub(crate) fn disarm(&self) {
        self.trap.at.store(0, Ordering::SeqCst);
    }

    /// Kills the process that is named next once this many messages of it have reached the server.
    pub(crate) fn arm(&self, messages: usize) {
        self.trap.messages.store(0, Ordering::SeqCst);
        self.trap.process.store(0, Ordering::SeqCst);
        self.trap.at.store(messages, Ordering::SeqCst);
    }

    /// How many messages there have been since it was armed.
    pub(crate) fn messages(&self) -> usize {
        self.trap.messages.load(Ordering::SeqCst)
    }

    pub(crate) fn name(&self, process: u32) {
        self.trap.process.store(i32::try_from(process).unwrap(), Ordering::SeqCst);
    }
}

impl Trap {
    fn heard(&self) {
        let count = self.messages.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.at.load(Ordering::SeqCst);
        if at != 0
            && count >= at
            && let Some(process) = Pid::from_raw(self.process.load(Ordering::SeqCst))
        {
            // It may have ended by itself.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

async fn pass(client: TcpStream, server: String, mut is_open: watch::Receiver<bool>, trap: Arc<Trap>) {
    if is_open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 65_536];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        if to_server.write_all(&bytes[..read]).await.is_err() {
            break;
        }
        trap.heard();
    }
}
