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

use common::columns::{Ground, in_every_column};
use load::Load;
use tenants::Tenants;

in_every_column!(
    no_answer_ever_holds_anything_of_another_tenant,
    the_same_load_sees_a_cache_that_forgets_the_tenant,
);

/// Every answer is searched for the other tenants' canaries: each value of a tenant bears its own, and nothing else tells
/// the tenants apart. There is room for one open file, so that files are closed and opened all the time.
async fn no_answer_ever_holds_anything_of_another_tenant(ground: Ground) {
    let load = match (ground.is_on_server(), ground.is_bounced()) {
        (false, _) => Load { requests: 100_000, dropped: 1_200, power: 5 },
        // There is room for fewer connections than there are databases: most requests find theirs closed.
        (true, false) if ground.has_databases() => Load { requests: 500, dropped: 10, power: 5 },
        (true, false) => Load { requests: 6_000, dropped: 120, power: 5 },
        // There nothing ends what a client leaves but its own end, and meanwhile nobody else is served.
        (true, true) => Load { requests: 3_000, dropped: 6, power: 3 },
    };
    let tenants = Tenants::start(ground).await;
    let seen = load.press(&tenants).await;

    assert_eq!(seen.crossings, Vec::<String>::new());
    assert_eq!(seen.wrong, Vec::<String>::new());
    assert!(seen.answered >= load.requests, "{} answers", seen.answered);
    assert!(
        seen.refused_sessions >= load.requests / 20,
        "{} of another tenant's sessions sent",
        seen.refused_sessions
    );
    let stats = tenants.site.instance.stats();
    assert!(stats.dropped_operations >= load.dropped as u64 * 5 / 6, "{stats:?}");
    assert!(
        seen.open_files <= 2,
        "the budget is one file with all its connections, or two with one: {} were open",
        seen.open_files
    );
    assert!(seen.signed_in.len() >= load.requests / 2_000, "{} signed in", seen.signed_in.len());
    for tenant in &tenants.all {
        let added =
            seen.added.iter().filter(|(slug, _)| *slug == tenant.slug).map(|(_, title)| title.clone());
        let signed_in = seen.signed_in.iter().filter(|slug| **slug == tenant.slug).count();
        tenants.assert_whole(tenant, added.collect(), signed_in).await;
    }
}

/// The same load finds the planted bug, a cache whose key is not the tenant: so it would find a real one.
async fn the_same_load_sees_a_cache_that_forgets_the_tenant(ground: Ground) {
    let (dropped, power) = if ground.is_bounced() { (2, 3) } else { (50, 5) };
    let (requests, dropped) = if ground.has_databases() { (300, 6) } else { (2_000, dropped) };
    let tenants = Tenants::start(ground).await;
    tenants.site.instance.confuse_tenants();
    let seen = Load { requests, dropped, power }.press(&tenants).await;
    assert!(!seen.crossings.is_empty(), "{} answers and not one crossing", seen.answered);
}
