//! The table of settings. The parsing, `check --config` and the reference page are all made from it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use tenantry_core::{Alias, HostName, HostPattern};
use tenantry_db::{Location, PostgresServer, Synchronous};
use tenantry_web::http::{PathPrefix, TrustedProxies};
use tenantry_web::rest::TenantsAccess;
use tracing::level_filters::LevelFilter;

use super::database::{self, OwnerUrl};
use super::{
    ByteSize, FilePath, ListenAddress, LogFormat, Origin, Problem, Problems, Secret, Sources, Value,
    ValueError,
};

/// What the table says about a setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// What may be written.
    pub kind: &'static str,
    /// What holds when nobody sets it.
    pub default: Fallback,
    /// One paragraph for the reference page.
    pub doc: &'static str,
    /// Whether its value is never shown.
    pub secret: bool,
}

/// What holds when nobody sets a setting.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// A text, parsed like any other.
    Text(&'static str),
    /// No value; what that means, for people.
    Unset(&'static str),
}

/// A setting as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Its name.
    pub name: String,
    /// Its value in canonical form; `set` for a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The settings, and how each came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub settings: Settings,
    /// Each setting in the table's order, then each database.
    pub effective: Vec<Effective>,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident $name:literal: $type:ty = $default:expr;)+) => {
        /// The settings with their values, each parsed.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $field: $type,)+
            /// The databases and servers that `DB_<ALIAS>` names.
            pub databases: BTreeMap<Alias, Location>,
        }

        /// Every setting but `DB_<ALIAS>`, whose names the operator chooses.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: $name,
            kind: <$type as Value>::KIND,
            default: $default,
            doc: concat!($($doc),+),
            secret: <$type as Value>::SECRET,
        },)+];

        impl Settings {
            /// Parses every setting that `sources` set.
            ///
            /// # Errors
            /// Raised when any of them can't be used, with all that can't.
            pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
                let mut loading = Loading { sources, effective: Vec::new(), problems: Vec::new() };
                $(let $field = loading.setting::<$type>($name, $default);)+
                let databases = loading.databases();
                match ($($field,)+) {
                    ($(Some($field),)+) if loading.problems.is_empty() => {
                        let settings = Self { $($field,)+ databases };
                        Ok(Loaded { settings, effective: loading.effective })
                    }
                    _ => Err(Problems { problems: loading.problems, effective: loading.effective }),
                }
            }
        }
    };
}

settings! {
    /// The key that signs the forms of pages, so that nobody else can make one. Change it, and a page that was open has
    /// to be opened again before its form is taken; nobody is signed out, since sessions are kept in tenants' data. The
    /// key of a Django project can stay.
    secret_key "SECRET_KEY": Option<Secret> =
        Fallback::Unset("a random key, made once and kept in the file `secret_key` of the data folder");
    /// Shows helpful pages where a request fails, which name tenants and hosts. Never for production.
    debug "DEBUG": bool = Fallback::Text("false");
    /// The hosts that may ask for what is not there (404). Requests for any other host are refused (400). The
    /// domains of tenants need not be listed.
    allowed_hosts "ALLOWED_HOSTS": Vec<HostPattern> =
        Fallback::Unset("none; with `DEBUG`, localhost and all below it");
    /// The folder with the instance's own files: the directory, the secret key, and the tenants that are placed
    /// nowhere else. Made when it is not there. `--data` sets it too.
    data_dir "DATA_DIR": PathBuf = Fallback::Text("./data");
    /// The file of the directory, which knows the tenants, their domains and the operators. Without it, and with `DB_DEFAULT`
    /// a PostgreSQL server, the directory is the schema `tenantry` of that database, and several servers on several machines
    /// share it: each needs the same `SECRET_KEY`. It belongs to the role of `DB_DEFAULT_OWNER`; the one that serves has no right
    /// to it. That URL leads to the server itself, not to PgBouncer, and each process keeps two connections there beside those of
    /// `POSTGRES_CONNECTIONS`.
    directory_url "DIRECTORY_URL": Option<FilePath> = Fallback::Unset("`DB_DEFAULT` where that is a PostgreSQL server, else a file in the data folder");
    /// Serves each tenant at SLUG.BASE_DOMAIN too, beside its own domains.
    base_domain "BASE_DOMAIN": Option<HostName> = Fallback::Unset("off: only a tenant's own domains lead to it");
    /// Where the server listens. An address given to `serve` wins.
    listen "LISTEN": ListenAddress = Fallback::Text("127.0.0.1:8000");
    /// Where `serve` answers `/metrics` for Prometheus: how busy the instance, its files and its PostgreSQL servers are. A
    /// listener of its own, since no tenant's visitors have a right to it: give it an address that only whoever watches over
    /// the instance can reach, such as 127.0.0.1:9464.
    metrics_listen "METRICS_LISTEN": Option<ListenAddress> = Fallback::Unset("off: `/metrics` is answered nowhere");
    /// The proxies whose `X-Forwarded-…` headers are believed. From anyone else these headers are ignored.
    trusted_proxies "TRUSTED_PROXIES": TrustedProxies = Fallback::Unset("none: forwarded headers are ignored");
    /// How many seconds a browser that was answered over https asks the same host in no other way (HSTS); 0 does not
    /// tell it so. It can't be taken back before its time, so begin with little, and raise it to a year (31536000) once
    /// https works for good on every tenant's domain.
    hsts "SECURE_HSTS_SECONDS": u32 = Fallback::Text("3600");
    /// The request header that names a tenant by its slug. Only for a server that nobody but a proxy can reach, since
    /// a client can send any header.
    tenant_header "TENANT_HEADER": Option<HeaderName> = Fallback::Unset("off: no header names a tenant");
    /// Serves each tenant below a path too: with `/t`, the tenant acme at /t/acme/. To a browser all of them are then
    /// one site: signing in to one signs out of another, and a script that one tenant's people could put on a page
    /// would reach the pages of all. Only for tenants that trust each other, or whose pages show no one's scripts.
    tenant_path_prefix "TENANT_PATH_PREFIX": Option<PathPrefix> = Fallback::Unset("off: no path names a tenant");
    /// Who may read the list of all tenants at `/api/tenants`.
    tenants_api "TENANTS_API": TenantsAccess = Fallback::Text("operators");
    /// In a database that Django made, replaces a user's password hash by a stronger one when the user signs in.
    /// Django can then no longer check that password, unless it has argon2 installed.
    password_upgrade "PASSWORD_UPGRADE": bool = Fallback::Text("false");
    /// How many tenants' databases have room to be open at a time, with two connections each. Those with one leave room
    /// for up to half as many more: with 1, two may be open. Beyond it, the one used least recently is closed.
    open_tenants "OPEN_TENANTS": Option<NonZeroUsize> =
        Fallback::Unset("as many as the process's limit of open files allows");
    /// Whether a server migrates a tenant whose data is behind when a request first asks for it, instead of answering 503
    /// until `migrate` has run. For fleets of which few tenants are asked for in a day. The danger: nobody looks on while
    /// data is changed, a fault shows itself tenant by tenant, and no statement of a migration may run for longer than
    /// 30 seconds, as for any request. Whoever asks waits for 10 seconds at most, then gets 503; four tenants are migrated
    /// at a time; one that failed is tried again after a minute. Tenants in shared tables (isolation row) are not: their
    /// tables are migrated once for all, by `migrate`.
    migrate_on_access "MIGRATE_ON_ACCESS": bool = Fallback::Text("false");
    /// How many connections each of the two roles has to each PostgreSQL server at most. Beyond it, tenants take turns.
    postgres_connections "POSTGRES_CONNECTIONS": NonZeroUsize = Fallback::Text("20");
    /// How many connections are open at a time. Beyond it, new ones wait.
    max_connections "MAX_CONNECTIONS": NonZeroUsize = Fallback::Text("1024");
    /// How long an answer may take from the end of the request's headers. Beyond it, the answer is 503.
    request_timeout "REQUEST_TIMEOUT": Duration = Fallback::Text("60s");
    /// How large a request's body may be. A larger one is refused (413).
    body_limit "BODY_LIMIT": ByteSize = Fallback::Text("2MiB");
    /// How log lines are written: for people, or one JSON object a line.
    log_format "LOG_FORMAT": LogFormat = Fallback::Text("human");
    /// The least important log lines that are written.
    log_level "LOG_LEVEL": LevelFilter = Fallback::Text("info");
    /// When SQLite waits for the disk. With full, what was acknowledged survives a power cut. With normal, a power
    /// cut may undo the last writes, and writes are faster.
    sqlite_synchronous "SQLITE_SYNCHRONOUS": Synchronous = Fallback::Text("full");
    /// How long requests may take to end once the server is told to stop. Those that take longer are cut off.
    shutdown_grace "SHUTDOWN_GRACE": Duration = Fallback::Text("25s");
}

struct Loading<'a> {
    sources: &'a Sources,
    effective: Vec<Effective>,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    fn setting<T: Value>(&mut self, name: &str, default: Fallback) -> Option<T> {
        if let Some(value) = self.written(name, !T::SECRET) {
            return value;
        }
        let (value, shown) = match default {
            Fallback::Text(text) => (T::parse(text).ok(), text.to_owned()),
            Fallback::Unset(meaning) => (T::unset(), meaning.to_owned()),
        };
        self.effective.push(Effective { name: name.to_owned(), value: shown, origin: Origin::Default });
        value
    }

    /// The value that a source gives `name`: `None` if none does, `Some(None)` if it can't be used.
    fn written<T: Value>(&mut self, name: &str, may_be_shown: bool) -> Option<Option<T>> {
        let found = self.sources.find(name)?;
        let parsed = found.text.to_str().ok_or(ValueError::NotUnicode).and_then(T::parse);
        let name = name.to_owned();
        Some(match parsed {
            Ok(value) => {
                self.effective.push(Effective { name, value: value.show(), origin: found.origin });
                Some(value)
            }
            Err(error) => {
                let text = may_be_shown.then(|| found.text.to_string_lossy().into_owned());
                self.problems.push(Problem { name, text, origin: found.origin, error });
                None
            }
        })
    }

    fn databases(&mut self) -> BTreeMap<Alias, Location> {
        let mut databases = BTreeMap::new();
        let mut variables: BTreeMap<Alias, &str> = BTreeMap::new();
        for name in self.sources.names() {
            let Some(found) = self.sources.find(name) else { continue };
            let alias = match database::alias(name) {
                Ok(Some(alias)) => alias,
                Ok(None) => continue,
                Err(error) => {
                    let name = name.to_owned();
                    self.problems.push(Problem { name, text: None, origin: found.origin, error });
                    continue;
                }
            };
            if let Some(first) = variables.insert(alias.clone(), name) {
                let error = ValueError::SameAlias(first.to_owned());
                let name = name.to_owned();
                self.problems.push(Problem { name, text: None, origin: found.origin, error });
            } else if let Some(Some(mut target)) = self.written(name, false) {
                if let Location::Postgres(server) = &mut target {
                    self.complete(name, server);
                }
                databases.insert(alias, target);
            }
        }
        databases
    }

    /// Adds the role that owns the tables, and passwords from the password file where the URLs have none.
    fn complete(&mut self, variable: &str, server: &mut PostgresServer) {
        let owner = database::owner_of(variable);
        if let Some(Some(OwnerUrl(url))) = self.written(&owner, false) {
            server.owner = Some(url);
        }
        let Some(file) = self.sources.find("PGPASSFILE") else { return };
        match database::passwords(file.text.as_ref()) {
            Ok(passwords) => {
                server.serving = server.serving.clone().or_password_from(&passwords);
                server.owner = server.owner.take().map(|owner| owner.or_password_from(&passwords));
            }
            Err(error) => {
                let (name, text) = ("PGPASSFILE".to_owned(), Some(file.text.to_string_lossy().into_owned()));
                self.problems.push(Problem { name, text, origin: file.origin, error });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Dotenv;

    fn dotenv(text: &str) -> Sources {
        Sources::default().with_dotenv(Path::new(".env"), Dotenv::parse(text))
    }

    #[test]
    fn every_default_is_a_value_and_every_setting_is_shown() {
        let loaded = Settings::load(&Sources::default()).unwrap();
        let names: Vec<_> = loaded.effective.iter().map(|effective| effective.name.as_str()).collect();
        assert_eq!(names, SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>());
        assert!(loaded.effective.iter().all(|effective| effective.origin == Origin::Default));
        assert!(loaded.settings.databases.is_empty());
        assert!(!loaded.settings.debug);
        assert_eq!(loaded.settings.tenants_api, TenantsAccess::Operators);
    }

    /// The file that the seed's users have, unchanged.
    #[test]
    fn the_seed_s_file_works() {
        let sources = dotenv(
            "// For DRF & Postgres Configurations\n\
             SECRET_KEY=django-insecure-a$b9k#x(d)\n\
             DEBUG=True\n\
             ALLOWED_HOSTS=test.checkhost.local,development.checkhost.local\n\
             DB_DEFAULT=default.sqlite3\n\
             DB_TEST=test.sqlite3\n\
             DB_DEVELOPMENT=development.sqlite3\n\
             DB_HOST=localhost\nDB_PORT=5432\nDB_NAME=app\nDB_USER=app\nDB_PASSWORD=hush\n\
             DB_DEFAULT_OWNER=app\n\
             EMAIL_HOST=mail.checkhost.local\n",
        );
        let settings = Settings::load(&sources).unwrap().settings;
        assert_eq!(settings.secret_key.unwrap().expose(), "django-insecure-a$b9k#x(d)");
        assert!(settings.debug);
        assert_eq!(settings.allowed_hosts.show(), "test.checkhost.local,development.checkhost.local");
        let databases: Vec<_> =
            settings.databases.iter().map(|(alias, target)| (alias.as_str(), target.show())).collect();
        let expected = ["default", "development", "test"].map(|name| (name, format!("file {name}.sqlite3")));
        assert_eq!(databases, expected);
        assert_eq!(sources.warnings().count(), 1);
    }

    #[test]
    fn what_is_set_is_shown_with_its_origin_and_secrets_are_not() {
        let sources = dotenv("SECRET_KEY=hush\nDEBUG=Yes\nDB_TEST=a.sqlite3\nBODY_LIMIT=\n")
            .with_environment([("SHUTDOWN_GRACE", "120"), ("HOME", "/root")])
            .with_flag("LISTEN", "ADDR:PORT", "0:80");
        let loaded = Settings::load(&sources).unwrap();
        let shown = |name: &str| {
            let effective = loaded.effective.iter().find(|effective| effective.name == name)?;
            Some(format!("{} ({})", effective.value, effective.origin))
        };
        assert_eq!(shown("SECRET_KEY").unwrap(), "set (.env:1)");
        assert_eq!(shown("DEBUG").unwrap(), "true (.env:2)");
        assert_eq!(shown("DB_TEST").unwrap(), "file a.sqlite3 (.env:3)");
        assert_eq!(shown("BODY_LIMIT").unwrap(), "2MiB (default)");
        assert_eq!(shown("SHUTDOWN_GRACE").unwrap(), "2m (environment)");
        assert_eq!(shown("LISTEN").unwrap(), "0.0.0.0:80 (flag ADDR:PORT)");
        assert_eq!(shown("HOME"), None);
        assert!(!format!("{loaded:?}").contains("hush"));
    }

    #[test]
    fn all_problems_are_told_at_once_and_no_secret() {
        let sources =
            dotenv("DB_TEST=postgres://bob:hush@db/app?pool=hush\nDB_1=x\nDB_a=a\nDB_A=b\nLISTEN=nowhere\n")
                .with_environment([("BODY_LIMIT", "2\nparsecs"), ("DEBUG", "true")]);
        let message = Settings::load(&sources).unwrap_err().to_string();
        let expected = "the configuration can't be used:\n  \
            LISTEN=nowhere (.env:5): must be ADDRESS:PORT, such as 127.0.0.1:8000, or a port alone\n  \
            BODY_LIMIT=2\\nparsecs (environment): must be a number of bytes such as 500000, 64KiB or 2MiB\n  \
            DB_1 (.env:2): names no database: after DB_ come 1 to 40 letters, digits and underscores, a letter first\n  \
            DB_TEST (.env:1): the URL has a parameter that is not known: pool\n  \
            DB_a (.env:3): names the same database as DB_A";
        assert_eq!(message, expected);
    }

    #[test]
    fn a_server_s_owner_and_its_passwords_are_found() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let passwords = folder.path().join("passwords");
        std::fs::write(&passwords, "db:*:app:ann:hush\n").unwrap();
        std::fs::set_permissions(&passwords, Permissions::from_mode(0o600)).unwrap();
        let lines = "DB_MAIN=postgres://ann@db/app\nDB_MAIN_OWNER=psql://olga:own@db/app\n";
        let sources = dotenv(lines).with_environment([("PGPASSFILE", &passwords)]);
        let loaded = Settings::load(&sources).unwrap();
        let Some(Location::Postgres(server)) = loaded.settings.databases.get(&"main".parse().unwrap()) else {
            panic!("{loaded:?}")
        };
        let with_password: tenantry_db::PostgresUrl = "postgres://ann:hush@db/app".parse().unwrap();
        assert_eq!(server.serving, with_password);
        assert_eq!(server.owner, Some("postgres://olga:own@db/app".parse().unwrap()));
        assert!(!format!("{loaded:?}").contains("hush") && !format!("{loaded:?}").contains("own@"));

        std::fs::set_permissions(&passwords, Permissions::from_mode(0o640)).unwrap();
        let message = Settings::load(&sources).unwrap_err().to_string();
        assert!(
            message.contains("PGPASSFILE") && message.contains("others can read it: chmod 600"),
            "{message}"
        );

        let missing = dotenv(lines).with_environment([("PGPASSFILE", folder.path().join("nowhere"))]);
        let message = Settings::load(&missing).unwrap_err().to_string();
        assert!(message.contains("PGPASSFILE") && message.contains("can't be read"), "{message}");
    }

    #[test]
    fn a_value_that_is_not_text_is_a_problem() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = std::ffi::OsString::from_vec(vec![b'h', b'u', b's', b'h', 0xff]);
        let sources = Sources::default().with_environment([("SECRET_KEY", bytes)]);
        let message = Settings::load(&sources).unwrap_err().to_string();
        assert!(message.ends_with("SECRET_KEY (environment): must be UTF-8 text"), "{message}");
    }
}
