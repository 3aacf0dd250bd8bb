//! Where the notes are: in a file or on a server.

use std::ffi::OsStr;

use tenantry::web::http::Failure;

use crate::file::File;
use crate::note::{self, NewNote, Note};
use crate::server::Server;

/// Four for each of two cores: more than one request is under way on each.
const CONNECTIONS: usize = 8;

/// Where the notes are.
pub(crate) enum Store {
    File(File),
    Server(Server),
}

impl Store {
    /// A file by its path, or a database by its URL.
    pub(crate) async fn open(place: &OsStr) -> Result<Self, Box<dyn std::error::Error>> {
        match place.to_str().filter(|place| place.starts_with("postgres://")) {
            Some(url) => Ok(Self::Server(Server::open(url, CONNECTIONS).await?)),
            None => Ok(Self::File(File::open(place.into())?)),
        }
    }

    /// The 20 newest.
    pub(crate) async fn newest(&self) -> Result<Vec<Note>, Failure> {
        match self {
            Self::File(file) => Ok(file.read(note::newest)?),
            Self::Server(server) => Ok(server.newest().await?),
        }
    }

    /// The one with this id.
    pub(crate) async fn find(&self, id: i64) -> Result<Note, Failure> {
        match self {
            Self::File(file) => Ok(file.read(|db| note::find(db, id))?),
            Self::Server(server) => Ok(server.find(id).await?),
        }
    }

    /// Adds one, and gives it back as it was stored.
    pub(crate) async fn insert(&self, new: NewNote) -> Result<Note, Failure> {
        match self {
            Self::File(file) => Ok(file.write(move |db| note::insert(db, &new)).await?),
            Self::Server(server) => Ok(server.insert(&new).await?),
        }
    }
}
