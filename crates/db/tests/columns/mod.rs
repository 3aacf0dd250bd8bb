//! The columns of the matrix: where the data of a test's tenants is. A test is written once and runs in each, in a module of
//! the column's name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod administrator;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tenantry_core::{Alias, Isolation};
use tenantry_db::lifecycle::Home;
use tenantry_db::{Location, PostgresServer};

use tokio::sync::Mutex;

use server::{TestServer, servers};

/// The alias of a column's first server; others bear a number behind it.
pub(crate) const ALIAS: &str = "main";

/// Where the tenants of a test live.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The servers that are configured.
    pub(crate) databases: BTreeMap<Alias, Location>,
    /// Where the first tenant is made, the second, and so on; behind the last the first comes again.
    pub(crate) homes: Vec<Home>,
    way: Option<Way>,
}

impl Ground {
    /// Files in the data folder.
    pub(crate) fn files() -> Self {
        let homes = vec![Home::Server { alias: None, isolation: None }];
        Self { databases: BTreeMap::new(), homes, way: None }
    }

    /// Whether the tenants are on a PostgreSQL server.
    pub(crate) fn is_on_server(&self) -> bool {
        self.way.is_some()
    }

    /// Whether they are there through PgBouncer.
    pub(crate) fn is_bounced(&self) -> bool {
        matches!(self.way, Some(Way::OldestBounced | Way::NewestBounced))
    }

    /// Whether each tenant has a database of its own, and with it connections that no other can use.
    pub(crate) fn has_databases(&self) -> bool {
        matches!(self.homes[0], Home::Server { isolation: Some(Isolation::Database), .. })
    }

    fn on(way: Way, isolation: Isolation, servers: impl IntoIterator<Item = PostgresServer>) -> Self {
        let mut ground = Self { databases: BTreeMap::new(), homes: Vec::new(), way: Some(way) };
        for (server, number) in servers.into_iter().zip(1..) {
            let alias: Alias =
                if number == 1 { ALIAS.to_owned() } else { format!("{ALIAS}{number}") }.parse().unwrap();
            ground.databases.insert(alias.clone(), Location::Postgres(Box::new(server)));
            ground.homes.push(Home::Server { alias: Some(alias), isolation: Some(isolation) });
        }
        ground
    }
}

/// The way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Straight to the oldest, or to the newest, that `cargo xtask test` has started. What differs between them is in the data
    /// layer, whose tests run on both.
    Oldest,
    Newest,
    /// The same, through PgBouncer in transaction mode, which has one connection for each role and database.
    OldestBounced,
    NewestBounced,
}

impl Way {
    /// Makes a database and roles on the server.
    async fn server(self) -> TestServer {
        let (urls, bouncers) = (servers("TENANTRY_TEST_POSTGRES"), servers("TENANTRY_TEST_PGBOUNCER"));
        let newest = matches!(self, Self::Newest | Self::NewestBounced);
        let index = if newest { urls.len() - 1 } else { 0 };
        let bounced = matches!(self, Self::OldestBounced | Self::NewestBounced);
        TestServer::new(&urls[index], bounced.then_some(bouncers[index].as_str())).await
    }
}

/// The servers on which all tests of this program make their tenants, as instances do that share one. The last test that
/// needs one ends it.
static COMMON: Mutex<BTreeMap<Way, Weak<TestServer>>> = Mutex::const_new(BTreeMap::new());

/// Runs a test whose tenants are on a server where those of other tests are too.
pub(crate) async fn on(way: Way, isolation: Isolation, test: impl AsyncFn(Ground)) {
    let mut common = COMMON.lock().await;
    let server = match common.get(&way).and_then(Weak::upgrade) {
        Some(server) => server,
        None => {
            let new = Arc::new(way.server().await);
            common.insert(way, Arc::downgrade(&new));
            new
        }
    };
    drop(common);
    test(Ground::on(way, isolation, [server.server.clone()])).await;
}

/// The same on servers of its own, and where tables are shared with one for each tenant: one that migrates there migrates
/// with all of its neighbours.
pub(crate) async fn on_apart(way: Way, isolation: Isolation, test: impl AsyncFn(Ground)) {
    let mut own = Vec::new();
    for _ in 0..if isolation == Isolation::Row { 4 } else { 1 } {
        own.push(way.server().await);
    }
    test(Ground::on(way, isolation, own.iter().map(|own| own.server.clone()))).await;
}

/// Makes, of each test that takes a [`Ground`], one for each column. Behind `apart:` stand those whose tenants migrate each for
/// itself.
macro_rules! in_every_column {
    (apart: $($name:ident),+ $(,)?) => { $crate::common::columns::columns!(on_apart: $($name)+); };
    ($($name:ident),+ $(,)?) => { $crate::common::columns::columns!(on: $($name)+); };
}
macro_rules! columns {
    ($on:ident: $($name:ident)+) => {
        mod on_sqlite {
            use $crate::common::columns::Ground;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Ground::files()).await;
            })+
        }
        $crate::common::columns::columns!(on_postgres Newest Schema $on: $($name)+);
        $crate::common::columns::columns!(on_database Oldest Database $on: $($name)+);
        $crate::common::columns::columns!(on_bouncer OldestBounced Schema $on: $($name)+);
        $crate::common::columns::columns!(on_rows Oldest Row $on: $($name)+);
        $crate::common::columns::columns!(on_bounced_rows NewestBounced Row $on: $($name)+);
    };
    ($column:ident $way:ident $isolation:ident $on:ident: $($name:ident)+) => {
        mod $column {
            use $crate::common::columns::{self, Way};
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                columns::$on(Way::$way, tenantry_core::Isolation::$isolation, super::$name).await;
            })+
        }
    };
}
pub(crate) use {columns, in_every_column};
