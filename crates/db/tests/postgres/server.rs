//! A database of its own for each test, on the server that `cargo xtask test` has started, and two roles without rights
//! beyond those that they need.

use tenantry_core::Isolation;
use tenantry_db::lifecycle::{Home, NewTenant};
use tenantry_db::{Location, PostgresServer};
use tokio_postgres::{Client, NoTls};

use crate::common::{Site, new};

/// The alias of the server.
pub(crate) const ALIAS: &str = "main";

/// A test's database and roles.
pub(crate) struct TestServer {
    pub(crate) administrator: Client,
    name: String,
    place: String,
    pub(crate) server: PostgresServer,
}

/// Runs a test on every server that `cargo xtask test` has started, one version after the other.
pub(crate) async fn on_each(test: impl AsyncFn(TestServer)) {
    #[expect(clippy::disallowed_methods, reason = "the tests' one variable")]
    let servers =
        std::env::var("TENANTRY_TEST_POSTGRES").expect("TENANTRY_TEST_POSTGRES is set by `cargo xtask test`");
    for server in servers.split(',') {
        let (_, url) = server.split_once('=').unwrap();
        Box::pin(test(TestServer::new(url).await)).await;
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl TestServer {
    async fn new(url: &str) -> Self {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let place = url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let outside = connect(url).await;
        for sql in [
            format!("CREATE ROLE {name}_owner LOGIN CREATEDB PASSWORD 'owner'"),
            format!("CREATE ROLE {name}_serving LOGIN PASSWORD 'serving'"),
            // Who removes a tenant's database may end what still serves from it.
            format!("GRANT {name}_serving TO {name}_owner"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            outside.batch_execute(&sql).await.unwrap();
        }
        let url_of = |role: &str| url_of(&name, &place, role).parse().unwrap();
        let server = PostgresServer { serving: url_of("serving"), owner: Some(url_of("owner")) };
        let administrator = connect(&url.replace("/postgres", &format!("/{name}"))).await;
        Self { administrator, name, place, server }
    }

    /// The URLs of the role that serves, and of the owner.
    pub(crate) fn urls(&self) -> [String; 2] {
        ["serving", "owner"].map(|role| url_of(&self.name, &self.place, role))
    }

    /// A site that has this server under [`ALIAS`].
    pub(crate) fn site(&self) -> Site {
        let mut site = Site::new();
        site.databases.insert(ALIAS.parse().unwrap(), Location::Postgres(Box::new(self.server.clone())));
        site
    }

    /// What a query about the whole server counts.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.administrator.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn url_of(name: &str, place: &str, role: &str) -> String {
    format!("postgres://{name}_{role}:{role}@{place}/{name}")
}

/// A tenant on the server, kept apart in this way.
pub(crate) fn on_server(name: &str, isolation: Isolation) -> NewTenant {
    let home = Home::Server { alias: Some(ALIAS.parse().unwrap()), isolation: Some(isolation) };
    NewTenant { home, ..new(name, &[&format!("{name}.example")]) }
}
