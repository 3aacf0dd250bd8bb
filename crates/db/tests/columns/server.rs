//! A database of its own for each test, on a server that `cargo xtask test` has started, and two roles without rights
//! beyond those that they need. The database, and those that the roles make, go with the test.

use std::sync::Arc;

use tenantry_db::PostgresServer;
use tokio_postgres::{Client, NoTls};

use super::administrator::remove_databases_of;
pub(crate) use super::administrator::run;

/// A test's database and roles. The last of its clones removes it.
#[derive(Clone)]
pub(crate) struct Database(Arc<Made>);

struct Made {
    name: String,
    /// HOST:PORT of the server.
    place: String,
    /// The administrator's URL.
    administrators: String,
}

/// The same with a connection of the administrator's, and as an instance is to use it.
pub(crate) struct TestServer {
    pub(crate) administrator: Client,
    pub(crate) server: PostgresServer,
    database: Database,
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

/// HOST:PORT in a URL.
pub(crate) fn place_of(url: &str) -> String {
    url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned()
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Database {
    /// Makes them on the server to which the administrator's `url` leads.
    pub(crate) fn on(url: &str) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        for sql in [
            format!("CREATE ROLE {name}_owner LOGIN CREATEDB PASSWORD 'owner'"),
            format!("CREATE ROLE {name}_serving LOGIN PASSWORD 'serving'"),
            // Who removes a tenant's database may end what still serves from it.
            format!("GRANT {name}_serving TO {name}_owner"),
            // What those have who come through PgBouncer; others have theirs from the start of the session.
            format!("ALTER ROLE {name}_serving SET statement_timeout = '70s'"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            run(url, &sql);
        }
        Self(Arc::new(Made { name, place: place_of(url), administrators: url.to_owned() }))
    }

    /// HOST:PORT of the server.
    pub(crate) fn place(&self) -> &str {
        &self.0.place
    }

    /// The URL of a role, by the way of HOST:PORT.
    pub(crate) fn url_by(&self, way: &str, role: &str) -> String {
        format!("postgres://{0}_{role}:{role}@{way}/{0}", self.0.name)
    }

    /// The administrator's URL of the database.
    pub(crate) fn administrator(&self) -> String {
        self.0.administrators.replace("/postgres", &format!("/{}", self.0.name))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        remove_databases_of(&format!("{}_owner", self.name), &self.administrators);
    }
}

impl TestServer {
    /// Makes them on the server to which the administrator's `url` leads. The roles come by `bouncer`, where that is given.
    pub(crate) async fn new(url: &str, bouncer: Option<&str>) -> Self {
        let database = Database::on(url);
        let parameters = if bouncer.is_some() { "?prepared=false" } else { "" };
        let way = place_of(bouncer.unwrap_or(url));
        let url_of = |role: &str| format!("{}{parameters}", database.url_by(&way, role)).parse().unwrap();
        let server = PostgresServer { serving: url_of("serving"), owner: Some(url_of("owner")) };
        let administrator = connect(&database.administrator()).await;
        Self { administrator, server, database }
    }

    /// The URLs of the role that serves, and of the owner, straight to the server.
    pub(crate) fn urls(&self) -> [String; 2] {
        ["serving", "owner"].map(|role| self.database.url_by(self.database.place(), role))
    }

    /// What a query about the whole server counts.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.administrator.query_one(sql, &[]).await.unwrap().get(0)
    }
}
