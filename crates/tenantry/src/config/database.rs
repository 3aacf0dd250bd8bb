//! `DB_<ALIAS>`: the databases and servers that tenants may live in.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tenantry_core::Alias;
use tenantry_db::{Location, PostgresServer, PostgresUrl};

use super::{Sources, Value, ValueError};

/// The path of a file, which need not be there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath(PathBuf);

impl FilePath {
    /// The path, relative to the working directory unless it is absolute.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.0
    }
}

/// The URL of the role that owns the tables of a server's tenants.
pub(super) struct OwnerUrl(pub(super) PostgresUrl);

impl Value for OwnerUrl {
    const KIND: &'static str = "postgres:// URL";

    fn parse(text: &str) -> Result<Self, ValueError> {
        if is_postgres(text) { url(text).map(Self) } else { Err(ValueError::Url) }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for Location {
    const KIND: &'static str =
        "path of a SQLite file or of a folder (with / at its end, or already there), or a postgres:// URL";

    fn parse(text: &str) -> Result<Self, ValueError> {
        if is_postgres(text) {
            return Ok(Self::Postgres(Box::new(PostgresServer { serving: url(text)?, owner: None })));
        }
        let path = local_path(text)?;
        if text.ends_with('/') || path.is_dir() { Ok(Self::Folder(path)) } else { Ok(Self::File(path)) }
    }

    fn show(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Folder(path) => format!("folder {}", path.display()),
            Self::Postgres(server) => server.serving.to_string(),
        }
    }
}

impl Value for FilePath {
    const KIND: &'static str = "path of a SQLite file";

    fn parse(text: &str) -> Result<Self, ValueError> {
        match Location::parse(text)? {
            Location::File(path) => Ok(Self(path)),
            Location::Folder(_) => Err(ValueError::Folder),
            Location::Postgres(_) => Err(ValueError::Postgres),
        }
    }

    fn show(&self) -> String {
        self.0.display().to_string()
    }
}

fn local_path(text: &str) -> Result<PathBuf, ValueError> {
    if text.contains("://") { Err(ValueError::Url) } else { Ok(text.into()) }
}

/// The schemes that a Django project's URLs have for PostgreSQL.
const POSTGRES: [&str; 4] = ["postgres", "postgresql", "psql", "pgsql"];

fn is_postgres(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| POSTGRES.contains(&scheme.as_str()))
}

/// A PostgreSQL URL, under whichever of its schemes.
fn url(text: &str) -> Result<PostgresUrl, ValueError> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    format!("postgres://{rest}").parse().map_err(ValueError::PostgresUrl)
}

/// An administrator's URL, which is no setting. Its password may stand in the file that `PGPASSFILE` names.
///
/// # Errors
/// Raised when the text is no URL of PostgreSQL's, or the file can't be read.
pub fn administrator_url(text: &str, sources: &Sources) -> Result<PostgresUrl, ValueError> {
    let OwnerUrl(url) = OwnerUrl::parse(text.trim())?;
    match sources.find("PGPASSFILE") {
        Some(file) => Ok(url.or_password_from(&passwords(file.text.as_ref())?)),
        None => Ok(url),
    }
}

/// What stands in a password file. As for libpq, it is of no use while others can read it.
pub(super) fn passwords(path: &Path) -> Result<String, ValueError> {
    let unreadable = |error: std::io::Error| ValueError::Unreadable(error.to_string());
    if std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(ValueError::Exposed);
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// The variable that names the role which owns the tables of a server's tenants.
pub(super) fn owner_of(variable: &str) -> String {
    format!("{variable}_OWNER")
}

/// The alias that a variable sets: `Ok(None)` for a variable that has nothing to do with databases.
///
/// The names that a Django project uses for the parts of one PostgreSQL connection are no aliases.
pub(super) fn alias(variable: &str) -> Result<Option<Alias>, ValueError> {
    let Some(name) = variable.strip_prefix("DB_") else { return Ok(None) };
    if matches!(name, "HOST" | "PORT" | "NAME" | "USER" | "PASSWORD") || variable.ends_with("_OWNER") {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_| ValueError::Alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_one_connection_are_no_aliases() {
        for variable in [
            "DB_HOST",
            "DB_PORT",
            "DB_NAME",
            "DB_USER",
            "DB_PASSWORD",
            "DB_OWNER",
            "DB_DEFAULT_OWNER",
            "DEBUG",
            "MY_DB_TEST",
        ] {
            assert_eq!(alias(variable), Ok(None), "{variable}");
        }
        assert_eq!(alias("DB_DEFAULT").unwrap().unwrap().as_str(), "default");
        for variable in ["DB_", "DB_1", "DB__TEST"] {
            assert_eq!(alias(variable), Err(ValueError::Alias), "{variable}");
        }
    }

    #[test]
    fn a_folder_ends_in_a_slash_or_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().to_str().unwrap();
        assert!(matches!(Location::parse(there), Ok(Location::Folder(_))));
        assert!(matches!(Location::parse("missing/"), Ok(Location::Folder(_))));
        assert_eq!(Location::parse("db.sqlite3"), Ok(Location::File("db.sqlite3".into())));
        assert_eq!(FilePath::parse(there), Err(ValueError::Folder));
    }

    #[test]
    fn a_postgresql_server_is_shown_without_its_password() {
        for text in ["postgres://bob:hush@db/app", "PostgreSQL://bob:hush@db/app", "psql://bob:hush@db/app"] {
            let location = Location::parse(text).unwrap();
            assert_eq!(location.show(), "postgres://bob@db:5432/app");
            assert!(!format!("{location:?}").contains("hush"), "{location:?}");
        }
    }

    #[test]
    fn another_url_is_refused_without_its_password() {
        for text in ["mysql://bob:hush@db/app", "postgres://bob:hush@db/app?sslmode=hush"] {
            let message = Location::parse(text).unwrap_err().to_string();
            assert!(!message.contains("hush"), "{message}");
        }
        assert_eq!(FilePath::parse("postgres://bob:hush@db/app"), Err(ValueError::Postgres));
    }
}
