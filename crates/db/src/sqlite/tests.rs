//! What the engine promises: nobody waits for another tenant, nothing is left on a connection, files stay in budget.

mod glance;
mod room;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::TenantId;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{DataFile, EngineError, FileLock, LockError, Pool, PoolConfig, Synchronous, open_exclusively};

/// Long enough that only a hang gets there.
const HANG: Duration = Duration::from_secs(60);

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

fn pool(descriptors: usize, deadline: Duration) -> Pool {
    Pool::new(PoolConfig { descriptors, deadline, synchronous: Synchronous::Normal, log: u64::MAX })
}

/// A file that holds its tenant's number.
fn file(folder: &Path, tenant: i64) -> Arc<DataFile> {
    let path = folder.join(format!("{tenant}.db"));
    let lock = folder.join(format!("{tenant}.lock"));
    let db = open_exclusively(&path, true).unwrap();
    db.execute_batch(&format!(
        "PRAGMA journal_mode = wal; CREATE TABLE canary (tenant INTEGER); INSERT INTO canary VALUES ({tenant});"
    ))
    .unwrap();
    drop(FileLock::create(&lock).unwrap());
    Arc::new(DataFile::new(TenantId::new(tenant), path, lock))
}

async fn canaries(pool: &Pool, file: &Arc<DataFile>) -> Result<Vec<i64>, EngineError> {
    pool.read(file, |db| {
        let mut found = db.prepare_cached("SELECT tenant FROM canary ORDER BY rowid")?;
        let rows = found.query_map([], |row| row.get(0))?;
        rows.collect()
    })
    .await
}

async fn insert(pool: &Pool, file: &Arc<DataFile>, value: i64) -> Result<usize, EngineError> {
    pool.write(file, move |db| db.execute("INSERT INTO canary VALUES (?1)", [value])).await
}

async fn endless(pool: &Pool, file: &Arc<DataFile>) -> Result<i64, EngineError> {
    pool.read(file, |db| db.query_row(ENDLESS, [], |row| row.get(0))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_share_room_for_one_file_and_each_sees_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(0, HANG);
    let files: Vec<_> = (1..=20).map(|tenant| file(folder.path(), tenant)).collect();
    let mut clients = JoinSet::new();
    for client in 0..32_usize {
        let (pool, files) = (pool.clone(), files.clone());
        clients.spawn(async move {
            for step in 0..40 {
                let file = &files[(client * 7 + step * 3) % files.len()];
                let tenant = file.tenant().get();
                if step % 4 == 0 {
                    insert(&pool, file, tenant).await.unwrap();
                }
                let seen = canaries(&pool, file).await.unwrap();
                assert!(
                    !seen.is_empty() && seen.iter().all(|canary| *canary == tenant),
                    "{tenant}: {seen:?}"
                );
            }
        });
    }
    timeout(HANG, clients.join_all()).await.expect("nobody starves");
    assert!(pool.stats().files.open <= 2, "{pool:?}");
}

/// Starts reports that never end, each tenant's share of them.
fn reports(pool: &Pool, files: &[Arc<DataFile>], count: usize) -> JoinSet<Result<i64, EngineError>> {
    let mut reports = JoinSet::new();
    for file in files.iter().cycle().take(count) {
        let (pool, file) = (pool.clone(), Arc::clone(file));
        reports.spawn(async move { endless(&pool, &file).await });
    }
    reports
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_reports_hold_up_nobody_else_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (1..=20).map(|tenant| file(folder.path(), tenant)).collect();
    let quick = file(folder.path(), 99);
    for tenants in [1, 4, 20] {
        for count in [4, 10, 40] {
            let pool = pool(2_000, HANG);
            let mut reports = reports(&pool, &files[..tenants], count);
            for _ in 0..20 {
                let case = format!("{count} reports over {tenants} tenants: {pool:?}");
                assert_eq!(timeout(HANG, canaries(&pool, &quick)).await.expect(&case).unwrap(), [99]);
                // Nor those of their own tenant, nor its writes.
                assert_eq!(timeout(HANG, canaries(&pool, &files[0])).await.expect(&case).unwrap()[0], 1);
                timeout(HANG, insert(&pool, &files[0], 1)).await.expect(&case).unwrap();
            }
            assert!(pool.threads() <= pool.most_threads(), "{count} over {tenants}: {}", pool.threads());
            assert!(reports.try_join_next().is_none(), "none of them ends early");
            reports.shutdown().await;
        }
    }
}

/// A read that takes longer than a quick one may, and much less than a slow one.
const COUNTED: i64 = 60_000;

async fn report(pool: &Pool, file: &Arc<DataFile>) -> Result<i64, EngineError> {
    let sql = format!("{ENDLESS} WHERE i <= {COUNTED}")
        .replace("SELECT i + 1 FROM n", &format!("SELECT i + 1 FROM n WHERE i < {COUNTED}"));
    pool.read(file, move |db| db.query_row(&sql, [], |row| row.get(0))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_have_to_begin_again_give_what_they_would_have_given_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (1..=4).map(|tenant| file(folder.path(), tenant)).collect();
    let pool = pool(2_000, HANG);
    let mut ending = JoinSet::new();
    for file in files.iter().cycle().take(12) {
        let (pool, file) = (pool.clone(), Arc::clone(file));
        ending.spawn(async move { report(&pool, &file).await });
    }
    while let Some(counted) = timeout(HANG, ending.join_next()).await.expect("they end") {
        assert_eq!(counted.unwrap().unwrap(), COUNTED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_wait_for_their_turn_are_refused_when_the_file_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(2_000, HANG);
    let slow = file(folder.path(), 1);
    let mut reports = reports(&pool, &[Arc::clone(&slow)], 10);
    for _ in 0..10 {
        timeout(HANG, canaries(&pool, &slow)).await.unwrap().unwrap();
    }
    let closing = pool.begin_close(TenantId::new(1));
    // At most three run, and are let run on; the others are told.
    for _ in 0..7 {
        let refused = timeout(HANG, reports.join_next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(refused, Err(EngineError::Closed)), "{refused:?}");
    }
    reports.shutdown().await;
    timeout(HANG, closing).await.unwrap().unwrap();
    assert_eq!(pool.stats().files.open, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_one_tenant_is_refused_and_is_that_tenants_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let (flooded, other) = (file(folder.path(), 1), file(folder.path(), 2));
    // Nobody else can write while this is open.
    let held = pool.begin(&flooded).await.unwrap();
    let flood = async |count: usize| {
        let mut flood = JoinSet::new();
        for _ in 0..count {
            let (pool, flooded) = (pool.clone(), Arc::clone(&flooded));
            flood.spawn(async move { insert(&pool, &flooded, 1).await });
        }
        flood
    };
    let mut waiting = flood(2_000).await;
    for _ in 0..2_000 - 1_024 {
        let refused = timeout(HANG, waiting.join_next()).await.expect("no more wait").unwrap().unwrap();
        assert!(matches!(refused, Err(EngineError::Crowded)), "{refused:?}");
    }
    assert!(waiting.try_join_next().is_none(), "those that were taken in wait");
    assert_eq!(canaries(&pool, &flooded).await.unwrap(), [1], "its readers do not wait for its writers");
    assert_eq!(timeout(HANG, insert(&pool, &other, 3)).await.unwrap().unwrap(), 1);
    // Who goes away makes room, and what holds the others up can be ended.
    waiting.shutdown().await;
    let mut again = flood(100).await;
    held.run(|db| db.execute("INSERT INTO canary VALUES (7)", [])).await.unwrap();
    held.commit().await.unwrap();
    drop(held);
    while let Some(done) = timeout(HANG, again.join_next()).await.unwrap() {
        assert_eq!(done.unwrap().unwrap(), 1);
    }
    assert_eq!(canaries(&pool, &flooded).await.unwrap().len(), 1 + 1 + 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_caller_went_away_is_stopped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, Duration::MAX);
    let file = file(folder.path(), 1);
    for _ in 0..10 {
        assert!(timeout(Duration::from_millis(20), endless(&pool, &file)).await.is_err());
    }
    assert_eq!(timeout(HANG, canaries(&pool, &file)).await.unwrap().unwrap(), [1]);
    assert_eq!(pool.stats().dropped, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_past_its_deadline_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, Duration::from_millis(50));
    let file = file(folder.path(), 1);
    assert!(matches!(endless(&pool, &file).await, Err(EngineError::Timeout)));
    assert_eq!(canaries(&pool, &file).await.unwrap(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_keeps_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let add =
        |value: i64| move |db: &rusqlite::Connection| db.execute("INSERT INTO canary VALUES (?1)", [value]);

    let kept = pool.begin(&file).await.unwrap();
    kept.run(add(2)).await.unwrap();
    assert_eq!(canaries(&pool, &file).await.unwrap(), [1], "readers see nothing before the commit");
    kept.commit().await.unwrap();
    assert!(matches!(kept.run(add(3)).await, Err(EngineError::TransactionEnded)));
    drop(kept);

    let dropped = pool.begin(&file).await.unwrap();
    dropped.run(add(4)).await.unwrap();
    drop(dropped);

    let failed = pool.begin(&file).await.unwrap();
    failed.run(add(5)).await.unwrap();
    assert!(failed.run(|db| db.execute("INSERT INTO nowhere VALUES (1)", [])).await.is_err());
    drop(failed);

    let panicked = pool.begin(&file).await.unwrap();
    panicked.run(add(7)).await.unwrap();
    assert!(matches!(
        panicked.run(|_| -> Result<(), _> { panic!("inside") }).await,
        Err(EngineError::Panicked(words)) if words == "inside"
    ));
    let after = panicked.run(add(6)).await;
    assert!(matches!(after, Err(EngineError::TransactionEnded)), "its connection is gone: {after:?}");
    drop(panicked);

    let undone = pool.begin(&file).await.unwrap();
    undone.run(add(8)).await.unwrap();
    undone.roll_back().await.unwrap();
    drop(undone);

    timeout(HANG, insert(&pool, &file, 9)).await.expect("the writer is free again").unwrap();
    assert_eq!(canaries(&pool, &file).await.unwrap(), [1, 2, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_dropped_while_it_waits_for_a_transaction_leaves_the_writer_free() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let held = pool.begin(&file).await.unwrap();
    assert!(timeout(Duration::from_millis(20), pool.begin(&file)).await.is_err());
    drop(held);
    timeout(HANG, insert(&pool, &file, 2)).await.expect("the writer is free").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_leaves_the_file_or_changes_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let stolen = folder.path().join("stolen.db");
    let vacuum = format!("VACUUM INTO '{}'", stolen.display());
    let attach = format!("ATTACH '{}' AS other", stolen.display());
    for sql in [
        attach.as_str(),
        vacuum.as_str(),
        "PRAGMA foreign_keys = off",
        "PRAGMA query_only = off",
        "PRAGMA journal_mode = delete",
        "PRAGMA writable_schema = on",
        "CREATE TEMP TABLE left_behind (a)",
        "BEGIN",
        "SAVEPOINT s",
        "SELECT load_extension('x')",
    ] {
        let sql_owned = sql.to_owned();
        let refused = pool.write(&file, move |db| db.execute_batch(&sql_owned)).await;
        assert!(refused.is_err(), "{sql}");
    }
    assert!(!stolen.exists());
    let written = pool.read(&file, |db| db.execute("INSERT INTO canary VALUES (2)", [])).await;
    assert!(written.is_err(), "a reader does not write");
    insert(&pool, &file, 3).await.unwrap();
    assert_eq!(canaries(&pool, &file).await.unwrap(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_reaches_its_caller_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    for _ in 0..30 {
        // The first is on a thread, which opens the file; the second where it is asked for.
        for _ in 0..2 {
            let panicked = pool.read(&file, |_| -> Result<(), _> { panic!("inside") }).await;
            assert!(matches!(panicked, Err(EngineError::Panicked(words)) if words == "inside"));
            assert_eq!(timeout(HANG, canaries(&pool, &file)).await.unwrap().unwrap(), [1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_file_is_locked_until_it_is_closed_and_then_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let file = file(folder.path(), 1);
    let lock = folder.path().join("1.lock");
    canaries(&pool, &file).await.unwrap();
    assert!(matches!(FileLock::exclusive(&lock), Err(LockError::Held)));

    let lease = pool.begin(&file).await.unwrap();
    let closing = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.close(TenantId::new(1)).await })
    };
    while !file.is_closed() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(canaries(&pool, &file).await, Err(EngineError::Closed)));
    assert!(!closing.is_finished(), "the open transaction may end first");
    lease.run(|db| db.execute("INSERT INTO canary VALUES (2)", [])).await.unwrap();
    lease.commit().await.unwrap();
    drop(lease);
    timeout(HANG, closing).await.unwrap().unwrap();

    assert_eq!(pool.stats().files.open, 0);
    assert!(!folder.path().join("1.db-wal").exists(), "the log was written back");
    let exclusive = FileLock::exclusive(&lock).expect("nobody holds it any more");
    let again = Arc::new(DataFile::new(TenantId::new(1), folder.path().join("1.db"), lock.clone()));
    let refused = canaries(&pool, &again).await;
    assert!(matches!(refused, Err(EngineError::Lock(LockError::Held))), "{refused:?}");
    drop(exclusive);
    assert_eq!(canaries(&pool, &again).await.unwrap(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_is_an_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(100, HANG);
    let (path, lock) = (folder.path().join("9.db"), folder.path().join("9.lock"));
    let file = Arc::new(DataFile::new(TenantId::new(9), path, lock));
    assert!(matches!(canaries(&pool, &file).await, Err(EngineError::Lock(LockError::Missing))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Each of them begins before another has ended, so that SQLite itself never finds a moment to begin the log anew.
#[tokio::test(flavor = "multi_thread")]
async fn reads_that_overlap_do_not_let_a_log_grow_without_end() {
    const LONGEST: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let config =
        PoolConfig { descriptors: 100, deadline: HANG, synchronous: Synchronous::Normal, log: LONGEST };
    let (pool, file) = (Pool::new(config), file(folder.path(), 1));
    pool.write(&file, |db| db.execute("CREATE TABLE large (content BLOB)", [])).await.unwrap();
    let mut readers = JoinSet::new();
    for _ in 0..3 {
        let (pool, file) = (pool.clone(), Arc::clone(&file));
        readers.spawn(async move {
            loop {
                let counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) \
                               SELECT count(*) FROM n, (SELECT count(*) FROM canary)";
                let counted =
                    pool.read(&file, move |db| db.query_row(counted, [], |row| row.get::<_, i64>(0)));
                assert_eq!(counted.await.unwrap(), 200_000);
            }
        });
    }
    let log = folder.path().join("1.db-wal");
    let mut longest = 0;
    for _ in 0..2_000 {
        let insert = "INSERT INTO large VALUES (randomblob(8000))";
        timeout(HANG, pool.write(&file, |db| db.execute(insert, []))).await.unwrap().unwrap();
        longest = longest.max(std::fs::metadata(&log).unwrap().len());
    }
    assert!(longest <= 2 * LONGEST, "{longest} bytes, and a write adds some thousands");
    assert!(readers.try_join_next().is_none(), "the readers go on");
    let count = "SELECT count(*) FROM large";
    let stored = pool.read(&file, |db| db.query_row(count, [], |row| row.get::<_, i64>(0))).await;
    assert_eq!(stored.unwrap(), 2_000);
}
