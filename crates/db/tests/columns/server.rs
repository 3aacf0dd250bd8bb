//! A database of its own for each test, on a server that `cargo xtask test` has started, and two roles without rights
//! beyond those that they need.

use tenantry_db::PostgresServer;
use tokio_postgres::{Client, NoTls};

/// A test's database and roles.
pub(crate) struct TestServer {
    pub(crate) administrator: Client,
    outside: Client,
    name: String,
    place: String,
    pub(crate) server: PostgresServer,
}

/// Runs a test on every server that `cargo xtask test` has started, one version after the other.
pub(crate) async fn on_each(test: impl AsyncFn(TestServer)) {
    for url in servers("TENANTRY_TEST_POSTGRES") {
        Box::pin(test(TestServer::new(&url, None).await)).await;
    }
}

/// The same, by the way through PgBouncer.
pub(crate) async fn on_each_bounced(test: impl AsyncFn(TestServer)) {
    let ways = servers("TENANTRY_TEST_PGBOUNCER");
    for (url, way) in servers("TENANTRY_TEST_POSTGRES").iter().zip(ways) {
        Box::pin(test(TestServer::new(url, Some(&way)).await)).await;
    }
}

/// The administrators' URLs in a variable, the oldest server's first.
pub(crate) fn servers(variable: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the tests' own variables")]
    let servers = std::env::var(variable);
    let servers = servers.unwrap_or_else(|_| panic!("{variable} is set by `cargo xtask test`"));
    servers.split(',').map(|server| server.split_once('=').unwrap().1.to_owned()).collect()
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl TestServer {
    /// Makes them on the server to which the administrator's `url` leads. The roles come by `bouncer`, where that is given.
    pub(crate) async fn new(url: &str, bouncer: Option<&str>) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let address = |url: &str| url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let outside = connect(url).await;
        for sql in [
            format!("CREATE ROLE {name}_owner LOGIN CREATEDB PASSWORD 'owner'"),
            format!("CREATE ROLE {name}_serving LOGIN PASSWORD 'serving'"),
            // Who removes a tenant's database may end what still serves from it.
            format!("GRANT {name}_serving TO {name}_owner"),
            // What those have who come through PgBouncer; others have theirs from the start of the session.
            format!("ALTER ROLE {name}_serving SET statement_timeout = '70s'"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            outside.batch_execute(&sql).await.unwrap();
        }
        let parameters = if bouncer.is_some() { "?prepared=false" } else { "" };
        let way = address(bouncer.unwrap_or(url));
        let url_of = |role: &str| format!("{}{parameters}", url_of(&name, &way, role)).parse().unwrap();
        let server = PostgresServer { serving: url_of("serving"), owner: Some(url_of("owner")) };
        let place = address(url);
        let administrator = connect(&url.replace("/postgres", &format!("/{name}"))).await;
        Self { administrator, outside, name, place, server }
    }

    /// The URLs of the role that serves, and of the owner, straight to the server.
    pub(crate) fn urls(&self) -> [String; 2] {
        ["serving", "owner"].map(|role| url_of(&self.name, &self.place, role))
    }

    /// What a query about the whole server counts.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.administrator.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Removes every database of the test's: a run makes many.
    pub(crate) async fn remove(self) {
        let owned =
            format!("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = '{}_owner'", self.name);
        for row in self.outside.query(&owned, &[]).await.unwrap() {
            let name: String = row.get(0);
            self.outside.batch_execute(&format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await.unwrap();
        }
    }
}

fn url_of(name: &str, place: &str, role: &str) -> String {
    format!("postgres://{name}_{role}:{role}@{place}/{name}")
}
