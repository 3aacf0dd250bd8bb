//! Tenants that have everything in common but their data never meet, however hard they press one another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod app;
mod changes;
mod client;
mod load;
mod tenants;
mod watch;

use load::Load;
use tenants::Tenants;

/// Every answer is searched for the other tenants' canaries: each value of a tenant bears its own, and nothing else tells
/// the tenants apart. There is room for one open file, so that files are closed and opened all the time.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_ever_holds_anything_of_another_tenant() {
    let tenants = Tenants::start().await;
    let load = Load { requests: 100_000, dropped: 1_200 };
    let seen = load.press(&tenants).await;

    assert_eq!(seen.crossings, Vec::<String>::new());
    assert_eq!(seen.wrong, Vec::<String>::new());
    assert!(seen.answered >= 100_000, "{} answers", seen.answered);
    assert!(seen.refused_sessions >= 5_000, "{} of another tenant's sessions sent", seen.refused_sessions);
    let stats = tenants.site.instance.stats();
    assert!(stats.dropped_operations >= 1_000, "{stats:?}");
    assert!(
        seen.open_files <= 2,
        "the budget is one file with all its connections, or two with one: {} were open",
        seen.open_files
    );
    assert!(seen.signed_in.len() >= 50, "{} signed in", seen.signed_in.len());
    for tenant in &tenants.all {
        let added =
            seen.added.iter().filter(|(slug, _)| *slug == tenant.slug).map(|(_, title)| title.clone());
        let signed_in = seen.signed_in.iter().filter(|slug| **slug == tenant.slug).count();
        tenants.assert_whole(tenant, added.collect(), signed_in).await;
    }
}

/// The same load finds the planted bug, a cache of files whose key is not the tenant: so it would find a real one.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_load_sees_a_cache_that_forgets_the_tenant() {
    let tenants = Tenants::start().await;
    tenants.site.instance.confuse_tenants();
    let seen = Load { requests: 2_000, dropped: 50 }.press(&tenants).await;
    assert!(!seen.crossings.is_empty(), "{} answers and not one crossing", seen.answered);
}
