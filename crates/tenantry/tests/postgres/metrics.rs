//! What is measured of PostgreSQL servers: connections, who waits for one, who is refused, and what was dropped half-way.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, HOST};

use crate::common::{PASSWORD, Server};
use crate::place::{Place, on_each};
use crate::proxy::Proxy;

/// A figure of the server `main` for the role that serves, with more labels perhaps.
fn of_main(name: &str, more: &str) -> String {
    format!("tenantry_postgres_{name}{{server=\"main\",role=\"serving\"{more}}}")
}

fn host(slug: &str) -> String {
    format!("{slug}.checkhost.local")
}

fn make(place: &Place, slug: &str, home: &str) {
    place.ok(&format!("tenant create {slug} --domain {} --server main {home}", host(slug)));
    place.ok(&format!("createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example"));
}

fn serve(place: &Place) -> Server {
    let mut serve = place.command("serve");
    Server::run(serve.env("METRICS_LISTEN", "127.0.0.1:0").env("POSTGRES_CONNECTIONS", "1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_makes_room_is_waited_for_and_outlives_who_drops_it() {
    on_each(async |place| {
        make(&place, "acme", "");
        make(&place, "globex", "--isolation database");
        let mut server = serve(&place);
        let metrics = server.metrics();
        assert_eq!(metrics.figure(&of_main("connections_limit", "")).await, 1.0);
        // The start has looked whether the server is there, and at the tables that tenants share.
        let opened = of_main("connects_total", ",outcome=\"opened\"");
        assert_eq!(metrics.figure(&opened).await, 2.0);
        assert_eq!(metrics.figure(&of_main("evictions_total", "")).await, 0.0);

        let (_, session) = server.sign_in(&host("acme"), "ann", PASSWORD).await;
        let session = session.unwrap();
        server.sign_in(&host("globex"), "ann", PASSWORD).await;
        let page = server.get(&host("acme"), "/admin/", &session).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(metrics.figure(&opened).await, 4.0);
        assert_eq!(metrics.figure(&of_main("evictions_total", "")).await, 2.0);
        assert_eq!(metrics.figure(&of_main("connections", ",state=\"idle\"")).await, 1.0);
        assert_eq!(metrics.figure(&of_main("connections", ",state=\"in_use\"")).await, 0.0);
        assert_eq!(metrics.figure(&of_main("waits_total", "")).await, 0.0);

        // Nobody gets at the sessions: one operation runs, the next waits for its connection.
        let schema = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{25}$'";
        let schema: String = place.administrator.query_one(schema, &[]).await.unwrap().get(0);
        let lock = format!("BEGIN; LOCK TABLE {schema}.tenantry_session");
        place.administrator.batch_execute(&lock).await.unwrap();
        let ask = || {
            let url = format!("{}admin/", server.address);
            let request = metrics.client.get(url).header(HOST, host("acme")).header(COOKIE, &session);
            tokio::spawn(request.send())
        };
        let dropped = ask();
        metrics.until(&of_main("connections", ",state=\"in_use\""), 1.0).await;
        let waiting = ask();
        metrics.until(&of_main("waiting_operations", ""), 1.0).await;
        assert_eq!(metrics.figure("tenantry_http_requests_in_flight").await, 2.0);
        dropped.abort();
        metrics.until(&of_main("dropped_operations_total", ",connection=\"kept\""), 1.0).await;
        assert_eq!(metrics.figure("tenantry_dropped_operations_total").await, 1.0);
        assert_eq!(metrics.figure("tenantry_http_requests_abandoned_total").await, 1.0);

        place.administrator.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(metrics.figure(&of_main("waits_total", "")).await, 1.0);
        assert!(metrics.figure(&of_main("wait_seconds_total", "")).await > 0.0);
        assert_eq!(metrics.figure(&of_main("connections", ",state=\"idle\"")).await, 1.0);
        assert_eq!(metrics.figure(&of_main("dropped_operations_total", ",connection=\"closed\"")).await, 0.0);
        for reason in ["crowded", "unreachable"] {
            let refused = of_main("refused_operations_total", &format!(",reason=\"{reason}\""));
            assert_eq!(metrics.figure(&refused).await, 0.0, "{reason}");
        }

        let text = metrics.text().await;
        for name in ["acme", "globex", schema.as_str(), place.name.as_str(), "hush"] {
            assert!(!text.contains(name), "{name} is in {text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_seen() {
    on_each(async |mut place| {
        let proxy = Proxy::start(&place.address).await;
        place.way.clone_from(&proxy.address);
        make(&place, "acme", "");
        proxy.go_deaf();
        let mut server = serve(&place);
        let metrics = server.metrics();
        let away = server.get(&host("acme"), "/admin/login/", "").await;
        assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(metrics.figure(&of_main("connects_total", ",outcome=\"failed\"")).await >= 1.0);
        assert!(metrics.figure(&of_main("refused_operations_total", ",reason=\"unreachable\"")).await >= 1.0);
        assert_eq!(metrics.figure(&of_main("connections", ",state=\"in_use\"")).await, 0.0);
        assert_eq!(metrics.figure("tenantry_http_requests_total{status=\"5xx\"}").await, 1.0);

        proxy.hear();
        server.until(&host("acme"), StatusCode::OK).await;
        metrics.until(&of_main("connects_total", ",outcome=\"opened\""), 1.0).await;
    })
    .await;
}
