//! Short reads of several tenants on one line: each gets its own, and nobody waits for another's long one.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{HANG, on_each, query};
use crate::postgres::{Door, PostgresError};

/// Who asks, by which process, and whether that is a line's.
const WHO: &str = "SELECT NULLIF(current_setting('tenantry.tenant', true), ''), pg_backend_pid(), \
                   current_setting('statement_timeout') = '50ms'";

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    tenant: Option<String>,
    process: i32,
    on_line: bool,
}

async fn seen(door: &Door) -> Seen {
    let (rows, _) = timeout(HANG, Box::pin(door.read(&query(WHO)))).await.unwrap().unwrap();
    Seen { tenant: rows[0].get(0), process: rows[0].get(1), on_line: rows[0].get(2) }
}

/// Waits until a door's reads go by a line, and says by which process.
async fn line_of(door: &Door) -> i32 {
    let until = async {
        loop {
            let seen = seen(door).await;
            if seen.on_line {
                return seen.process;
            }
        }
    };
    timeout(HANG, until).await.expect("a line is opened")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reads_that_are_under_way_together_never_meet() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let mut doors: Vec<_> = (1..=6).map(|tenant| (Some(tenant.to_string()), rig.door(tenant))).collect();
        doors.push((None, rig.whole(7)));
        let line = line_of(&doors[0].1).await;
        let mut tasks = Vec::new();
        for (tenant, door) in doors {
            tasks.push(tokio::spawn(async move {
                let mut by_line = 0;
                for _ in 0..100 {
                    for seen in join_all((0..3).map(|_| seen(&door))).await {
                        assert_eq!(seen.tenant, tenant);
                        assert_eq!(seen.on_line, seen.process == line);
                        by_line += usize::from(seen.on_line);
                    }
                }
                by_line
            }));
        }
        for task in tasks {
            let by_line = task.await.unwrap();
            assert!(by_line > 200, "{by_line} of 300 went together");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_dropped_at_any_point_leaves_the_line_to_the_others() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let (one, other) = (rig.door(1), rig.door(2));
        let line = line_of(&one).await;
        let sleep = query("SELECT pg_sleep(0.01)");
        for polls in 0..6 {
            for _ in 0..10 {
                let mut read = Box::pin(one.read(&sleep));
                for _ in 0..polls {
                    let polled = poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_ready()));
                    if polled.await {
                        break;
                    }
                }
                drop(read);
                let seen = seen(&other).await;
                assert_eq!(seen.tenant.as_deref(), Some("2"));
            }
        }
        assert!(rig.dropped.load(Ordering::Relaxed) > 0);
        rig.rest().await;
        for door in [&one, &other] {
            assert_eq!(line_of(door).await, line, "it is still in use");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_is_ended_on_the_line_and_answered_on_a_connection_of_its_own() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let (slow, quick) = (rig.door(1), rig.door(2));
        let line = line_of(&slow).await;
        assert_eq!(line_of(&quick).await, line);
        let read = timeout(HANG, Box::pin(slow.read(&query("SELECT pg_sleep(0.3), 'done'"))))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(read.0[0].get::<_, &str>(1), "done");
        let apart = seen(&slow).await;
        assert!(!apart.on_line, "its next ones go their own way: {apart:?}");
        assert_eq!(apart.tenant.as_deref(), Some("1"));
        assert_eq!(seen(&quick).await.process, line);

        let large = Box::pin(slow.read(&query("SELECT repeat('x', 2000000)"))).await.unwrap();
        assert_eq!(large.0[0].get::<_, &str>(0).len(), 2_000_000);
        assert_eq!(line_of(&slow).await, line, "and later ones come back");
        let large = Box::pin(slow.read(&query("SELECT repeat('x', 2000000)"))).await.unwrap();
        assert_eq!(large.0[0].get::<_, &str>(0).len(), 2_000_000);
        assert!(!seen(&slow).await.on_line);
        rig.rest().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_costs_no_answer() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let door = rig.door(1);
        for _ in 0..3 {
            let line = line_of(&door).await;
            rig.whole(9).run(&query(&format!("SELECT pg_terminate_backend({line})"))).await.unwrap();
            for _ in 0..5 {
                let seen = seen(&door).await;
                assert_eq!(seen.tenant.as_deref(), Some("1"));
            }
            assert_ne!(line_of(&door).await, line);
        }
        rig.rest().await;
        assert!(rig.server.stats().open <= 4, "{:?}", rig.server.stats());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_on_any_connection() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let door = rig.door(1);
        let line = line_of(&door).await;
        let refused = Box::pin(door.read(&query("SELECT 1 / 0"))).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "22012");
        assert_eq!(seen(&door).await.process, line);
        door.close();
        let closed = Box::pin(door.read(&query(WHO))).await;
        assert!(matches!(closed, Err(PostgresError::Closed)), "{closed:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_part_of_the_budget_and_end_with_the_server() {
    on_each(async |place| {
        let rig = place.rig(4, Duration::from_secs(30));
        let door = rig.door(1);
        line_of(&door).await;
        rig.rest().await;
        let stats = rig.server.stats();
        assert!(stats.open <= 4 && stats.idle == stats.open, "{stats:?}");
        timeout(HANG, rig.server.close()).await.unwrap();
        assert_eq!(rig.server.stats().open, 0);
        let closed = Box::pin(door.read(&query(WHO))).await;
        assert!(matches!(closed, Err(PostgresError::Closed)), "{closed:?}");

        let small = place.rig(3, HANG);
        for _ in 0..20 {
            assert!(!seen(&small.door(1)).await.on_line, "too few connections for one");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_has_had_enough_tenants_is_replaced() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let first = line_of(&rig.whole(1)).await;
        let mut lines = vec![first];
        for tenant in 2..=1_100 {
            let door = rig.whole(tenant);
            let seen = seen(&door).await;
            // Until the next one is open, a read goes its own way.
            let line = if seen.on_line { seen.process } else { line_of(&door).await };
            if lines.last() != Some(&line) {
                assert!(!lines.contains(&line), "tenant {tenant} is on one that was replaced");
                lines.push(line);
            }
        }
        assert_eq!(lines.len(), 3, "500 tenants on each: {lines:?}");
        rig.rest().await;
        assert!(rig.server.stats().open <= 4, "{:?}", rig.server.stats());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_keeps_the_statements_of_its_tenants_but_not_without_end() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let door = rig.whole(1);
        let line = line_of(&door).await;
        let count =
            "SELECT count(*), pg_backend_pid() FROM pg_prepared_statements WHERE statement LIKE '%of many%'";
        let kept = async || {
            let (rows, _) = Box::pin(door.read(&query(count))).await.unwrap();
            assert_eq!(rows[0].get::<_, i32>(1), line);
            rows[0].get::<_, i64>(0)
        };
        let ask = async |number: i32| {
            Box::pin(door.read(&query(&format!("SELECT {number} AS \"of many\"")))).await.unwrap();
        };
        for number in 0..1_000 {
            ask(number).await;
        }
        // The count is one of them too.
        assert_eq!(kept().await, 1_001);
        for number in 1_000..2_000 {
            ask(number).await;
        }
        let kept = kept().await;
        assert!((1_000..=1_030).contains(&kept), "{kept}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_on_a_line_ends_with_its_read_whatever_came_of_it() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let doors: Vec<_> = (1..=6).map(|tenant| rig.door(tenant)).collect();
        let line = line_of(&doors[0]).await;
        let state = query(&format!("SELECT state FROM pg_stat_activity WHERE pid = {line}"));
        let broken = query("SELECT 1 / 0");
        let mut by_line = 0;
        for round in 0..50 {
            let reads = doors.iter().zip(1..).map(async |(door, tenant)| {
                if tenant == 1 + round % 6 {
                    let refused = Box::pin(door.read(&broken)).await.unwrap_err();
                    assert_eq!(refused.code().unwrap().code(), "22012");
                    return false;
                }
                let seen = seen(door).await;
                assert_eq!(seen.tenant, Some(tenant.to_string()));
                assert_eq!(seen.on_line, seen.process == line);
                seen.on_line
            });
            by_line += join_all(reads).await.into_iter().filter(|on_line| *on_line).count();
            // Nothing is sent on the line to look at it.
            let idle = async {
                let other = rig.whole(9);
                while other.run(&state).await.unwrap().0[0].get::<_, &str>(0) != "idle" {}
            };
            timeout(HANG, idle).await.expect("it rests outside of any transaction");
        }
        assert!(by_line > 200, "{by_line} of 250 were not harmed by those that failed");
        assert_eq!(line_of(&doors[0]).await, line);
    })
    .await;
}
