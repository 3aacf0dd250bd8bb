//! Transactions: all or nothing, whichever way they end.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Note, door, note};
use crate::TenantDb;
use crate::model::{Model, QueryError};
use crate::tenant_db::Store;

super::on_every_database! {
    what_a_transaction_did_is_kept_when_it_succeeds,
    an_error_of_the_applications_own_undoes_all,
    an_ignored_failure_undoes_all_the_same,
    a_value_refused_before_it_reached_the_database_undoes_nothing,
    a_dropped_transaction_undoes_all_and_frees_the_writer,
    a_panic_undoes_all_and_frees_the_writer,
    a_transaction_has_no_other_inside_and_its_door_closes_with_it,
    a_bulk_insert_is_all_or_nothing,
    a_handler_can_run_a_transaction,
}

async fn count(db: &TenantDb) -> u64 {
    db.query::<Note>().count().await.unwrap()
}

async fn what_a_transaction_did_is_kept_when_it_succeeds(db: TenantDb) {
    let key = db
        .transaction(async |tx| -> Result<_, QueryError> {
            let first = tx.insert(note("one")).await?;
            tx.insert_all(vec![note("two"), note("three")]).await?;
            assert_eq!(tx.query::<Note>().count().await?, 3, "a transaction sees what it wrote");
            Ok(first.key())
        })
        .await
        .unwrap();
    assert_eq!(key, Some(1));
    assert_eq!(count(&db).await, 3);
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("changed my mind")]
    ChangedMyMind,
    #[error(transparent)]
    Query(#[from] QueryError),
}

async fn an_error_of_the_applications_own_undoes_all(db: TenantDb) {
    let outcome: Result<(), _> = db
        .transaction(async |tx| {
            tx.insert(note("one")).await?;
            Err(AppError::ChangedMyMind)
        })
        .await;
    assert!(matches!(outcome, Err(AppError::ChangedMyMind)), "{outcome:?}");
    assert_eq!(count(&db).await, 0);
}

async fn an_ignored_failure_undoes_all_the_same(db: TenantDb) {
    let outcome: Result<(), QueryError> = db
        .transaction(async |tx| {
            tx.insert(note("one")).await?;
            let failed = tx.insert(note("one")).await;
            assert!(matches!(failed, Err(QueryError::Unique { .. })));
            assert!(matches!(tx.insert(note("two")).await, Err(QueryError::TransactionAborted)));
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(QueryError::TransactionAborted)), "{outcome:?}");
    assert_eq!(count(&db).await, 0);
    db.insert(note("one")).await.unwrap();
}

async fn a_value_refused_before_it_reached_the_database_undoes_nothing(db: TenantDb) {
    db.transaction(async |tx| -> Result<_, QueryError> {
        tx.insert(note("one")).await?;
        assert!(matches!(tx.insert(note(&"x".repeat(21))).await, Err(QueryError::Value(_))));
        assert!(matches!(
            tx.query::<Note>().filter(Note::ID.eq(9)).one().await,
            Err(QueryError::NotFound { .. })
        ));
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(count(&db).await, 1);
}

async fn a_dropped_transaction_undoes_all_and_frees_the_writer(db: TenantDb) {
    let kept = Arc::new(std::sync::Mutex::new(None));
    let (reached, wait) = oneshot::channel();
    let task = tokio::spawn({
        let (db, kept) = (db.clone(), Arc::clone(&kept));
        async move {
            db.transaction(async move |tx| -> Result<(), QueryError> {
                tx.insert(note("one")).await?;
                *kept.lock().unwrap() = Some(tx.clone());
                reached.send(()).unwrap();
                std::future::pending().await
            })
            .await
        }
    });
    wait.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let clone = kept.lock().unwrap().take().unwrap();
    assert!(matches!(clone.insert(note("late")).await, Err(QueryError::TransactionEnded)));
    assert_eq!(count(&db).await, 0);
    db.insert(note("next")).await.unwrap();
}

async fn a_panic_undoes_all_and_frees_the_writer(db: TenantDb) {
    let task = tokio::spawn({
        let db = db.clone();
        async move {
            db.transaction(async |tx| -> Result<(), QueryError> {
                tx.insert(note("one")).await?;
                panic!("planted")
            })
            .await
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(count(&db).await, 0);
    db.insert(note("next")).await.unwrap();
}

async fn a_transaction_has_no_other_inside_and_its_door_closes_with_it(db: TenantDb) {
    let door = db
        .transaction(async |tx| -> Result<_, QueryError> {
            let nested = tx.transaction(async |_| Ok::<_, QueryError>(())).await;
            assert!(matches!(nested, Err(QueryError::NestedTransaction)));
            tx.insert(note("one")).await?;
            Ok(tx)
        })
        .await
        .unwrap();
    assert_eq!(count(&db).await, 1, "the refused inner one undid nothing");
    assert!(matches!(door.query::<Note>().all().await, Err(QueryError::TransactionEnded)));
    assert!(matches!(door.insert(note("two")).await, Err(QueryError::TransactionEnded)));
    assert_eq!(count(&db).await, 1);
}

async fn a_bulk_insert_is_all_or_nothing(db: TenantDb) {
    let mut notes: Vec<_> = (0..2_500).map(|number| note(&number.to_string())).collect();
    assert_eq!(db.insert_all(notes.clone()).await.unwrap(), 2_500);
    notes.iter_mut().for_each(|note| note.title.push('b'));
    notes.push(note("7"));
    assert!(matches!(db.insert_all(notes).await, Err(QueryError::Unique { .. })));
    assert_eq!(count(&db).await, 2_500);
    assert_eq!(db.insert_all(Vec::<Note>::new()).await.unwrap(), 0);
}

/// The futures can be awaited in a task, and so in an axum handler: it compiles.
async fn a_handler_can_run_a_transaction(db: TenantDb) {
    fn assert_send<F: Future + Send>(future: F) -> F {
        future
    }
    let title = "from a handler".to_owned();
    let handler = assert_send(async {
        db.transaction(async |tx| -> Result<(), QueryError> {
            let stored = tx.insert(note(&title)).await?;
            tx.query::<Note>().filter(Note::ID.eq(1)).update([Note::BODY.set(stored.body)]).await?;
            Ok(())
        })
        .await
    });
    handler.await.unwrap();
    assert_send(db.find::<Note>(1)).await.unwrap();
    assert_send(db.rows(Note::META).all()).await.unwrap();
}

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// Begins an operation that never ends, and drops it.
async fn drop_half_way(db: &TenantDb) {
    let mut operation = std::pin::pin!(db.raw(ENDLESS, vec![]));
    let began = std::future::poll_fn(|context| std::task::Poll::Ready(operation.as_mut().poll(context)));
    assert!(began.await.is_pending());
}

#[tokio::test]
async fn an_operation_dropped_half_way_undoes_its_transaction_and_is_counted() {
    let (_folder, db) = door().await;
    let Store::Sqlite { pool, .. } = &db.store else { panic!("a file's door") };
    assert_eq!(pool.stats().dropped, 0);
    drop_half_way(&db).await;
    assert_eq!(pool.stats().dropped, 1);
    let outcome: Result<(), QueryError> = db
        .transaction(async |tx| {
            tx.insert(note("one")).await?;
            drop_half_way(&tx).await;
            assert!(matches!(tx.insert(note("two")).await, Err(QueryError::TransactionAborted)));
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(QueryError::TransactionAborted)), "{outcome:?}");
    assert_eq!(count(&db).await, 0);
    assert_eq!(pool.stats().dropped, 2);
    db.insert(note("next")).await.unwrap();
}

#[tokio::test]
async fn only_the_engine_begins_and_ends_transactions_and_a_read_writes_nothing() {
    let (_folder, db) = door().await;
    for sql in ["BEGIN", "COMMIT", "ATTACH ':memory:' AS other", "PRAGMA foreign_keys = OFF"] {
        assert!(matches!(db.raw_execute(sql, vec![]).await, Err(QueryError::Denied)), "{sql}");
    }
    let sql = "INSERT INTO notes_note (title, state) VALUES ('x', 'draft') RETURNING id";
    assert!(matches!(db.raw(sql, vec![]).await, Err(QueryError::ReadOnly)));
    assert_eq!(count(&db).await, 0);
    let rows = db.transaction(async |tx| tx.raw(sql, vec![]).await).await.unwrap();
    assert_eq!(rows[0].get::<i64>("id").unwrap(), 1);
    assert_eq!(count(&db).await, 1);
}
