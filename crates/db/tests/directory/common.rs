//! Sites whose directory is on a PostgreSQL server, with a database of their own there. New tenants are files all the same,
//! as the tests of instances have them.

#[path = "../instance/common.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
pub(crate) mod files;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use tenantry_core::{Alias, TenantRecord};
use tenantry_db::lifecycle::{Home, NewTenant};
use tenantry_db::{Instance, Location, PostgresServer, PostgresUrl};

pub(crate) use files::*;

use crate::server::Database;

/// In the place of the matrix' columns: each test once, whose tenants are files.
pub(crate) mod columns {
    pub(crate) use super::files::columns::Ground;

    macro_rules! in_every_column {
        ($(apart:)? $($name:ident),+ $(,)?) => {
            mod on_files {
                use $crate::common::columns::Ground;
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Ground::files()).await;
                })+
            }
        };
    }
    pub(crate) use in_every_column;
}

/// A folder, and a database that the directory is in.
pub(crate) struct Site {
    files: files::Site,
    _database: Database,
}

/// The file beside the data folder that names the administrator's way into the database.
const ADMINISTRATOR: &str = "administrator";

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(&Database::new())
    }

    /// The same, for a test that may run in any column.
    pub(crate) fn on(_: columns::Ground) -> Self {
        Self::new()
    }

    /// In a folder of its own, and a database that others may use as well.
    pub(crate) fn of(database: &Database) -> Self {
        Self::signing_in(database, database.url("owner"))
    }

    /// The same, with this URL for the owner of the directory.
    pub(crate) fn signing_in(database: &Database, owner: PostgresUrl) -> Self {
        let mut site = files::Site::new();
        let server = PostgresServer { serving: database.url("serving"), owner: Some(owner) };
        site.databases.insert(Alias::default_alias(), Location::Postgres(Box::new(server)));
        std::fs::write(site.path(ADMINISTRATOR), database.administrator()).unwrap();
        Self { files: site, _database: database.clone() }
    }

    /// A tenant that is to be made, with these domains.
    pub(crate) fn tenant(&self, name: &str, domains: &[&str]) -> NewTenant {
        new(name, domains)
    }

    /// Makes one, with a domain of its name.
    pub(crate) async fn make(&self, instance: &Instance, name: &str) -> Arc<TenantRecord> {
        make(instance, name).await
    }

    pub(crate) fn file(self, alias: &str, name: &str) -> Self {
        Self { files: self.files.file(alias, name), ..self }
    }

    pub(crate) fn server(self, alias: &str, name: &str) -> Self {
        Self { files: self.files.server(alias, name), ..self }
    }
}

impl Deref for Site {
    type Target = files::Site;

    fn deref(&self) -> &files::Site {
        &self.files
    }
}

/// A tenant in the data folder, with these domains.
pub(crate) fn new(name: &str, domains: &[&str]) -> NewTenant {
    let home = Home::Server { alias: Some(Alias::local()), isolation: None };
    NewTenant { home, ..files::new(name, domains) }
}

pub(crate) async fn make(instance: &Instance, name: &str) -> Arc<TenantRecord> {
    instance.create_tenant(new(name, &[&format!("{name}.example")])).await.unwrap()
}

/// The way to the tables of the directory, where a file would have them.
pub(crate) struct Tables(String);

/// In the place of the directory's file.
pub(crate) fn sqlite(directory: &Path) -> Tables {
    let beside = directory.parent().unwrap().parent().unwrap().join(ADMINISTRATOR);
    Tables(std::fs::read_to_string(beside).unwrap())
}

impl Tables {
    /// Runs statements of no door of ours.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), String> {
        crate::server::run(&self.0, &format!("SET search_path = tenantry; {sql}"));
        Ok(())
    }
}
