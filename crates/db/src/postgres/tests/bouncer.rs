//! The same promises through PgBouncer in transaction mode, where statements of many connections meet on one of the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::session::{dropped_at_any_point, what_is_done_to_the_session_ends};
use super::{HANG, on_each_bounced, query, who};
use crate::postgres::{Access, PostgresError};

#[tokio::test(flavor = "multi_thread")]
async fn tenants_who_meet_on_one_connection_of_the_server_never_see_each_other() {
    on_each_bounced(async |place| {
        let rig = Arc::new(place.rig(8, HANG));
        let (_, process) = who(&rig.whole(1)).await;
        let each = (1..=8).map(|tenant| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move {
                let (rows, whole) = (rig.door(tenant), rig.whole(tenant));
                for _ in 0..20 {
                    assert_eq!(who(&rows).await, (Some(tenant.to_string()), process));
                    assert_eq!(who(&whole).await, (None, process), "nothing is left of the others");
                    let begun = rows.begin().await.unwrap();
                    let own = "SELECT current_setting('tenantry.tenant')";
                    let (found, _) = begun.run(&query(own)).await.unwrap();
                    assert_eq!(found[0].get::<_, String>(0), tenant.to_string());
                    if tenant % 2 == 0 { begun.commit().await.unwrap() } else { drop(begun) }
                }
            })
        });
        for task in each.collect::<Vec<_>>() {
            timeout(HANG, task).await.unwrap().unwrap();
        }
        assert!(rig.server.stats().open > 1, "they came on several connections");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_the_server_s_session_ends_too() {
    on_each_bounced(what_is_done_to_the_session_ends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_dropped_at_any_point_harms_nobody_behind_it() {
    on_each_bounced(dropped_at_any_point).await;
}

/// Nobody cancels anything there: the server ends it by itself, and the connection is then clean.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_s_statement_past_its_deadline_is_ended_by_the_server() {
    on_each_bounced(async |place| {
        let rig = place.rig(1, Duration::from_millis(500));
        let door = rig.whole(1);
        let (_, process) = who(&rig.whole(2)).await;
        let slow = door.run_raw(Access::Read, &query("SELECT pg_sleep(50)")).await;
        assert!(matches!(slow, Err(PostgresError::Timeout)), "{slow:?}");
        rig.rest().await;
        let begun = door.begin().await.unwrap();
        let slow = begun.run_raw(&query("SELECT pg_sleep(50)")).await;
        assert!(matches!(slow, Err(PostgresError::Timeout)), "{slow:?}");
        drop(begun);
        rig.rest().await;
        assert_eq!(rig.server.stats().open, 1, "it is proved clean and kept");
        let (_, now) = who(&place.rig(1, HANG).whole(2)).await;
        assert_eq!(now, process, "and so is the server's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_has_a_name() {
    on_each_bounced(async |place| {
        let rig = place.rig(4, HANG);
        let door = rig.whole(1);
        for _ in 0..5 {
            let sql =
                "SELECT (SELECT count(*) FROM pg_prepared_statements), current_setting('statement_timeout')";
            let (rows, _) = door.run(&query(sql)).await.unwrap();
            assert_eq!(rows[0].get::<_, i64>(0), 0);
            assert_eq!(rows[0].get::<_, &str>(1), "77s", "the role's own");
        }
        place
            .administrator
            .batch_execute(&format!("ALTER ROLE {} SUPERUSER", place.url.user()))
            .await
            .unwrap();
        let refused = place.rig(1, HANG).whole(1).run(&query("SELECT 1")).await;
        assert!(matches!(refused, Err(PostgresError::UnsafeRole(_))), "{refused:?}");
    })
    .await;
}
