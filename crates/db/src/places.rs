//! Where everything of an instance lies: the folders of its data, and the databases and servers that are configured.

mod error;
mod exposure;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use tenantry_core::{Alias, Isolation, OpaqueName, Placement, RowKey, TenantId};

use crate::postgres::{PostgresUrl, Scope};
use crate::sqlite::{DataFile, parts};

pub use error::{PlaceError, UnknownPlace};
pub use exposure::Exposed;

/// What a `DB_<ALIAS>` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A database: a SQLite file that one tenant may claim.
    File(PathBuf),
    /// A server: a folder in which tenants get files of their own.
    Folder(PathBuf),
    /// A PostgreSQL server in which tenants get databases or schemas of their own; the database that its URL names may
    /// also be claimed by one tenant.
    Postgres(Box<PostgresServer>),
}

/// A PostgreSQL server, by the two roles that work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    /// The role that serves requests.
    pub serving: PostgresUrl,
    /// The role that owns tenants' tables and migrates them (`DB_<ALIAS>_OWNER`); the one that serves where none is named.
    pub owner: Option<PostgresUrl>,
}

/// Where the directory is.
#[derive(Clone, Debug)]
pub(crate) enum DirectoryPlace {
    /// A file.
    File(PathBuf),
    /// A schema in the database that a URL leads to.
    Server(Box<PostgresUrl>),
}

impl DirectoryPlace {
    /// By what is configured: the file that is named, else `DB_DEFAULT` where that is a PostgreSQL server, else a file in the
    /// data folder. On a server the directory belongs to the tables' owner: what an application runs as the role that serves
    /// has nothing to do there.
    pub(crate) fn of(data: &Path, named: Option<PathBuf>, configured: &BTreeMap<Alias, Location>) -> Self {
        match (named, configured.get(&Alias::default_alias())) {
            (Some(path), _) => Self::File(path),
            (None, Some(Location::Postgres(server))) => {
                Self::Server(Box::new(server.owner.as_ref().unwrap_or(&server.serving).clone()))
            }
            (None, _) => Self::File(data.join(DIRECTORY)),
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Refuses a file in the place of which anyone could put another, and a second directory beside a file: half of the
    /// tenants would be in each.
    fn refuse_unsafe(&self, data: &Path) -> Result<(), PlaceError> {
        match self {
            Self::File(path) => refuse_open(path.parent().unwrap_or(path)),
            Self::Server(_) => match data.join(DIRECTORY) {
                file if file.try_exists().unwrap_or(true) => Err(PlaceError::TwoDirectories(file)),
                _ => Ok(()),
            },
        }
    }
}

/// Where everything of an instance lies. Every path is absolute.
#[derive(Debug)]
pub(crate) struct Places {
    data: PathBuf,
    directory: DirectoryPlace,
    locations: BTreeMap<Alias, Local>,
    /// PostgreSQL servers.
    postgres: BTreeMap<Alias, PostgresServer>,
    /// Databases and servers that could not be used when the instance was opened, and why. They stay out of use, whatever
    /// is put there later: where their paths lead was not looked at.
    unusable: BTreeMap<Alias, String>,
}

/// The folders inside the data folder.
const FOLDERS: [&str; 4] = [TENANTS, "template", "claimed", "journal"];

/// The directory in the data folder, where no other is named.
const DIRECTORY: &str = "directory.db";

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
        let directory = match DirectoryPlace::of(&data, directory, &configured) {
            DirectoryPlace::File(path) => DirectoryPlace::File(absolute(&path)?),
            server @ DirectoryPlace::Server(_) => server,
        };
        directory.refuse_unsafe(&data)?;
        let (mut locations, mut postgres, mut unusable) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        locations.insert(Alias::local(), Local::Folder(data.join(TENANTS)));
        for (alias, location) in configured {
            let found = match location {
                Location::File(path) => absolute(&path).map(Local::File),
                Location::Folder(path) => make_folder(&path).map(Local::Folder),
                Location::Postgres(server) => {
                    postgres.insert(alias, *server);
                    continue;
                }
            };
            // Only the tenants that are there suffer for it.
            match found {
                Ok(location) => drop(locations.insert(alias, location)),
                Err(error) => drop(unusable.insert(alias, error.to_string())),
            }
        }
        let places = Self { data, directory, locations, postgres, unusable };
        places.refuse_shared()?;
        places.refuse_shared_database()?;
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
                Local::File(path) => path.parent().unwrap_or(path),
                Local::Folder(path) => path,
            };
            // Reconcile removes from these what no change that is under way needs: also a server's files.
            let of_the_instance = FOLDERS.iter().any(|name| folder.starts_with(self.data.join(name)));
            let of_a_server = self.servers().any(|(_, server)| server == folder);
            let inside = match location {
                Local::File(path) => {
                    let is_directory = |directory| Identity::of(path) == Identity::of(directory);
                    of_the_instance || of_a_server || self.directory.file().is_some_and(is_directory)
                }
                Local::Folder(path) => of_the_instance && *path != self.data.join(TENANTS),
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
        let mut wholes = self.locations.values().map(Local::path).chain(self.directory.file());
        wholes.find(|whole| parts(whole).any(|part| part == path))
    }

    /// Two aliases may stand for one server, but not for one database of it: two tenants could claim it.
    fn refuse_shared_database(&self) -> Result<(), PlaceError> {
        let mut seen: BTreeMap<String, &Alias> = BTreeMap::new();
        for (alias, server) in &self.postgres {
            let place = server.serving.place();
            if let Some(first) = seen.insert(place.clone(), alias) {
                return Err(PlaceError::Same {
                    first: first.clone(),
                    second: alias.clone(),
                    path: place.into(),
                });
            }
        }
        Ok(())
    }

    /// Leaves out a PostgreSQL server that can't be used, and keeps why.
    pub(crate) fn leave_out(&mut self, alias: Alias, why: String) {
        self.postgres.remove(&alias);
        self.unusable.insert(alias, why);
    }

    /// The PostgreSQL servers.
    pub(crate) fn postgres(&self) -> &BTreeMap<Alias, PostgresServer> {
        &self.postgres
    }

    /// The PostgreSQL server that a placement is on, and what of it is the tenant's; `None` where it is no such server.
    pub(crate) fn scope(&self, placement: &Placement) -> Option<(&Alias, Scope)> {
        let (alias, _) = self.postgres.get_key_value(placement.alias())?;
        let scope = match placement {
            Placement::Claimed { .. } => Scope::Claimed,
            Placement::Adopted { schema, .. } => Scope::Adopted(schema.clone()),
            Placement::Made { isolation: Isolation::Database, name, .. } => Scope::database(name),
            Placement::Made { isolation: Isolation::Schema, name, .. } => Scope::Schema(name.clone()),
            Placement::Made { isolation: Isolation::Row, name, .. } => Scope::Rows(RowKey::of(name)),
        };
        Some((alias, scope))
    }

    /// Refuses a placement that is nowhere.
    pub(crate) fn check(&self, placement: &Placement) -> Result<(), UnknownPlace> {
        if self.scope(placement).is_some() { Ok(()) } else { self.files(placement).map(drop) }
    }

    pub(crate) fn directory(&self) -> &DirectoryPlace {
        &self.directory
    }

    pub(crate) fn template(&self) -> PathBuf {
        self.data.join("template")
    }

    /// The file that names the data folder, where it is one of several that share a directory.
    pub(crate) fn folder_name(&self) -> PathBuf {
        self.data.join("folder")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// Every server, with its folder.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Alias, &Path)> {
        self.locations.iter().filter_map(|(alias, location)| match location {
            Local::Folder(path) => Some((alias, path.as_path())),
            Local::File(_) => None,
        })
    }

    /// Every database that a tenant may claim.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &Alias> {
        self.locations.iter().filter_map(|(alias, location)| match location {
            Local::File(_) => Some(alias),
            Local::Folder(_) => None,
        })
    }

    /// Where new tenants go when nothing is said: `DB_DEFAULT` if that is a server, else the data folder's own.
    pub(crate) fn default_server(&self) -> Alias {
        if self.postgres.contains_key(&Alias::default_alias()) {
            return Alias::default_alias();
        }
        match self.locations.get(&Alias::default_alias()) {
            Some(Local::Folder(_)) => Alias::default_alias(),
            _ => Alias::local(),
        }
    }

    /// The folder of a server.
    pub(crate) fn server(&self, alias: &Alias) -> Result<&Path, UnknownPlace> {
        match self.locations.get(alias) {
            Some(Local::Folder(path)) => Ok(path),
            Some(Local::File(_)) => Err(UnknownPlace::NotAServer(alias.clone())),
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
                Some(Local::File(path)) => {
                    Ok((path.clone(), self.data.join("claimed").join(format!("{database}.lock"))))
                }
                Some(Local::Folder(_)) => Err(UnknownPlace::NotADatabase(database.clone())),
                None => Err(self.unknown(database)),
            },
            // Only a PostgreSQL database has schemas.
            Placement::Adopted { database, .. } => match self.locations.get(database) {
                Some(_) => Err(UnknownPlace::NotAServer(database.clone())),
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

/// What an alias stands for on this machine.
#[derive(Debug)]
enum Local {
    File(PathBuf),
    Folder(PathBuf),
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

impl Local {
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
