//! Raw SQL through a tenant's door, written by someone who means harm: it stays in its file, leaves nothing behind on
//! the connection, and takes no more than its share.

use tenantry_db::TenantDb;
use tenantry_db::model::{Model, QueryError, Value};

use crate::common::*;

/// Leaves the file, the transaction or the connection as it should not be.
const DENIED: [&str; 42] = [
    "ATTACH 'other.db' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'other.db'",
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT a",
    "RELEASE a",
    "CREATE TEMP TABLE left_behind (a)",
    "CREATE TEMP VIEW left_behind AS SELECT 1",
    "CREATE TEMP TRIGGER left_behind AFTER INSERT ON notes_note BEGIN SELECT 1; END",
    "CREATE TABLE temp.left_behind (a)",
    "CREATE TABLE temp.notes_note AS SELECT 1 AS id, 'in its place' AS title",
    "CREATE VIEW temp.left_behind AS SELECT 1",
    "CREATE TRIGGER temp.left_behind AFTER INSERT ON main.notes_note BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.left_behind USING fts5(a)",
    "CREATE VIRTUAL TABLE temp.left_behind USING dbstat",
    "PRAGMA application_id = 1",
    "PRAGMA cache_size = 1000000",
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA hard_heap_limit = 1000",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA legacy_alter_table = ON",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA mmap_size = 1000000",
    "PRAGMA optimize",
    "PRAGMA page_size = 512",
    "PRAGMA query_only = OFF",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA soft_heap_limit = 1000",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA trusted_schema = ON",
    "PRAGMA user_version = 7",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA writable_schema = ON",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_function_list",
];

/// Refused by SQLite itself, or not there at all.
const FAILING: [&str; 16] = [
    "INSERT INTO sqlite_schema VALUES ('table', 'z', 'z', 0, 'CREATE TABLE z (a)')",
    "UPDATE sqlite_schema SET sql = 'x'",
    "DELETE FROM sqlite_schema",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('x', x'0000000000000000')",
    "SELECT edit('x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('x', 'y')",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM sqlite_stmt",
    "SELECT * FROM bytecode('SELECT 1')",
    "SELECT * FROM fsdir('.')",
    "SELECT * FROM zipfile('x')",
    "SELECT * FROM pragma_wal_checkpoint",
    "SELECT * FROM pragma_hard_heap_limit(1)",
    "SELECT 1; DELETE FROM notes_note",
];

/// Runs a statement as one that writes, as one that reads, and in a transaction.
async fn everywhere(db: &TenantDb, sql: &str) -> [Result<(), QueryError>; 3] {
    let written = db.raw_execute(sql, vec![]).await.map(drop);
    let read = db.raw(sql, vec![]).await.map(drop);
    let inside = db.transaction(async |tx| tx.raw_execute(sql, vec![]).await).await.map(drop);
    [written, read, inside]
}

/// What the connection that writes holds beside the file.
async fn left_behind(db: &TenantDb) -> usize {
    let looked = db.transaction(async |tx| tx.raw("SELECT * FROM sqlite_temp_schema", vec![]).await);
    looked.await.unwrap().len()
}

#[tokio::test]
async fn no_statement_leaves_the_file_or_something_on_the_connection() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    let db = door(&instance, "acme");
    write(&db, "one").await.unwrap();
    for sql in DENIED {
        let [written, read, inside] = everywhere(&db, sql).await;
        assert!(matches!(written, Err(QueryError::Denied)), "{sql}: {written:?}");
        // A connection that only reads may say that first.
        assert!(matches!(read, Err(QueryError::Denied | QueryError::ReadOnly)), "{sql}: {read:?}");
        // VACUUM says first that it can't be there.
        assert!(inside.is_err(), "{sql}");
    }
    for sql in FAILING {
        for outcome in everywhere(&db, sql).await {
            assert!(outcome.is_err(), "{sql}");
        }
    }
    assert_eq!(left_behind(&db).await, 0);
    write(&db, "two").await.unwrap();
    assert_eq!(titles(&db).await.unwrap(), ["one", "two"]);
    let held = site.listed("data/tenants");
    assert!(held.iter().all(|name| name.starts_with('t') && !name.contains("other")), "{held:?}");
}

#[tokio::test]
async fn what_an_application_needs_is_allowed() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    let db = door(&instance, "acme");
    for sql in [
        "CREATE TABLE a (x REFERENCES notes_note (id))",
        "CREATE VIEW seen AS SELECT x FROM a",
        "CREATE TRIGGER fired AFTER INSERT ON a BEGIN UPDATE a SET x = NULL; END",
        "ALTER TABLE a RENAME TO b",
        "ALTER TABLE b RENAME COLUMN x TO y",
        "ALTER TABLE b ADD COLUMN z",
        "ALTER TABLE b DROP COLUMN z",
        "CREATE INDEX of_b ON b (y)",
        "INSERT INTO b VALUES (1)",
        "REINDEX",
        "ANALYZE",
        "DROP TABLE b",
        "CREATE VIRTUAL TABLE found USING fts5(words)",
        "INSERT INTO found VALUES ('needle in hay')",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, low, high)",
        "INSERT INTO boxes VALUES (1, 2, 3)",
    ] {
        db.raw_execute(sql, vec![]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    for sql in [
        "SELECT * FROM found WHERE found MATCH 'needle'",
        "SELECT * FROM boxes WHERE low > 1",
        "SELECT * FROM pragma_table_info('notes_note') LIMIT 1",
        "PRAGMA quick_check",
    ] {
        let rows = db.raw(sql, vec![]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(rows.len(), 1, "{sql}");
    }
}

/// Without bounds, the first four take gigabytes that all tenants share. The patterns call themselves once for each
/// star, until the thread's stack ends, and with it the process of all tenants.
#[tokio::test]
async fn what_is_too_large_is_refused_and_everyone_goes_on() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    let db = door(&instance, "acme");
    write(&db, "one").await.unwrap();
    let text = |length| Value::Text("a".repeat(length));
    let stars = |star: &str| Value::Text(format!("{star}a").repeat(24_000));
    for (sql, values) in [
        ("SELECT zeroblob(900000000)", vec![]),
        ("SELECT hex(randomblob(50000000))", vec![]),
        ("SELECT printf('%.*c', 900000000, 'x')", vec![]),
        ("SELECT replace(hex(zeroblob(1000000)), '0', ?)", vec![text(1_000)]),
        ("SELECT length(?)", vec![text(70_000_000)]),
        ("SELECT ? LIKE ?", vec![text(24_000), stars("%")]),
        ("SELECT ? GLOB ?", vec![text(24_000), stars("*")]),
        ("SELECT like(?, ?)", vec![stars("%"), text(24_000)]),
        (&format!("SELECT 1 -- {}", "x".repeat(9_000_000)), vec![]),
    ] {
        let refused = db.raw(sql, values).await;
        assert!(matches!(refused, Err(QueryError::TooLarge)), "{sql:.60}: {refused:?}");
    }
    for sql in [
        format!("SELECT {}1{}", "(SELECT ".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT * FROM {}notes_note{}", "(SELECT * FROM ".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT 1{}", " + 1".repeat(50_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(50_000)),
        format!("SELECT json('{}{}')", "[".repeat(50_000), "]".repeat(50_000)),
    ] {
        let refused = db.raw(sql.as_str(), vec![]).await;
        assert!(matches!(refused, Err(QueryError::Database(_))), "{sql:.60}: {refused:?}");
    }
    assert_eq!(titles(&db).await.unwrap(), ["one"]);
}

/// A row of a view, which takes no disk.
#[derive(Model, Clone, Debug)]
#[model(app = "notes", crate = "tenantry_db")]
struct Page {
    #[field(primary_key)]
    id: i64,
    text: String,
}

/// Without a bound, both take memory for as long as an operation may run.
#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_before_it_takes_the_memory() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    let db = door(&instance, "acme");
    let pages = "CREATE VIEW notes_page AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) \
                 SELECT id, hex(zeroblob(4000000)) AS text FROM n";
    db.raw_execute(pages, vec![]).await.unwrap();
    let found = db.query::<Page>().limit(30).all().await.unwrap();
    assert_eq!(found.iter().map(|page| page.text.len()).sum::<usize>(), 240_000_000);
    drop(found);
    for endless in [db.query::<Page>(), db.query::<Page>().limit(40)] {
        assert!(matches!(endless.all().await.map(drop), Err(QueryError::TooLarge)));
    }
    let raw = db.raw("SELECT text FROM notes_page", vec![]).await.map(drop);
    assert!(matches!(raw, Err(QueryError::TooLarge)), "{raw:?}");
    assert_eq!(db.raw("SELECT id FROM notes_page LIMIT 1000", vec![]).await.unwrap().len(), 1_000);
}

/// Each of these ends the transaction inside SQLite. Nothing that comes later may then be kept on its own.
#[tokio::test]
async fn a_transaction_that_sqlite_ends_half_way_keeps_nothing_of_what_follows() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    let db = door(&instance, "acme");
    write(&db, "kept").await.unwrap();
    let raise = "CREATE TRIGGER raised BEFORE INSERT ON notes_note WHEN NEW.title = 'raise' \
                 BEGIN SELECT RAISE(ROLLBACK, 'planted'); END";
    db.raw_execute(raise, vec![]).await.unwrap();
    for sql in [
        "INSERT OR ROLLBACK INTO notes_note (id, title) VALUES (1, 'again')",
        "INSERT INTO notes_note (title) VALUES ('raise')",
    ] {
        let outcome: Result<(), QueryError> = db
            .transaction(async |tx| {
                write(&tx, "before").await?;
                assert!(tx.raw_execute(sql, vec![]).await.is_err(), "{sql}");
                for _ in 0..3 {
                    let later = write(&tx, "after").await;
                    assert!(matches!(later, Err(QueryError::TransactionAborted)), "{sql}: {later:?}");
                }
                Ok(())
            })
            .await;
        assert!(matches!(outcome, Err(QueryError::TransactionAborted)), "{sql}: {outcome:?}");
        assert_eq!(titles(&db).await.unwrap(), ["kept"], "{sql}");
    }
    write(&db, "next").await.unwrap();
    assert_eq!(titles(&db).await.unwrap(), ["kept", "next"]);
}
