//! Databases on the servers that `cargo xtask test` has started, each with two roles.

use tenantry_db::PostgresUrl;
use tokio_postgres::NoTls;

/// A database of a test's own.
pub(crate) struct Database {
    name: String,
    /// HOST:PORT of the server.
    place: String,
    administrator: String,
}

impl Database {
    /// On the first of the servers.
    pub(crate) fn new() -> Self {
        let url = &first_of("TENANTRY_TEST_POSTGRES");
        let name = format!("directory_{}", uuid::Uuid::new_v4().simple());
        let place = place_of(url);
        for sql in [
            format!("CREATE ROLE {name}_owner LOGIN CREATEDB PASSWORD 'owner'"),
            format!("CREATE ROLE {name}_serving LOGIN PASSWORD 'serving'"),
            format!("GRANT {name}_serving TO {name}_owner"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            run(url, &sql);
        }
        let administrator = url.replace("/postgres", &format!("/{name}"));
        Self { name, place, administrator }
    }

    pub(crate) fn url(&self, role: &str) -> PostgresUrl {
        self.url_by(&self.place, role)
    }

    /// By another way, HOST:PORT.
    pub(crate) fn url_by(&self, way: &str, role: &str) -> PostgresUrl {
        self.password_url_by(way, role).parse().unwrap()
    }

    pub(crate) fn password_url_by(&self, way: &str, role: &str) -> String {
        format!("postgres://{0}_{role}:{role}@{way}/{0}", self.name)
    }

    /// HOST:PORT of the server.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn administrator(&self) -> &str {
        &self.administrator
    }

    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        run(&self.administrator, sql)
    }
}

/// The first of the URLs in a variable of `cargo xtask test`'s.
fn first_of(variable: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the tests' own variables")]
    let servers = std::env::var(variable).unwrap();
    servers.split(',').next().unwrap().split_once('=').unwrap().1.to_owned()
}

/// HOST:PORT of PgBouncer.
pub(crate) fn bouncer() -> String {
    place_of(&first_of("TENANTRY_TEST_PGBOUNCER"))
}

fn place_of(url: &str) -> String {
    url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned()
}

/// Runs statements, and gives the first value of each row. On a thread of its own: a test may be asynchronous or not.
pub(crate) fn run(url: &str, sql: &str) -> Vec<String> {
    let work = async {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(driver);
        let answered = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let rows = answered.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    };
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work)
        });
        worker.join().unwrap()
    })
}
