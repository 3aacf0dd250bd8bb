//! A database of its own for each test, with two roles, on the servers that `cargo xtask test` has started.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::administrator::remove_databases_of;
use crate::cluster::Cluster;
use crate::common::{self, Server};

/// The password of the role that serves, and the beginning of the owner's.
pub(crate) const PASSWORDS_OF_ROLES: &str = "hush";

/// A test's database, its roles, and a data folder.
pub(crate) struct Place {
    pub(crate) administrator: Client,
    /// The administrator's URL.
    pub(crate) administrators: String,
    pub(crate) name: String,
    /// HOST:PORT of the server.
    pub(crate) address: String,
    /// HOST:PORT that commands are given.
    pub(crate) way: String,
    /// HOST:PORT of PgBouncer.
    bouncer: String,
    /// The role that serves comes through PgBouncer.
    pub(crate) bounced: bool,
    folder: TempDir,
}

/// Runs a test on every server, one version after the other.
pub(crate) async fn on_each(test: impl AsyncFn(Place)) {
    on_each_bare(async |mut place| {
        place.prepare().await;
        Box::pin(test(place)).await;
    })
    .await;
}

/// The same, with nothing on the servers yet.
pub(crate) async fn on_each_bare(test: impl AsyncFn(Place)) {
    for (url, way) in servers("TENANTRY_TEST_POSTGRES").iter().zip(servers("TENANTRY_TEST_PGBOUNCER")) {
        Box::pin(test(Place::bare(url, &way).await)).await;
    }
}

/// The same on a server of the test's own.
pub(crate) async fn on_own(test: impl AsyncFn(Place, Cluster)) {
    let cluster = Cluster::start();
    let mut place = Place::bare(&cluster.url(), &cluster.url()).await;
    place.prepare().await;
    Box::pin(test(place, cluster)).await;
}

/// The administrators' URLs in a variable.
fn servers(variable: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the tests' own variables")]
    let servers = std::env::var(variable);
    let servers = servers.unwrap_or_else(|_| panic!("{variable} is set by `cargo xtask test`"));
    servers.split(',').map(|server| server.split_once('=').unwrap().1.to_owned()).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        remove_databases_of(&format!("{}_owner", self.name), &self.administrators);
    }
}

impl Place {
    async fn bare(administrators: &str, bouncers: &str) -> Self {
        let name = format!("site_{:032x}", rand_number());
        let address = |url: &str| url.split(['@', '/']).nth(3).unwrap().to_owned();
        let (address, bouncer) = (address(administrators), address(bouncers));
        let folder = tempfile::tempdir().unwrap();
        let passwords = folder.path().join("passwords");
        let lines =
            format!("*:*:*:{name}:{PASSWORDS_OF_ROLES}\n*:*:*:{name}_owner:{PASSWORDS_OF_ROLES}-owner\n");
        std::fs::write(&passwords, lines).unwrap();
        std::fs::set_permissions(passwords, Permissions::from_mode(0o600)).unwrap();
        Self {
            administrator: connect(administrators).await,
            administrators: administrators.to_owned(),
            name,
            way: address.clone(),
            bouncer,
            bounced: false,
            address,
            folder,
        }
    }

    /// Makes the roles and the database.
    async fn prepare(&mut self) {
        let name = &self.name;
        for sql in [
            format!("CREATE ROLE {name}_owner LOGIN CREATEDB PASSWORD 'hush-owner'"),
            format!("CREATE ROLE {name} LOGIN PASSWORD 'hush'"),
            format!("GRANT {name} TO {name}_owner"),
            format!("CREATE DATABASE {name} OWNER {name}_owner"),
        ] {
            self.administrator.batch_execute(&sql).await.unwrap();
        }
        self.enter().await;
    }

    /// The administrator's connection is to the test's own database from now on, of which the counts are that tests ask for.
    pub(crate) async fn enter(&mut self) {
        self.administrator = connect(&self.url_of_administrator()).await;
    }

    pub(crate) fn url_of_administrator(&self) -> String {
        self.administrators.replace("/postgres", &format!("/{}", self.name))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that knows the server as `main`. Its passwords stand in a file.
    pub(crate) fn command(&self, words: &str) -> Command {
        let (name, way) = (&self.name, &self.way);
        let serving = match self.bounced {
            true => format!("postgres://{name}@{}/{name}?prepared=false", self.bouncer),
            false => format!("postgres://{name}@{way}/{name}"),
        };
        let mut command = common::command(self.folder());
        command
            .args(words.split_whitespace())
            .env("DB_MAIN", serving)
            .env("DB_MAIN_OWNER", format!("postgres://{name}_owner@{way}/{name}"))
            .env("PGPASSFILE", self.folder().join("passwords"));
        command
    }

    pub(crate) fn ok(&self, words: &str) -> String {
        let done = self.command(words).output().unwrap();
        assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts a command. Where it asks for the slug that it is about, its last word, that is typed.
    pub(crate) fn spawn(&self, words: &str) -> Child {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let slug = words.rsplit(' ').next().unwrap();
        // Who is killed first, or asks nothing, leaves it unread.
        let _ = writeln!(process.stdin.take().unwrap(), "{slug}");
        process
    }

    pub(crate) fn confirmed(&self, words: &str) {
        let done = self.spawn(words).wait_with_output().unwrap();
        assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The same for several tenants at a time: each of some commands waits until every process has heard of it.
    pub(crate) fn confirmed_for(&self, slugs: &[&str], words: &str) {
        let commands: Vec<Child> = slugs.iter().map(|slug| self.spawn(&format!("{words} {slug}"))).collect();
        for (slug, command) in slugs.iter().zip(commands) {
            let done = command.wait_with_output().unwrap();
            assert!(done.status.success(), "{words} {slug}: {}", String::from_utf8_lossy(&done.stderr));
        }
    }

    pub(crate) fn refused(&self, words: &str) -> String {
        let done = self.command(words).output().unwrap();
        assert!(!done.status.success(), "{words}");
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!said.contains("hush"), "{said}");
        said
    }

    pub(crate) fn serve(&self) -> Server {
        Server::run(&mut self.command("serve"))
    }

    /// Schemas and databases that belong to tenants here.
    pub(crate) async fn places(&self) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{25}$') + \
                   (SELECT count(*) FROM pg_database WHERE datname ~ '^t[0-9a-z]{25}$' AND datdba = \
                   (SELECT datdba FROM pg_database WHERE datname = current_database()))";
        self.administrator.query_one(sql, &[]).await.unwrap().get(0)
    }
}

impl Place {
    /// Templates of databases here, the unfinished ones too.
    pub(crate) async fn templates(&self) -> Vec<String> {
        let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE 'tenantry\\_template\\_%' AND datdba = \
                   (SELECT datdba FROM pg_database WHERE datname = current_database())";
        let found = self.administrator.query(sql, &[]).await.unwrap();
        found.iter().map(|row| row.get(0)).collect()
    }

    /// Tenants that are entered in shared tables here. None of the rows there is anyone else's.
    pub(crate) async fn entered(&self) -> i64 {
        let there = "SELECT to_regclass('tenantry_shared.tenantry_tenant') IS NOT NULL";
        if !self.administrator.query_one(there, &[]).await.unwrap().get::<_, bool>(0) {
            return 0;
        }
        let tables = "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
                      WHERE attname = 'tenant_id' AND relkind = 'r' \
                      AND relnamespace = 'tenantry_shared'::regnamespace";
        for table in self.administrator.query(tables, &[]).await.unwrap() {
            let table: String = table.get(0);
            let strays = format!(
                "SELECT count(*) FROM {table} WHERE tenant_id NOT IN (SELECT key FROM tenantry_shared.tenantry_tenant)"
            );
            let strays: i64 = self.administrator.query_one(&strays, &[]).await.unwrap().get(0);
            assert_eq!(strays, 0, "{table}");
        }
        let entered = "SELECT count(*) FROM tenantry_shared.tenantry_tenant WHERE key <> 0";
        self.administrator.query_one(entered, &[]).await.unwrap().get(0)
    }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

fn rand_number() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    u128::from_ne_bytes(bytes)
}
