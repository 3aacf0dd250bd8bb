//! Connections that break off at the end of a change, before the server has said whether it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tenantry_core::{Status, Transition};
use tenantry_db::directory::{ChangeError, DirectoryError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;
use crate::server::Database;

/// What becomes of the next change's end.
const NOTHING: u8 = 0;
/// The server never gets it.
const LOST: u8 = 1;
/// The server's answer to it is lost.
const UNANSWERED: u8 = 2;
/// The same, and nobody gets to the server any more.
const AWAY: u8 = 3;

/// What stands between a directory and its server.
struct Way {
    address: String,
    end: Arc<AtomicU8>,
}

impl Way {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let end = Arc::new(AtomicU8::new(NOTHING));
        let (server, told) = (server.to_owned(), Arc::clone(&end));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if told.load(Ordering::SeqCst) != AWAY {
                    tokio::spawn(pass(client, server.clone(), Arc::clone(&told)));
                }
            }
        });
        Self { address, end }
    }

    fn next_end(&self, what: u8) {
        self.end.store(what, Ordering::SeqCst);
    }
}

async fn pass(mut client: TcpStream, server: String, told: Arc<AtomicU8>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                let is_end = asked[..read].windows(14).any(|part| part == b"NOTIFY tenantr");
                let what = if is_end { told.load(Ordering::SeqCst) } else { NOTHING };
                if what == LOST {
                    return told.store(NOTHING, Ordering::SeqCst);
                }
                server.write_all(&asked[..read]).await.unwrap();
                if what == UNANSWERED || what == AWAY {
                    // It has been done once there is an answer.
                    assert_ne!(server.read(&mut answered).await.unwrap(), 0);
                    if what == UNANSWERED {
                        told.store(NOTHING, Ordering::SeqCst);
                    }
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_told_as_what_it_came_to() {
    let database = Database::new();
    let way = Way::to(database.place()).await;
    let site = Site::signing_in(&database, database.url_by(&way.address, "owner").parse().unwrap());
    let instance = site.open();
    let (directory, acme) = (instance.directory(), make(&instance, "acme").await.id);
    let said = || database.run("SELECT status FROM tenantry.tenant");

    way.next_end(LOST);
    let error = directory.change_status(acme, Transition::Suspend).await.unwrap_err();
    assert!(matches!(error, ChangeError::Directory(DirectoryError::Unreachable { .. })), "{error:?}");
    assert_eq!(said(), ["active"]);

    way.next_end(UNANSWERED);
    assert_eq!(directory.change_status(acme, Transition::Suspend).await.unwrap(), Status::Suspended);
    assert_eq!(said(), ["suspended"]);
    assert_eq!(database.run("SELECT 1 FROM tenantry.audit WHERE action = 'tenant.status'"), ["1"], "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_tell_is_said_to_be_so_and_is_not_undone() {
    let database = Database::new();
    let way = Way::to(database.place()).await;
    let site = Site::signing_in(&database, database.url_by(&way.address, "owner").parse().unwrap());
    let instance = site.open();
    let (directory, acme) = (instance.directory(), make(&instance, "acme").await.id);
    way.next_end(AWAY);
    let error = directory.change_status(acme, Transition::Suspend).await.unwrap_err();
    assert!(matches!(error, ChangeError::Directory(DirectoryError::InDoubt)), "{error:?}");
    assert_eq!(database.run("SELECT status FROM tenantry.tenant"), ["suspended"]);

    way.next_end(NOTHING);
    until("the directory", async || directory.check().is_ok()).await;
    assert_eq!(directory.record_by_id(acme).unwrap().status, Status::Suspended);
}
