//! `DB_<ALIAS>`: the databases and servers that tenants may live in.

use std::path::PathBuf;

use tenantry_core::Alias;
use tenantry_db::Location;

use super::{Value, ValueError};

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

impl Value for Location {
    const KIND: &'static str = "path of a SQLite file, or of a folder (with / at its end, or already there)";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let path = local_path(text)?;
        if text.ends_with('/') || path.is_dir() { Ok(Self::Folder(path)) } else { Ok(Self::File(path)) }
    }

    fn show(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Folder(path) => format!("folder {}", path.display()),
        }
    }
}

impl Value for FilePath {
    const KIND: &'static str = "path of a SQLite file";

    fn parse(text: &str) -> Result<Self, ValueError> {
        match Location::parse(text)? {
            Location::File(path) => Ok(Self(path)),
            Location::Folder(_) => Err(ValueError::Folder),
        }
    }

    fn show(&self) -> String {
        self.0.display().to_string()
    }
}

fn local_path(text: &str) -> Result<PathBuf, ValueError> {
    match text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()) {
        None => Ok(text.into()),
        Some(scheme) if matches!(scheme.as_str(), "postgres" | "postgresql" | "psql" | "pgsql") => {
            Err(ValueError::Postgres)
        }
        Some(_) => Err(ValueError::Url),
    }
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
    fn a_url_is_refused_without_its_password() {
        for text in ["postgres://bob:hush@db/app", "PostgreSQL://bob:hush@db/app"] {
            let message = Location::parse(text).unwrap_err().to_string();
            assert!(message.starts_with("PostgreSQL is not supported yet"), "{message}");
            assert!(!message.contains("hush"), "{message}");
        }
        let message = Location::parse("mysql://bob:hush@db/app").unwrap_err().to_string();
        assert!(!message.contains("hush"), "{message}");
    }
}
