//! The server's own work in a tenant's database, which nobody but an administrator may end.

use std::time::Duration;

use tokio::time::{interval, timeout};

use crate::place::{connect, on_each};

/// Long enough that only a hang gets there.
const HANG: Duration = Duration::from_secs(120);

/// A table that the server goes on vacuuming for minutes.
const SLOW: &str =
    "CREATE TABLE public.slow WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1) AS
        SELECT n, repeat('x', 500) AS filling FROM generate_series(1, 20000) AS n;
    DELETE FROM public.slow WHERE n % 2 = 0;";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_the_server_vacuums_just_now_is_purged() {
    on_each(async |place| {
        place.ok("tenant create acme --server main --isolation database");
        place.confirmed("tenant delete acme");
        let owned = format!(
            "SELECT datname FROM pg_database WHERE datname ~ '^t[0-9a-z]{{25}}$' AND datdba = '{}_owner'::regrole",
            place.name
        );
        let database: String = place.administrator.query_one(&owned, &[]).await.unwrap().get(0);
        let inside = connect(&place.administrators.replace("/postgres", &format!("/{database}"))).await;
        inside.batch_execute(SLOW).await.unwrap();
        drop(inside);
        for sql in ["ALTER SYSTEM SET autovacuum_naptime = '1s'", "SELECT pg_reload_conf()"] {
            place.administrator.batch_execute(sql).await.unwrap();
        }
        let worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = $1";
        let vacuumed = async {
            let mut looks = interval(Duration::from_millis(20));
            while place.administrator.query(worker, &[&database]).await.unwrap().is_empty() {
                looks.tick().await;
            }
        };
        timeout(HANG, vacuumed).await.expect("the server vacuums the table");
        for sql in ["ALTER SYSTEM RESET autovacuum_naptime", "SELECT pg_reload_conf()"] {
            place.administrator.batch_execute(sql).await.unwrap();
        }
        place.confirmed("tenant purge acme");
        assert_eq!(place.places().await, 0, "it is gone");
    })
    .await;
}
