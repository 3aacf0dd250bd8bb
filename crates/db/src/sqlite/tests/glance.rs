//! Where reads run: a short one on the thread that asks for it, any other on one of the pool's.

use std::sync::{Arc, Mutex};
use std::thread;

use tokio::time::timeout;

use super::{ENDLESS, HANG, file, pool};

#[tokio::test]
async fn a_short_read_runs_where_it_is_asked_for_and_a_long_one_starts_anew_on_a_thread() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let here = thread::current().id();
    let short = async || pool.read(&file, |_| Ok(thread::current().id())).await.unwrap();
    // A thread gives its answer before it gives the connection back: the next read may come in between.
    let soon_here = async || while short().await != here {};
    assert_ne!(short().await, here, "a thread opens the file");
    timeout(HANG, soon_here()).await.unwrap();

    let places = Arc::new(Mutex::new(Vec::new()));
    let long = async || {
        let noted = Arc::clone(&places);
        let count = pool.read(&file, move |db| {
            noted.lock().unwrap().push(thread::current().id());
            let sql = ENDLESS.replace("FROM n)", "FROM n LIMIT 3000000)");
            db.query_row(&sql, [], |row| row.get::<_, i64>(0))
        });
        assert_eq!(timeout(HANG, count).await.unwrap().unwrap(), 3_000_000);
    };
    long().await;
    let begun = places.lock().unwrap().clone();
    assert!(begun[0] == here && begun.len() > 1 && !begun[1..].contains(&here), "{begun:?}");

    // A thread gives its answer before it says how long that took: the next read may come in between.
    let elsewhere = async {
        while short().await == here {
            long().await;
        }
    };
    timeout(HANG, elsewhere).await.expect("those after long reads do not try");
    timeout(HANG, soon_here()).await.unwrap();
}

/// Nothing stops SQLite in the middle of a large value, so that each of these is read to its end wherever it runs.
#[tokio::test]
async fn reads_of_large_values_move_to_a_thread_and_stay_there_between_short_ones() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let make = "CREATE TABLE large (content BLOB); INSERT INTO large VALUES (randomblob(32000000))";
    pool.write(&file, move |db| db.execute_batch(make)).await.unwrap();
    let here = thread::current().id();
    let large = async || {
        let copied = pool.read(&file, |db| {
            let length = db
                .query_row("SELECT content FROM large", [], |row| row.get(0).map(|all: Vec<u8>| all.len()))?;
            Ok((length, thread::current().id()))
        });
        let (length, place) = timeout(HANG, copied).await.unwrap().unwrap();
        assert_eq!(length, 32_000_000);
        place
    };
    // A thread gives its answer before it says how long that took: more of them than it takes.
    for _ in 0..6 {
        large().await;
    }
    for _ in 0..3 {
        for _ in 0..4 {
            pool.read(&file, |db| db.query_row("SELECT 1", [], |_| Ok(()))).await.unwrap();
        }
        assert_ne!(large().await, here);
    }
}
