//! What a directory on a server tells of by itself, to one who never looks of their own accord.

use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

use tenantry_core::{OpaqueName, Placement, Status};

use super::memory::Memory;
use super::remote::Way;
use super::thread::Wake;
use super::{Directory, NewRow, aside, listening};
use crate::places::DirectoryPlace;
use crate::postgres::on_each;

/// Ten times what a change may take to be heard of.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_is_told_of_each_change_and_finds_it() {
    on_each(async |place| {
        let url = place.url().clone();
        let directory =
            Directory::open(&DirectoryPlace::Server(Box::new(url.clone())), "test", |_| {}).unwrap();
        let (looks, woken) = mpsc::channel();
        // Without the thread that looks every now and then.
        let memory = aside(|| Memory::open(listening(&Way::new(&url)?, looks), Box::new(|_| {}))).unwrap();
        let mut known = 0;
        for number in 0..3_u8 {
            assert_eq!(woken.try_recv(), Err(TryRecvError::Empty), "nothing has changed");
            let claimed = Placement::Claimed { database: format!("db{number}").parse().unwrap() };
            let row = NewRow {
                slug: format!("tenant-{number}").parse().unwrap(),
                name: "Tenant".parse().unwrap(),
                domains: Vec::new(),
                placement: claimed,
                existed: false,
                folder: None,
                status: Status::Active,
            };
            directory.begin_create(vec![row], &OpaqueName::from_random(1)).await.unwrap();
            assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Look), "nobody told of it");
            aside(|| memory.catch_up()).unwrap();
            known += 1;
            assert_eq!(memory.read().records().count(), known);
        }
    })
    .await;
}
