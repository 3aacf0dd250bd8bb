//! Databases on the first of the servers that `cargo xtask test` has started, each with two roles.

use tenantry_db::PostgresUrl;

pub(crate) use crate::common::files::columns::server::{Database, run};
use crate::common::files::columns::server::{place_of, servers};

impl Database {
    /// On the first of the servers.
    pub(crate) fn new() -> Self {
        Self::on(&servers("TENANTRY_TEST_POSTGRES")[0])
    }

    pub(crate) fn url(&self, role: &str) -> PostgresUrl {
        self.url_by(self.place(), role).parse().unwrap()
    }

    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        run(&self.administrator(), sql)
    }
}

/// HOST:PORT of PgBouncer.
pub(crate) fn bouncer() -> String {
    place_of(&servers("TENANTRY_TEST_PGBOUNCER")[0])
}
