//! Commands that are killed after any of their messages to the server: what they had begun is done, or never happened.

use serde_json::Value;

use crate::place::{Place, on_each};
use crate::proxy::Proxy;

/// Every seventh message, and another seventh on each server.
const STEP: usize = 7;

async fn tenants(place: &Place) -> i64 {
    let listed: Value = serde_json::from_str(&place.ok("tenant list --json --per-page 1000")).unwrap();
    i64::try_from(listed["tenants"].as_array().unwrap().len()).unwrap()
}

/// Kills the command at one message; whether it came so far.
async fn kill(place: &Place, proxy: &Proxy, words: &str, at: usize) -> bool {
    proxy.arm(at);
    let process = place.spawn(words);
    proxy.name(process.id());
    let done = process.wait_with_output().unwrap();
    proxy.disarm();
    assert!(
        done.status.success() || done.status.code().is_none(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    place.ok("reconcile");
    let there = place.places().await + place.entered().await;
    assert_eq!(there, tenants(place).await, "{words}, killed at message {at}");
    let templates = place.templates().await;
    let unfinished = templates.iter().any(|template| template.ends_with("_new"));
    assert!(templates.len() <= 1 && !unfinished, "{words}, killed at message {at}: {templates:?}");
    !done.status.success()
}

async fn is_killed_everywhere(mut place: Place, isolation: &str) {
    let proxy = Proxy::start(&place.address).await;
    place.way.clone_from(&proxy.address);
    let create = |slug: String| format!("tenant create {slug} --server main --isolation {isolation}");
    let mut at = 1;
    while kill(&place, &proxy, &create(format!("t-{at}")), at).await {
        at += STEP;
    }
    assert!(at > 5 * STEP, "{at} messages are too few for a tenant");
    // The last ones count most: with them the server has all, and the directory does not say so yet.
    assert!(!kill(&place, &proxy, &create("whole".to_owned()), usize::MAX).await);
    let messages = proxy.messages();
    for before in 0..5 {
        kill(&place, &proxy, &create(format!("last-{before}")), messages - before).await;
    }
    let slugs = ["one", "two", "three", "four", "five", "six"];
    for slug in slugs {
        place.ok(&format!("tenant create {slug} --server main --isolation {isolation}"));
    }
    place.confirmed_for(&slugs, "tenant delete");
    let mut killed = 0;
    for (number, slug) in slugs.into_iter().enumerate() {
        killed += u32::from(kill(&place, &proxy, &format!("tenant purge {slug}"), number + 1).await);
    }
    assert!(killed > 1, "a purge has some messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_in_a_schema_is_whole_or_never_was() {
    on_each(async |place| is_killed_everywhere(place, "schema").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_in_a_database_is_whole_or_never_was() {
    on_each(async |place| is_killed_everywhere(place, "database").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_in_shared_tables_is_whole_or_never_was() {
    on_each(async |place| is_killed_everywhere(place, "row").await).await;
}
