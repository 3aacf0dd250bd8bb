//! Who waits for a connection gets one that knows its tables, where there is one; and nobody waits for that for long.

use std::sync::Mutex;

use super::*;
use crate::postgres::transaction::Transaction;

const PROCESS: &str = "SELECT NULL::text, pg_backend_pid()";

/// Begins a transaction, which keeps its connection from everyone else, and says which server's process it is.
async fn held(rig: &Rig, tenant: i64) -> (Transaction, i32) {
    let held = rig.whole(tenant).begin().await.unwrap();
    let (rows, _) = held.run(&query(PROCESS)).await.unwrap();
    let process = rows[0].get(1);
    (held, process)
}

async fn until_waiting(rig: &Rig, count: usize) {
    let waiting = async {
        while rig.server.stats().waiting < count {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, waiting).await.expect("they wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_comes_back_goes_to_one_that_it_knows() {
    on_each(async |place| {
        let rig = Arc::new(place.rig(2, HANG));
        let (one, process_of_one) = held(&rig, 1).await;
        let (other, process_of_other) = held(&rig, 2).await;
        assert_ne!(process_of_one, process_of_other);
        one.commit().await.unwrap();
        other.commit().await.unwrap();
        rig.rest().await;

        let both = [held(&rig, 3).await, held(&rig, 4).await];
        let served = Arc::new(Mutex::new(Vec::new()));
        let ask = |tenant| {
            let (rig, served) = (Arc::clone(&rig), Arc::clone(&served));
            tokio::spawn(async move {
                let begun = held(&rig, tenant).await;
                served.lock().unwrap().push((tenant, begun.1));
                begun.0.commit().await.unwrap();
            })
        };
        let waits_longer = ask(2);
        until_waiting(&rig, 1).await;
        let waits = ask(1);
        until_waiting(&rig, 2).await;
        let (first, second): (Vec<_>, Vec<_>) =
            both.into_iter().partition(|(_, process)| *process == process_of_one);
        for (held, _) in first {
            held.commit().await.unwrap();
        }
        for asked in [waits, waits_longer] {
            timeout(HANG, asked).await.unwrap().unwrap();
        }
        // The other connection is held still: one came back for both, one after the other.
        assert_eq!(*served.lock().unwrap(), [(1, process_of_one), (2, process_of_one)]);
        for (held, _) in second {
            held.commit().await.unwrap();
        }
        rig.rest().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_no_connection_knows_is_passed_over_for_a_while_only() {
    on_each(async |place| {
        let rig = Arc::new(place.rig(1, HANG));
        for tenant in 1..=60 {
            who(&rig.whole(tenant)).await;
        }
        let (held, _) = held(&rig, 1).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut asked = Vec::new();
        for (tenant, waiting) in [99].into_iter().chain(2..=60).zip(1..) {
            let (rig_of_task, served) = (Arc::clone(&rig), Arc::clone(&served));
            asked.push(tokio::spawn(async move {
                let door = rig_of_task.whole(tenant);
                let begun = door.begin().await.unwrap();
                served.lock().unwrap().push(tenant);
                begun.commit().await.unwrap();
            }));
            until_waiting(&rig, waiting).await;
        }
        held.commit().await.unwrap();
        for task in asked {
            timeout(HANG, task).await.unwrap().unwrap();
        }
        let served = served.lock().unwrap();
        assert_eq!(served.len(), 60);
        let turn = served.iter().position(|tenant| *tenant == 99).unwrap();
        assert!((1..=32).contains(&turn), "{turn}: {served:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_met_enough_tenants_is_left_to_those() {
    on_each(async |place| {
        let rig = Arc::new(place.rig(2, HANG));
        let (one, process_of_one) = held(&rig, 1).await;
        let (other, process_of_other) = held(&rig, 2).await;
        one.commit().await.unwrap();
        other.commit().await.unwrap();
        rig.rest().await;
        // The last used is the one that others get too, until it has 200.
        for tenant in 3..=201 {
            assert_eq!(who(&rig.whole(tenant)).await.1, process_of_other);
        }
        assert_eq!(who(&rig.whole(202)).await.1, process_of_one, "one more would be its last");
        for tenant in [2, 100, 201] {
            assert_eq!(who(&rig.whole(tenant)).await.1, process_of_other);
        }
        rig.rest().await;
        assert_eq!(rig.server.stats().opened, 2);
    })
    .await;
}
