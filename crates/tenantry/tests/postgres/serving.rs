//! Tenants on a server beside tenants in files: made, served, suspended, purged, and what comes of it when the server is
//! away.

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use crate::common::PASSWORD;
use crate::place::{Place, on_each};
use crate::proxy::Proxy;

fn host(slug: &str) -> String {
    format!("{slug}.checkhost.local")
}

fn make(place: &Place, slug: &str, home: &str) {
    place.ok(&format!("tenant create {slug} --domain {} {home}", host(slug)));
    place.ok(&format!("createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_wherever_they_are_live_the_same_life() {
    on_each(the_same_life).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_live_the_same_life_through_pgbouncer() {
    on_each(async |mut place| {
        place.bounced = true;
        the_same_life(place).await;
    })
    .await;
}

async fn the_same_life(place: Place) {
    // PgBouncer looks passwords up as a superuser, whose connection to a tenant's database no owner may end.
    let other = if place.bounced { "--server main" } else { "--server main --isolation database" };
    let homes = [
        ("acme", "--server main"),
        ("globex", other),
        ("hooli", "--server main --isolation row"),
        ("vandelay", "--server main --isolation row"),
        ("initech", "--database main"),
        ("umbrella", ""),
    ];
    homes.iter().for_each(|(slug, home)| make(&place, slug, home));
    assert_eq!((place.places().await, place.entered().await), (2, 2));
    assert!(place.ok("check").contains("nothing is amiss"));
    assert!(place.ok("tenant show acme").contains("schema"));
    assert!(place.ok("tenant show hooli").contains("row"));
    place.ok("tenant rename vandelay vandelay-2 --name Vandelay");
    place.ok("tenant rename vandelay-2 vandelay");
    let migrated = place.command("migrate --tenant hooli").output().unwrap();
    assert!(
        String::from_utf8_lossy(&migrated.stdout).contains("2 tenants are up to date now"),
        "{migrated:?}"
    );
    let said = String::from_utf8_lossy(&migrated.stderr);
    assert!(said.contains("1 other tenant in the same tables"), "{said}");

    // Their users have the same names, and the same keys.
    place.administrator.batch_execute("UPDATE tenantry_shared.auth_user SET id = 1").await.unwrap();
    let server = place.serve();
    let mut sessions = Vec::new();
    for (slug, _) in homes {
        let (answer, session) = server.sign_in(&host(slug), "ann", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{slug}");
        sessions.push((slug, session.unwrap()));
    }
    for (slug, _) in homes {
        for (whose, session) in &sessions {
            let page = server.get(&host(slug), "/admin/", session).await;
            let wanted = if slug == *whose { StatusCode::OK } else { StatusCode::FOUND };
            assert_eq!(page.status(), wanted, "{whose}'s session at {slug}");
        }
    }

    let slugs = homes.map(|(slug, _)| slug);
    place.confirmed_for(&slugs, "tenant suspend");
    for slug in slugs {
        server.until(&host(slug), StatusCode::SERVICE_UNAVAILABLE).await;
        place.ok(&format!("tenant activate {slug}"));
        server.until(&host(slug), StatusCode::OK).await;
    }
    place.confirmed_for(&slugs, "tenant delete");
    for slug in slugs {
        place.ok(&format!("tenant undelete {slug}"));
        server.until(&host(slug), StatusCode::OK).await;
    }
    place.confirmed_for(&slugs, "tenant delete");
    for slug in slugs {
        place.confirmed(&format!("tenant purge {slug}"));
        server.until(&host(slug), StatusCode::BAD_REQUEST).await;
    }
    assert_eq!((place.places().await, place.entered().await), (0, 0));
    let kept = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'auth_user'";
    let kept: i64 = place.administrator.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(kept, 1, "what was claimed stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_its_tenants_trouble_alone() {
    on_each(async |mut place| {
        let proxy = Proxy::start(&place.address).await;
        place.way.clone_from(&proxy.address);
        make(&place, "acme", "--server main");
        make(&place, "globex", "--server main --isolation database");
        make(&place, "umbrella", "");

        proxy.go_deaf();
        let server = place.serve();
        for _ in 0..2 {
            for slug in ["acme", "globex"] {
                let away = server.get(&host(slug), "/admin/login/", "").await;
                assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE, "{slug}");
                assert!(away.headers().contains_key(RETRY_AFTER), "{away:?}");
                assert!(!away.text().await.unwrap().contains(&place.name));
            }
            let (here, _) = server.sign_in(&host("umbrella"), "ann", PASSWORD).await;
            assert_eq!(here.status(), StatusCode::FOUND);
        }
        let amiss = place.refused("check");
        assert!(amiss.contains("found something"), "{amiss}");

        proxy.hear();
        for slug in ["acme", "globex"] {
            server.until(&host(slug), StatusCode::OK).await;
            let (back, _) = server.sign_in(&host(slug), "ann", PASSWORD).await;
            assert_eq!(back.status(), StatusCode::FOUND, "{slug}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_superuser_serves_nobody() {
    on_each(async |place| {
        place.administrator.batch_execute(&format!("ALTER ROLE {} SUPERUSER", place.name)).await.unwrap();
        let refused = place.refused("serve");
        assert!(refused.contains("DB_MAIN: the role") && refused.contains("is a superuser"), "{refused}");
        let found = place.command("check").output().unwrap();
        assert!(String::from_utf8_lossy(&found.stdout).contains("is a superuser"), "{found:?}");
        assert_eq!(place.places().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_tables_that_do_not_keep_tenants_apart_serve_none_of_them() {
    on_each(async |place| {
        make(&place, "acme", "--server main");
        make(&place, "hooli", "--server main --isolation row");
        make(&place, "umbrella", "");
        assert!(place.ok("check").contains("nothing is amiss"));
        let (table, mend) = ("tenantry_shared.auth_user", "ENABLE ROW LEVEL SECURITY");
        let opened = format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY");
        place.administrator.batch_execute(&opened).await.unwrap();

        let found = place.command("check").output().unwrap();
        assert!(!found.status.success());
        let said = String::from_utf8_lossy(&found.stdout);
        assert!(said.contains("DB_MAIN: row-level security is off") && said.contains(table), "{said}");
        assert!(said.contains(&format!("ALTER TABLE {table} {mend}")), "{said}");
        let server = place.serve();
        let refused = server.get(&host("hooli"), "/admin/login/", "").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(!refused.text().await.unwrap().contains("auth_user"));
        for slug in ["acme", "umbrella"] {
            let (answer, _) = server.sign_in(&host(slug), "ann", PASSWORD).await;
            assert_eq!(answer.status(), StatusCode::FOUND, "{slug}");
        }

        place.administrator.batch_execute(&format!("ALTER TABLE {table} {mend}")).await.unwrap();
        server.until(&host("hooli"), StatusCode::OK).await;
        let (answer, _) = server.sign_in(&host("hooli"), "ann", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert!(place.ok("check").contains("nothing is amiss"));
    })
    .await;
}
