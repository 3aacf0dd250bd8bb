//! Where everything of an instance lies: the folders of its data, and the databases and servers that are configured.

mod exposure;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use tenantry_core::{Alias, Isolation, OpaqueName, Placement, TenantId};

use crate::sqlite::{DataFile, parts};

pub use exposure::Exposed;

/// What a `DB_<ALIAS>` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A database: a SQLite file that one tenant may claim.
    File(PathBuf),
    /// A server: a folder in which tenants get files of their own.
    Folder(PathBuf),
}

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

/// Where everything of an instance lies. Every path is absolute.
#[derive(Debug)]
pub(crate) struct Places {
    data: PathBuf,
    directory: PathBuf,
    locations: BTreeMap<Alias, Location>,
    /// Databases and servers that could not be used when the instance was opened, and why. They stay out of use, whatever
    /// is put there later: where their paths lead was not looked at.
    unusable: BTreeMap<Alias, String>,
}

/// The folders inside the data folder.
const FOLDERS: [&str; 4] = [TENANTS, "template", "claimed", "journal"];

/// The directory in the data folder, where no other is named.
pub(crate) const DIRECTORY: &str = "directory.db";

/// The one of them that is a server.
const TENANTS: &str = "tenants";

impl Places {
    /// Checks what is configured and makes the folders that are missing.
    pub(crate) fn prepare(
        data: &Path,
        directory: Option<PathBuf>,
        configured: BTreeMap<Alias, Location>,
    ) -> Result<Self, PlaceError> {
        let data = make_folder(data)?;
        for folder in FOLDERS {
            make_folder(&data.join(folder))?;
        }
        let directory = match directory {
            Some(path) => absolute(&path)?,
            None => data.join(DIRECTORY),
        };
        refuse_open(directory.parent().unwrap_or(&directory))?;
        let (mut locations, mut unusable) = (BTreeMap::new(), BTreeMap::new());
        locations.insert(Alias::local(), Location::Folder(data.join(TENANTS)));
        for (alias, location) in configured {
            let found = match location {
                Location::File(path) => absolute(&path).map(Location::File),
                Location::Folder(path) => make_folder(&path).map(Location::Folder),
            };
            // Only the tenants that are there suffer for it.
            match found {
                Ok(location) => drop(locations.insert(alias, location)),
                Err(error) => drop(unusable.insert(alias, error.to_string())),
            }
        }
        let places = Self { data, directory, locations, unusable };
        places.refuse_shared()?;
        Ok(places)
    }

    fn refuse_shared(&self) -> Result<(), PlaceError> {
        let mut seen: BTreeMap<Identity, &Alias> = BTreeMap::new();
        for (alias, location) in &self.locations {
            let path = location.path();
            if let Some(first) = seen.insert(Identity::of(path), alias) {
                return Err(PlaceError::Same {
                    first: first.clone(),
                    second: alias.clone(),
                    path: path.to_owned(),
                });
            }
            let folder = match location {
                Location::File(path) => path.parent().unwrap_or(path),
                Location::Folder(path) => path,
            };
            // Reconcile removes from these what no change that is under way needs: also a server's files.
            let of_the_instance = FOLDERS.iter().any(|name| folder.starts_with(self.data.join(name)));
            let of_a_server = self.servers().any(|(_, server)| server == folder);
            let inside = match location {
                Location::File(path) => {
                    of_the_instance || of_a_server || Identity::of(path) == Identity::of(&self.directory)
                }
                Location::Folder(path) => of_the_instance && *path != self.data.join(TENANTS),
            };
            if inside {
                return Err(PlaceError::Inside { alias: alias.clone(), folder: folder.to_owned() });
            }
            if let Some(whole) = self.database_with_part(path) {
                let (alias, path) = (alias.clone(), path.to_owned());
                return Err(PlaceError::PartOf { alias, path, whole: whole.to_owned() });
            }
        }
        Ok(())
    }

    /// The configured database, or the directory, that keeps a part of itself at this path.
    fn database_with_part(&self, path: &Path) -> Option<&Path> {
        let mut wholes = self.locations.values().map(Location::path).chain([self.directory()]);
        wholes.find(|whole| parts(whole).any(|part| part == path))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn template(&self) -> PathBuf {
        self.data.join("template")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// Every server, with its folder.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Alias, &Path)> {
        self.locations.iter().filter_map(|(alias, location)| match location {
            Location::Folder(path) => Some((alias, path.as_path())),
            Location::File(_) => None,
        })
    }

    /// Every database that a tenant may claim.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &Alias> {
        self.locations.iter().filter_map(|(alias, location)| match location {
            Location::File(_) => Some(alias),
            Location::Folder(_) => None,
        })
    }

    /// Where new tenants go when nothing is said: `DB_DEFAULT` if that is a server, else the data folder's own.
    pub(crate) fn default_server(&self) -> Alias {
        match self.locations.get(&Alias::default_alias()) {
            Some(Location::Folder(_)) => Alias::default_alias(),
            _ => Alias::local(),
        }
    }

    /// The folder of a server.
    pub(crate) fn server(&self, alias: &Alias) -> Result<&Path, UnknownPlace> {
        match self.locations.get(alias) {
            Some(Location::Folder(path)) => Ok(path),
            Some(Location::File(_)) => Err(UnknownPlace::NotAServer(alias.clone())),
            None => Err(self.unknown(alias)),
        }
    }

    /// The databases and servers that could not be used when the instance was opened.
    pub(crate) fn unusable(&self) -> impl Iterator<Item = UnknownPlace> {
        self.unusable.keys().map(|alias| self.unknown(alias))
    }

    fn unknown(&self, alias: &Alias) -> UnknownPlace {
        match self.unusable.get(alias) {
            Some(why) => UnknownPlace::Unusable { alias: alias.clone(), why: why.clone() },
            None => UnknownPlace::Alias(alias.clone()),
        }
    }

    /// A tenant's file and its lock file.
    pub(crate) fn files(&self, placement: &Placement) -> Result<(PathBuf, PathBuf), UnknownPlace> {
        match placement {
            Placement::Made { server, isolation: Isolation::Database, name } => {
                let folder = self.server(server)?;
                Ok((file_of(folder, name, "db"), file_of(folder, name, "lock")))
            }
            // A folder of SQLite files has neither schemas nor shared rows.
            Placement::Made { server, .. } => Err(UnknownPlace::NotAServer(server.clone())),
            Placement::Claimed { database } => match self.locations.get(database) {
                Some(Location::File(path)) => {
                    Ok((path.clone(), self.data.join("claimed").join(format!("{database}.lock"))))
                }
                Some(Location::Folder(_)) => Err(UnknownPlace::NotADatabase(database.clone())),
                None => Err(self.unknown(database)),
            },
        }
    }

    /// A tenant's file, to be opened.
    pub(crate) fn data_file(&self, id: TenantId, placement: &Placement) -> Result<DataFile, UnknownPlace> {
        let (path, lock) = self.files(placement)?;
        Ok(DataFile::new(id, path, lock))
    }
}

/// What a path leads to: a file that is there has as many names as it has hard links.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    There { device: u64, inode: u64 },
    NotThere(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(there) => Self::There { device: there.dev(), inode: there.ino() },
            Err(_) => Self::NotThere(path.to_owned()),
        }
    }
}

impl Location {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder(path) => path,
        }
    }
}

fn file_of(folder: &Path, name: &OpaqueName, kind: &str) -> PathBuf {
    folder.join(format!("{name}.{kind}"))
}

/// Makes a folder that only its owner can look into, unless it is there, and says where it really is.
fn make_folder(path: &Path) -> Result<PathBuf, PlaceError> {
    let refused = |error| PlaceError::Folder { path: path.to_owned(), error };
    let absolute = std::path::absolute(path).map_err(refused)?;
    let missing: Vec<&Path> = absolute.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
    // The name of each stands in the folder above it, which has to be on the disk before anyone counts on what is inside.
    for above in missing.iter().filter_map(|folder| folder.parent()) {
        File::open(above).and_then(|above| above.sync_all()).map_err(refused)?;
    }
    let there = fs::canonicalize(path).map_err(refused)?;
    refuse_open(&there)?;
    Ok(there)
}

/// Refuses a folder that anyone can write to: a file, a link or a log for SQLite to play back, put there by a stranger,
/// would be taken for the instance's own.
fn refuse_open(folder: &Path) -> Result<(), PlaceError> {
    let there =
        fs::metadata(folder).map_err(|error| PlaceError::Folder { path: folder.to_owned(), error })?;
    if there.mode() & 0o002 == 0 { Ok(()) } else { Err(PlaceError::Open(folder.to_owned())) }
}

/// Where a file really is, or would be: through every link, so that two names of one file are seen to be one.
fn absolute(path: &Path) -> Result<PathBuf, PlaceError> {
    if let Ok(there) = fs::canonicalize(path) {
        return Ok(there);
    }
    let absolute =
        std::path::absolute(path).map_err(|error| PlaceError::Folder { path: path.to_owned(), error })?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        let error = io::Error::from(io::ErrorKind::InvalidFilename);
        return Err(PlaceError::Folder { path: path.to_owned(), error });
    };
    let folder =
        fs::canonicalize(folder).map_err(|error| PlaceError::Folder { path: folder.to_owned(), error })?;
    Ok(folder.join(name))
}
