//! Writes wait for a thread that runs another, but for none that hangs.

use std::sync::mpsc;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{HANG, file, insert, pool};

#[tokio::test(flavor = "multi_thread")]
async fn no_write_waits_for_another_tenants_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(200, HANG);
    let files: Vec<_> = (1..=12).map(|tenant| file(folder.path(), tenant)).collect();
    let (began, begun) = oneshot::channel();
    let (open, gate) = mpsc::channel::<()>();
    let hanging = tokio::spawn({
        let (pool, file) = (pool.clone(), files[0].clone());
        async move {
            let job = move |_: &_| {
                began.send(()).unwrap();
                // The sender says nothing, and is dropped.
                let _ = gate.recv();
                Ok(())
            };
            pool.write(&file, job).await
        }
    });
    begun.await.unwrap();
    // Whoever ran this one is idle afterwards, and keeps watch over the next.
    insert(&pool, &files[1], 1).await.unwrap();
    for file in &files[2..] {
        timeout(HANG, insert(&pool, file, 2)).await.expect("nobody comes for it").unwrap();
    }
    let mut together = JoinSet::new();
    for file in &files[1..] {
        let (pool, file) = (pool.clone(), file.clone());
        together.spawn(async move { insert(&pool, &file, 3).await.unwrap() });
    }
    timeout(HANG, together.join_all()).await.expect("nobody comes for them");
    drop(open);
    hanging.await.unwrap().unwrap();
}
