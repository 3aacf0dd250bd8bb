//! Sites whose tenants are on a server of the test's own.

use tenantry_core::Isolation;
use tenantry_db::Location;
use tenantry_db::lifecycle::{Home, NewTenant};

pub(crate) use crate::common::columns::ALIAS;
pub(crate) use crate::common::columns::server::{TestServer, connect, on_each, on_each_bounced};
use crate::common::{Site, new};

impl TestServer {
    /// A site that has this server under [`ALIAS`].
    pub(crate) fn site(&self) -> Site {
        let mut site = Site::new();
        site.databases.insert(ALIAS.parse().unwrap(), Location::Postgres(Box::new(self.server.clone())));
        site
    }
}

/// A tenant on the server, kept apart in this way.
pub(crate) fn on_server(name: &str, isolation: Isolation) -> NewTenant {
    let home = Home::Server { alias: Some(ALIAS.parse().unwrap()), isolation: Some(isolation) };
    NewTenant { home, ..new(name, &[&format!("{name}.example")]) }
}
