//! Why what is configured can't be used.

use std::io;
use std::path::PathBuf;

use tenantry_core::Alias;

/// Raised when the configured databases, or the folders of an instance, can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Two aliases stand for one file or folder: two tenants could get the same data.
    #[error("DB_{} and DB_{} are the same place, {}", .first.as_str().to_uppercase(), .second.as_str().to_uppercase(), .path.display())]
    Same {
        /// One alias.
        first: Alias,
        /// The other alias.
        second: Alias,
        /// The place.
        path: PathBuf,
    },
    /// A database lies in a folder that holds other tenants' files or the instance's own.
    #[error("DB_{} lies among the files of the instance itself, in {}", .alias.as_str().to_uppercase(), .folder.display())]
    Inside {
        /// The alias.
        alias: Alias,
        /// The folder.
        folder: PathBuf,
    },
    /// A database has a name that belongs to a part of another: one would overwrite the other.
    #[error("DB_{} can't be {}: SQLite and this program keep a part of {} there", .alias.as_str().to_uppercase(), .path.display(), .whole.display())]
    PartOf {
        /// The alias.
        alias: Alias,
        /// Its place.
        path: PathBuf,
        /// The database that the place is a part of.
        whole: PathBuf,
    },
    /// A folder can't be made or used.
    #[error("the folder {} can't be used: {error}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// `DB_DEFAULT` would hold a directory, and there is one in the data folder.
    #[error(
        "{file} is a directory of tenants, and DB_DEFAULT, a PostgreSQL server, would hold another: set \
         DIRECTORY_URL={file} to go on with the file, or move it away",
        file = .0.display()
    )]
    TwoDirectories(PathBuf),
    /// Anyone on this machine could put files of their own in the place of the instance's.
    #[error("anyone can write to {folder}: `chmod o-w {folder}`, or name a folder inside it", folder = .0.display())]
    Open(PathBuf),
}

/// Raised when a tenant's placement depends on an alias that is not configured, or not as what it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPlace {
    /// No `DB_<ALIAS>` of this name.
    #[error("DB_{} is not configured", .0.as_str().to_uppercase())]
    Alias(Alias),
    /// There is one, but it could not be used when the instance was opened.
    #[error("DB_{} was not usable at the start: {why}", .alias.as_str().to_uppercase())]
    Unusable {
        /// The alias.
        alias: Alias,
        /// What was in the way.
        why: String,
    },
    /// There is one, but it is a database.
    #[error("DB_{} is a database and not a server", .0.as_str().to_uppercase())]
    NotAServer(Alias),
    /// There is one, but it is a server.
    #[error("DB_{} is a server and not a database", .0.as_str().to_uppercase())]
    NotADatabase(Alias),
}
