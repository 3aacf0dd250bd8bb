//! Transactions that clash are begun again, as often as was said and no more, and nothing of an attempt is left.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::time::timeout;

use super::{Note, note, on_servers, on_shared_tables};
use crate::TenantDb;
use crate::model::QueryError;

/// Long enough that only a hang gets there.
const HANG: Duration = Duration::from_secs(60);

super::on_every_database! {
    what_meets_nobody_runs_once,
    an_error_of_another_kind_is_not_tried_again,
}

fn attempts(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

async fn body(db: &TenantDb, title: &str) -> String {
    db.query::<Note>().filter(Note::TITLE.eq(title)).one().await.unwrap().body.unwrap_or_default()
}

/// Adds a letter to a note's text: what another transaction added meanwhile would be lost without a second attempt.
async fn append(db: &TenantDb, title: &str, letter: &str) -> Result<(), QueryError> {
    let found = db.query::<Note>().filter(Note::TITLE.eq(title)).one().await?;
    let body = Some(found.body.clone().unwrap_or_default() + letter);
    db.update(&Note { body, ..found }).await
}

async fn what_meets_nobody_runs_once(db: TenantDb) {
    let runs = AtomicU32::new(0);
    let done = db.transaction_with_retry(attempts(3), async |tx| {
        runs.fetch_add(1, Ordering::Relaxed);
        tx.insert(note("one")).await
    });
    assert_eq!(done.await.unwrap().title, "one");
    assert_eq!((runs.into_inner(), db.query::<Note>().count().await.unwrap()), (1, 1));
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("changed my mind")]
    ChangedMyMind,
    #[error(transparent)]
    Query(#[from] QueryError),
}

async fn an_error_of_another_kind_is_not_tried_again(db: TenantDb) {
    let runs = AtomicU32::new(0);
    let outcome: Result<(), AppError> = db
        .transaction_with_retry(attempts(3), async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            tx.insert(note("one")).await?;
            Err(AppError::ChangedMyMind)
        })
        .await;
    assert!(matches!(outcome, Err(AppError::ChangedMyMind)), "{outcome:?}");
    db.insert(note("one")).await.unwrap();
    let outcome: Result<(), QueryError> = db
        .transaction_with_retry(attempts(3), async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            tx.insert(note("one")).await.map(drop)
        })
        .await;
    assert!(matches!(outcome, Err(QueryError::Unique { .. })), "{outcome:?}");
    let nested = db.transaction(async |tx| {
        let inner = tx.transaction_with_retry(attempts(3), async |_| Ok::<_, QueryError>(())).await;
        assert!(matches!(inner, Err(QueryError::NestedTransaction)), "{inner:?}");
        Ok::<_, QueryError>(())
    });
    nested.await.unwrap();
    assert_eq!((runs.into_inner(), db.query::<Note>().count().await.unwrap()), (2, 1));
}

/// Another changes the row between the transaction's reading and its writing, so often.
async fn overtaken(db: &TenantDb, times: u32, most: u32) -> (Result<(), QueryError>, u32) {
    let runs = AtomicU32::new(0);
    let outcome = db
        .transaction_with_retry(attempts(most), async |tx| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            tx.insert(note(&format!("{run} of {most}, {times}"))).await?;
            let found = tx.query::<Note>().filter(Note::TITLE.eq("shared")).one().await?;
            if run <= times {
                append(db, "shared", "o").await?;
            }
            let body = Some(found.body.clone().unwrap_or_default() + "t");
            tx.update(&Note { body, ..found }).await
        })
        .await;
    (outcome, runs.into_inner())
}

async fn a_row_that_another_changed(db: TenantDb) {
    db.insert(note("shared")).await.unwrap();
    let (outcome, runs) = overtaken(&db, 2, 5).await;
    outcome.unwrap();
    assert_eq!((runs, body(&db, "shared").await), (3, "oot".to_owned()), "nobody's change is lost");
    assert_eq!(db.query::<Note>().count().await.unwrap(), 2, "nothing is left of the first attempts");

    let (outcome, runs) = overtaken(&db, u32::MAX, 3).await;
    assert!(matches!(outcome, Err(QueryError::Conflict)), "{outcome:?}");
    assert_eq!((runs, body(&db, "shared").await), (3, "ootooo".to_owned()));
    assert_eq!(db.query::<Note>().count().await.unwrap(), 2);

    // Without more attempts it is a plain transaction.
    let (outcome, runs) = overtaken(&db, 1, 1).await;
    assert!(matches!(outcome, Err(QueryError::Conflict)), "{outcome:?}");
    assert_eq!(runs, 1);
}

/// Each has one row and waits for the other's: the server ends one of them, which comes again.
async fn each_waits_for_the_other(db: TenantDb) {
    for title in ["left", "right"] {
        db.insert(note(title)).await.unwrap();
    }
    let (met, runs) = (Barrier::new(2), AtomicU32::new(0));
    let crossing = async |first: &'static str, second: &'static str, letter: &'static str| {
        let own = AtomicU32::new(0);
        db.transaction_with_retry(attempts(10), async |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            append(&tx, first, letter).await?;
            if own.fetch_add(1, Ordering::Relaxed) == 0 {
                met.wait().await;
            }
            append(&tx, second, letter).await
        })
        .await
    };
    let both = async { tokio::join!(crossing("left", "right", "l"), crossing("right", "left", "r")) };
    let (one, other): (Result<(), QueryError>, Result<(), QueryError>) = timeout(HANG, both).await.unwrap();
    one.unwrap();
    other.unwrap();
    assert!(runs.load(Ordering::Relaxed) >= 3, "one of them was undone");
    let (left, right) = (body(&db, "left").await, body(&db, "right").await);
    assert!(left == right && ["lr", "rl"].contains(&left.as_str()), "each has both once: {left}, {right}");
}

#[tokio::test]
async fn a_row_that_another_changed_in_a_schema() {
    on_servers(a_row_that_another_changed).await;
}

#[tokio::test]
async fn a_row_that_another_changed_in_shared_tables() {
    on_shared_tables(a_row_that_another_changed).await;
}

#[tokio::test]
async fn each_waits_for_the_other_in_a_schema() {
    on_servers(each_waits_for_the_other).await;
}

#[tokio::test]
async fn each_waits_for_the_other_in_shared_tables() {
    on_shared_tables(each_waits_for_the_other).await;
}

/// The futures can be awaited in a task, and so in an axum handler: it compiles.
#[tokio::test]
async fn a_handler_can_try_again() {
    fn assert_send<F: Future + Send>(future: F) -> F {
        future
    }
    let (_folder, db) = super::door().await;
    let title = "from a handler".to_owned();
    let handler = assert_send(async {
        db.transaction_with_retry(attempts(2), async |tx| -> Result<(), QueryError> {
            tx.insert(note(&title)).await.map(drop)
        })
        .await
    });
    handler.await.unwrap();
}
