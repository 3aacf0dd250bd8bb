//! What the engine promises on a real server: nothing of a tenant is left on a connection, nobody waits for another.

#[path = "../../../tests/columns/administrator.rs"]
#[allow(dead_code, reason = "the tests of other crates use more of it")]
mod administrator;
mod bouncer;
mod glance;
mod joint;
mod session;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenantry_core::{OpaqueName, RowKey, TenantId};
use tokio::time::timeout;
use tokio_postgres::NoTls;
use uuid::Uuid;

use super::{Access, Door, PostgresError, PostgresUrl, Scope, Server, ServerConfig};
use crate::model::{Bound, Statement};

/// Long enough that only a hang gets there.
const HANG: Duration = Duration::from_secs(60);

/// A role and a database of its own for one test, on one of the servers that `cargo xtask test` has started.
pub(crate) struct Place {
    administrator: tokio_postgres::Client,
    administrators: String,
    url: PostgresUrl,
}

impl Drop for Place {
    fn drop(&mut self) {
        administrator::remove_databases_of(self.url.user(), &self.administrators);
    }
}

impl Place {
    /// On the server that `administrators` leads to, and the way there that `way` shows.
    async fn new(administrators: &str, way: &str, parameters: &str) -> Self {
        let (administrator, driver) = tokio_postgres::connect(administrators, NoTls).await.unwrap();
        tokio::spawn(driver);
        let name = format!("engine_{}", Uuid::now_v7().simple());
        for sql in [
            format!("CREATE ROLE {name} LOGIN PASSWORD 'own'"),
            // As for those who come through PgBouncer; others have theirs from the start of the session.
            format!("ALTER ROLE {name} SET statement_timeout = '77s'"),
            format!("CREATE DATABASE {name} OWNER {name}"),
        ] {
            administrator.batch_execute(&sql).await.unwrap();
        }
        let (_, rest) = way.split_once('@').unwrap();
        let (host, _) = rest.split_once('/').unwrap();
        let url = format!("postgres://{name}:own@{host}/{name}{parameters}").parse().unwrap();
        Self { administrator, administrators: administrators.to_owned(), url }
    }

    /// Makes one more database of the role's, as a tenant has with isolation database.
    pub(crate) async fn database(&self) -> OpaqueName {
        let name = OpaqueName::from_random(Uuid::now_v7().as_u128());
        let sql = format!(r#"CREATE DATABASE "{name}" OWNER "{}""#, self.url.user());
        self.administrator.batch_execute(&sql).await.unwrap();
        name
    }

    pub(crate) fn url(&self) -> &PostgresUrl {
        &self.url
    }

    pub(crate) fn rig(&self, connections: usize, deadline: Duration) -> Rig {
        let config = ServerConfig { connections, deadline, lock: deadline };
        Rig { server: Server::new(self.url.clone(), config).unwrap(), dropped: Arc::default() }
    }
}

/// Runs a test on every server, one version after the other.
pub(crate) async fn on_each(test: impl AsyncFn(Place)) {
    for url in servers("TENANTRY_TEST_POSTGRES") {
        Box::pin(test(Place::new(&url, &url, "").await)).await;
    }
}

/// The same, through PgBouncer.
pub(crate) async fn on_each_bounced(test: impl AsyncFn(Place)) {
    let ways = servers("TENANTRY_TEST_PGBOUNCER");
    for (url, way) in servers("TENANTRY_TEST_POSTGRES").iter().zip(ways) {
        Box::pin(test(Place::new(url, &way, "?prepared=false").await)).await;
    }
}

/// The administrators' URLs in a variable.
fn servers(variable: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the tests' own variables")]
    let servers = std::env::var(variable);
    let servers = servers.unwrap_or_else(|_| panic!("{variable} is set by `cargo xtask test`"));
    servers.split(',').map(|server| server.split_once('=').unwrap().1.to_owned()).collect()
}

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Rig {
    /// The tenant's door to rows of its own, whose every statement begins with a local setting.
    fn door(&self, tenant: i64) -> Door {
        let rows = Scope::Rows(key(tenant));
        Door::new(self.server.clone(), TenantId::new(tenant), rows, Arc::clone(&self.dropped))
    }

    /// The tenant's door to the whole database.
    fn whole(&self, tenant: i64) -> Door {
        let tenant = TenantId::new(tenant);
        Door::new(self.server.clone(), tenant, Scope::Claimed, Arc::clone(&self.dropped))
    }

    /// Waits until every connection is idle again.
    async fn rest(&self) {
        let resting = async {
            while self.server.stats().idle != self.server.stats().open {
                tokio::task::yield_now().await;
            }
        };
        timeout(HANG, resting).await.expect("connections come back");
    }
}

/// A tenant's key that is this small number.
pub(crate) fn key(number: i64) -> RowKey {
    RowKey::of(&OpaqueName::from_random(u128::from(number.unsigned_abs() - 1)))
}

fn query(sql: &str) -> Statement {
    Statement { sql: sql.to_owned(), values: Vec::new(), has_own_sql: false }
}

const WHO: &str = "SELECT NULLIF(current_setting('tenantry.tenant', true), ''), pg_backend_pid()";

async fn who(door: &Door) -> (Option<String>, i32) {
    let (rows, _) = timeout(HANG, door.run(&query(WHO))).await.unwrap().unwrap();
    (rows[0].get(0), rows[0].get(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_share_one_connection_and_leave_nothing_on_it() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let (one, other) = (rig.door(1), rig.door(2));
        let claimed = rig.whole(3);
        let (_, process) = who(&one).await;
        for _ in 0..5 {
            assert_eq!(who(&one).await, (Some("1".to_owned()), process));
            assert_eq!(who(&other).await, (Some("2".to_owned()), process));
            assert_eq!(who(&claimed).await, (None, process), "nothing is left of those before");
        }
        assert_eq!(rig.server.stats().open, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_beside_the_statement_and_are_read_as_what_their_place_is() {
    on_each(async |place| {
        let rig = place.rig(2, HANG);
        let text = |text: &str| Bound::Text(text.to_owned());
        let asked = Statement {
            sql: "SELECT $1::int8 + 1, $2::text, $3::bytea, $4::timestamptz = '2026-11-23 18:05:22+00', $5::int8 IS NULL"
                .to_owned(),
            values: vec![
                Bound::Int(41),
                text("'; DROP TABLE x; --"),
                Bound::Bytes(vec![0, 255]),
                text("2026-11-23 18:05:22"),
                Bound::Null,
            ],
            has_own_sql: false,
        };
        let (rows, _) = rig.door(1).run(&asked).await.unwrap();
        let row = &rows[0];
        assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (42, "'; DROP TABLE x; --"));
        assert_eq!(
            (row.get::<_, Vec<u8>>(2), row.get::<_, bool>(3), row.get::<_, bool>(4)),
            (vec![0, 255], true, true)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_floods_waits_for_itself() {
    on_each(async |place| {
        let rig = place.rig(3, HANG);
        let flooding = Arc::new(rig.door(1));
        let slow: Vec<_> = (0..20)
            .map(|_| {
                let door = Arc::clone(&flooding);
                tokio::spawn(async move { door.run(&query("SELECT pg_sleep(50)")).await })
            })
            .collect();
        while rig.server.stats().waiting < 18 {
            tokio::task::yield_now().await;
        }
        for tenant in 2..12 {
            assert_eq!(who(&rig.door(tenant)).await.0, Some(tenant.to_string()));
        }
        slow.iter().for_each(tokio::task::JoinHandle::abort);
        for task in slow {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        rig.rest().await;
        assert_eq!(rig.dropped.load(Ordering::Relaxed), 20);
        assert_eq!(who(&flooding).await.0, Some("1".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_has_a_connection_closes_no_other_tenants_for_a_second_one() {
    on_each(async |place| {
        let rig = place.rig(3, HANG);
        let mut doors = Vec::new();
        for tenant in [1, 2, 3] {
            let scope = Scope::database(&place.database().await);
            let door = Door::new(rig.server.clone(), TenantId::new(tenant), scope, Arc::clone(&rig.dropped));
            doors.push(door);
        }
        let busy = who(&doors[0]).await;
        let quiet = [who(&doors[1]).await, who(&doors[2]).await];
        rig.rest().await;
        let together = futures_util::future::join_all((0..8).map(|_| who(&doors[0]))).await;
        assert!(
            together.iter().all(|served| *served == busy),
            "by its own one after the other: {together:?}"
        );
        rig.rest().await;
        let left = [who(&doors[1]).await, who(&doors[2]).await];
        assert_eq!(left, quiet, "the others' were left alone");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_past_its_deadline_is_ended_on_the_server_too() {
    on_each(async |place| {
        let rig = place.rig(1, Duration::from_millis(300));
        let slow = rig.door(1).run(&query("SELECT pg_sleep(50)")).await;
        assert!(matches!(slow, Err(PostgresError::Timeout)), "{slow:?}");
        rig.rest().await;
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(50)%' AND state = 'active' \
                       AND pid = pg_backend_pid()";
        let (rows, _) = rig.door(2).run(&query(running)).await.unwrap();
        assert_eq!(rows[0].get::<_, i64>(0), 1, "only this very query is running there");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_keeps_all_or_nothing() {
    on_each(async |place| {
        let rig = place.rig(2, HANG);
        let table = "transaction_keeps_all_or_nothing";
        let door = rig.whole(1);
        let run = async |sql: String| door.run(&query(&sql)).await.unwrap();
        run(format!("DROP TABLE IF EXISTS public.{table}")).await;
        run(format!("CREATE TABLE public.{table} (n bigint)")).await;
        let insert = |n: i64| query(&format!("INSERT INTO {table} VALUES ({n})"));

        let kept = door.begin().await.unwrap();
        kept.run(&insert(1)).await.unwrap();
        kept.commit().await.unwrap();
        assert!(matches!(kept.run(&insert(2)).await, Err(PostgresError::TransactionEnded)));

        let dropped = door.begin().await.unwrap();
        dropped.run(&insert(3)).await.unwrap();
        drop(dropped);

        let undone = door.begin().await.unwrap();
        undone.run(&insert(4)).await.unwrap();
        undone.roll_back().await.unwrap();

        let failed = door.begin().await.unwrap();
        failed.run(&insert(5)).await.unwrap();
        assert!(failed.run(&query("SELECT 1 / 0")).await.is_err());
        failed.commit().await.unwrap();

        rig.rest().await;
        let (rows, _) = run(format!("SELECT n FROM public.{table} ORDER BY n")).await;
        assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>(), [1]);
        let write = door.run_raw(Access::Read, &insert(6)).await.unwrap_err();
        assert_eq!(write.code().unwrap().code(), "25006", "a reader does not write");
        run(format!("DROP TABLE public.{table}")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ended_is_replaced() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let (door, killer) = (rig.door(1), place.rig(1, HANG));
        for _ in 0..5 {
            let (_, process) = who(&door).await;
            let sleep = query("SELECT pg_sleep(50)");
            let slow = door.run(&sleep);
            let kill = format!("SELECT pg_terminate_backend({process})");
            let kill = async {
                let running = format!(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = {process} AND wait_event = 'PgSleep'"
                );
                while killer.door(9).run(&query(&running)).await.unwrap().0.is_empty() {}
                killer.door(9).run(&query(&kill)).await.unwrap()
            };
            let (ended, _) = Box::pin(timeout(HANG, async { tokio::join!(slow, kill) })).await.unwrap();
            assert!(matches!(ended, Err(PostgresError::Unreachable(_))), "{ended:?}");
            assert_ne!(who(&door).await.1, process);
        }
        assert_eq!(rig.server.stats().open, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_table_costs_no_error() {
    on_each(async |place| {
        let rig = place.rig(1, HANG);
        let door = rig.whole(1);
        let run = async |sql: &str| door.run(&query(sql)).await.unwrap().0;
        run("DROP TABLE IF EXISTS public.changed_table").await;
        run("CREATE TABLE public.changed_table (n integer)").await;
        run("INSERT INTO public.changed_table VALUES (1)").await;
        assert_eq!(run("SELECT n FROM public.changed_table").await[0].get::<_, i32>(0), 1);
        run("ALTER TABLE public.changed_table ALTER n TYPE bigint").await;
        assert_eq!(run("SELECT n FROM public.changed_table").await[0].get::<_, i64>(0), 1);
        run("DROP TABLE public.changed_table").await;
    })
    .await;
}
