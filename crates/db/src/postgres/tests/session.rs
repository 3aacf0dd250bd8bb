//! What is left in a session: nothing, whatever an application's SQL has done there, and whenever its caller went away.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::{HANG, Place, on_each, query, who};
use crate::postgres::{Access, PostgresError};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_s_sql_does_to_the_session_ends_with_it() {
    on_each(what_is_done_to_the_session_ends).await;
}

pub(super) async fn what_is_done_to_the_session_ends(place: Place) {
    let rig = place.rig(1, HANG);
    let (one, other) = (rig.whole(1), rig.whole(2));
    let (_, process) = who(&one).await;
    let run = async |sql: &str| one.run_raw(Access::Write, &query(sql)).await.unwrap();
    run("SELECT set_config('search_path', 'elsewhere', false), set_config('tenantry.tenant', '1', false)")
        .await;
    run("CREATE TEMP TABLE kept AS SELECT 1 AS n").await;
    run("SELECT pg_advisory_lock(7)").await;
    let begun = one.begin().await.unwrap();
    begun.run_raw(&query("SELECT set_config('work_mem', '1MB', false)")).await.unwrap();
    begun.script("SET statement_timeout = 0; CREATE TEMP TABLE scripted (n int)").await.unwrap();
    begun.commit().await.unwrap();
    let dropped = one.begin().await.unwrap();
    dropped.run_raw(&query("SELECT set_config('work_mem', '2MB', true), pg_advisory_lock(8)")).await.unwrap();
    drop(dropped);

    let left = "SELECT current_setting('search_path') <> '\"$user\", public' \
                    OR current_setting('tenantry.tenant', true) <> '' \
                    OR current_setting('work_mem') = '1MB' OR current_setting('work_mem') = '2MB' \
                    OR current_setting('statement_timeout') = '0' \
                    OR EXISTS (SELECT 1 FROM pg_class WHERE relpersistence = 't' AND relkind = 'r') \
                    OR EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
                    pg_backend_pid()";
    let (rows, _) = other.run(&query(left)).await.unwrap();
    assert_eq!((rows[0].get::<_, Option<bool>>(0), rows[0].get(1)), (Some(false), process));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_dropped_at_any_point_harms_no_other() {
    on_each(dropped_at_any_point).await;
}

pub(super) async fn dropped_at_any_point(place: Place) {
    let rig = place.rig(1, HANG);
    let (one, other) = (Arc::new(rig.door(1)), rig.whole(2));
    other.run(&query("CREATE TABLE public.kept (n bigint)")).await.unwrap();
    let insert = query("INSERT INTO public.kept VALUES (1)");
    let mut whole = 0;
    for polls in 0..40 {
        let begun = async {
            let transaction = one.begin().await?;
            transaction.run(&insert).await?;
            transaction.run(&insert).await?;
            transaction.commit().await
        };
        if dropped_after(polls, begun).await {
            whole += 1;
        }
        // The next has the same connection: it is neither ended by what was meant for the last, nor inside of it.
        let (rows, _) =
            timeout(HANG, other.run(&query("SELECT count(*) FROM public.kept"))).await.unwrap().unwrap();
        let kept: i64 = rows[0].get(0);
        assert!(kept % 2 == 0 && kept >= 2 * whole, "{kept} of {whole} transactions after {polls} polls");
        assert_eq!(who(&rig.whole(3)).await.0, None);
    }
    assert!(whole > 0, "the last ones end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_statement_never_ends_the_next() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let (one, other) = (rig.door(1), rig.door(2));
        for _ in 0..30 {
            let slow = query("SELECT pg_sleep(50)");
            let ended = timeout(Duration::from_millis(5), one.run(&slow)).await;
            assert!(ended.is_err());
            assert_eq!(who(&other).await.0.as_deref(), Some("2"));
        }
        assert_eq!(rig.dropped.load(Ordering::Relaxed), 30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_nothing_keeps_apart_is_refused() {
    on_each(async |place| {
        let name = place.url.user();
        let group = format!("{name}_bypassing");
        for (change, safe) in [
            (format!("ALTER ROLE {name} SUPERUSER"), false),
            (format!("ALTER ROLE {name} NOSUPERUSER BYPASSRLS"), false),
            (format!("ALTER ROLE {name} NOBYPASSRLS"), true),
            // What it is not, it could become.
            (format!("CREATE ROLE {group} BYPASSRLS; GRANT {group} TO {name}"), false),
            (format!("DROP ROLE {group}"), true),
        ] {
            place.administrator.batch_execute(&change).await.unwrap();
            let ran = place.rig(1, HANG).door(1).run(&query("SELECT 1")).await;
            match ran {
                Ok(_) => assert!(safe, "{change}"),
                Err(error) => {
                    assert!(matches!(error, PostgresError::UnsafeRole(_)) && !safe, "{change}: {error:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_closed_lets_what_runs_end_and_nothing_begin() {
    on_each(async |place| {
        let rig = place.rig(2, HANG);
        let (door, late) = (rig.door(1), rig.door(2));
        let sleep = query("SELECT pg_sleep(0.3)");
        let mut running = Box::pin(door.run(&sleep));
        poll_fn(|cx| Poll::Ready(running.as_mut().poll(cx).is_pending())).await;
        let closing = rig.server.close();
        let (ran, ()) = tokio::join!(running, closing);
        ran.unwrap();
        assert!(matches!(late.run(&sleep).await, Err(PostgresError::Closed)));
        assert_eq!(rig.server.stats().open, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_statement_is_not_the_server_s() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let door = rig.whole(1);
        for raw in [true, false] {
            let missing = query("SELECT $1::bigint");
            let ran = if raw { door.run_raw(Access::Read, &missing).await } else { door.run(&missing).await };
            assert!(matches!(ran, Err(PostgresError::Refused(_))), "{ran:?}");
        }
        assert_eq!(who(&rig.door(2)).await.0.as_deref(), Some("2"));
    })
    .await;
}

/// Whether an operation ended well before it was dropped, after so many polls.
async fn dropped_after<T>(polls: usize, operation: impl Future<Output = Result<T, PostgresError>>) -> bool {
    let mut operation = Box::pin(operation);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match operation.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.is_ok()),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
