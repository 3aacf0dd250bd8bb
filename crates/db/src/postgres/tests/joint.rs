//! Short reads of a tenant with a database of its own: several at once on one connection, which stays open to everyone else.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use futures_util::future::join_all;

use super::*;

const WHO: &str = "SELECT current_database()::text, pg_backend_pid()";

async fn own(place: &Place, rig: &Rig, tenant: i64) -> (Arc<Door>, String) {
    let name = place.database().await;
    let (id, scope) = (TenantId::new(tenant), Scope::Database(name.as_str().into()));
    let door = Door::new(rig.server.clone(), id, scope, Arc::clone(&rig.dropped));
    (Arc::new(door), name.as_str().to_owned())
}

/// In which database a read ran, and by which process.
async fn seen(door: &Door) -> (String, i32) {
    let (rows, _) = timeout(HANG, Box::pin(door.read(&query(WHO)))).await.unwrap().unwrap();
    (rows[0].get(0), rows[0].get(1))
}

/// A read that takes so many seconds, and says by which process.
fn sleep(seconds: f64) -> Statement {
    let sql = "SELECT pg_sleep($1::float8), pg_backend_pid()".to_owned();
    Statement { sql, values: vec![Bound::Float(seconds)], has_own_sql: false }
}

/// Reads without a pause until it is dropped, `side` by side.
fn busy(door: &Arc<Door>, side: usize) -> tokio::task::JoinSet<()> {
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..side {
        let door = Arc::clone(door);
        reads.spawn(async move {
            loop {
                Box::pin(door.read(&sleep(0.002))).await.unwrap();
            }
        });
    }
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_tenant_go_together_and_wait_for_no_connection() {
    on_each(async |place| {
        let rig = place.rig(2, HANG);
        let doors = [own(&place, &rig, 1).await, own(&place, &rig, 2).await];
        let mut processes = Vec::new();
        for _ in 0..20 {
            let reads = |(door, _): &(Arc<Door>, String)| {
                let door = Arc::clone(door);
                async move { join_all((0..6).map(|_| seen(&door))).await }
            };
            let together = join_all(doors.iter().map(reads)).await;
            for (reads, (_, name)) in together.iter().zip(&doors) {
                assert!(reads.iter().all(|read| read == &reads[0] && read.0 == *name), "{reads:?}");
            }
            processes.push([together[0][0].1, together[1][0].1]);
        }
        assert!(processes.iter().all(|pair| *pair == processes[0]), "each keeps its own: {processes:?}");
        assert_eq!(rig.server.stats().waits, 0);
        assert_eq!(rig.server.stats().open, 2);
        rig.rest().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_without_a_pause_keep_the_connection_from_nobody() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let (door, name) = own(&place, &rig, 1).await;
        let (other, other_name) = own(&place, &rig, 2).await;
        let reads = busy(&door, 6);
        for _ in 0..10 {
            let (rows, _) =
                timeout(HANG, door.run(&query(WHO))).await.expect("a write's turn comes").unwrap();
            assert_eq!(rows[0].get::<_, &str>(0), name);
            let begun = timeout(HANG, door.begin()).await.expect("so does a transaction's").unwrap();
            begun.run(&query(WHO)).await.unwrap();
            begun.commit().await.unwrap();
            assert_eq!(seen(&other).await.0, other_name, "and another tenant's");
        }
        drop(reads);
        rig.rest().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_dropped_at_any_point_leave_the_others_and_the_connection_alone() {
    on_each(async |place| {
        // The server ends nothing by itself before the test has given up.
        let rig = place.rig(1, 2 * HANG);
        let (door, name) = own(&place, &rig, 1).await;
        let short = sleep(0.01);
        for polls in 0..6 {
            for _ in 0..5 {
                let mut read = Box::pin(door.read(&short));
                for _ in 0..polls {
                    let polled = poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_ready()));
                    if polled.await {
                        break;
                    }
                }
                let beside = tokio::spawn({
                    let door = Arc::clone(&door);
                    async move { seen(&door).await }
                });
                tokio::task::yield_now().await;
                drop(read);
                assert_eq!(beside.await.unwrap().0, name);
            }
        }
        assert!(rig.dropped.load(Ordering::Relaxed) > 0);
        rig.rest().await;

        // What goes on for long on the server is ended there with its last caller. It is sent when it is first polled: its
        // statement is known.
        let long = sleep(3600.0);
        let mut long = Box::pin(door.read(&long));
        assert!(!poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_ready())).await);
        drop(long);
        assert_eq!(seen(&door).await.0, name);
        rig.rest().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_keeps_none_that_follows_it_waiting() {
    on_each(async |place| {
        let rig = place.rig(4, HANG);
        let (door, _) = own(&place, &rig, 1).await;
        let (short, long) = (sleep(0.0), sleep(1.0));
        let (rows, _) = Box::pin(door.read(&short)).await.unwrap();
        let process: i32 = rows[0].get(1);
        // It is sent when it is first polled: its statement is known.
        let mut long = Box::pin(door.read(&long));
        assert!(!poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_ready())).await);
        let ended = Mutex::new(Vec::new());
        let quick = async {
            let quick = join_all((0..3).map(|_| seen(&door))).await;
            ended.lock().unwrap().push("quick");
            quick
        };
        let long = async {
            let (rows, _) = long.await.unwrap();
            ended.lock().unwrap().push("long");
            rows[0].get::<_, i32>(1)
        };
        let (long, quick) = tokio::join!(long, quick);
        assert!(quick.iter().all(|(_, own)| *own != process), "{quick:?}");
        assert_eq!(long, process);
        assert_eq!(*ended.lock().unwrap(), ["quick", "long"]);
        rig.rest().await;
        assert_eq!(rig.dropped.load(Ordering::Relaxed), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_as_on_any_connection() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let (door, name) = own(&place, &rig, 1).await;
        let refused = Box::pin(door.read(&query("SELECT 1 / 0"))).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "22012");
        let run = async |sql: &str| door.run(&query(sql)).await.unwrap().0;
        run("CREATE TABLE public.changed (n integer)").await;
        run("INSERT INTO public.changed VALUES (1)").await;
        let read = async || Box::pin(door.read(&query("SELECT n FROM public.changed"))).await.unwrap().0;
        assert_eq!(read().await[0].get::<_, i32>(0), 1);
        run("ALTER TABLE public.changed ALTER n TYPE bigint").await;
        assert_eq!(read().await[0].get::<_, i64>(0), 1);

        let (_, process) = seen(&door).await;
        let killer = place.rig(1, HANG);
        killer.whole(9).run(&query(&format!("SELECT pg_terminate_backend({process})"))).await.unwrap();
        let after = seen(&door).await;
        assert_eq!(after.0, name);
        assert_ne!(after.1, process);
        door.close();
        let closed = Box::pin(door.read(&query(WHO))).await;
        assert!(matches!(closed, Err(PostgresError::Closed)), "{closed:?}");
        rig.rest().await;
    })
    .await;
}
