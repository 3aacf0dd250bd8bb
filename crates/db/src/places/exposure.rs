//! What of an instance other users of the machine can reach: files by their permissions, folders by their owner too.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{FOLDERS, Local, Places};

/// A file or a folder that other users of the machine can read or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    path: PathBuf,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Its permissions let others in: these, where it should have those.
    Mode { is: u32, should: &'static str },
    /// Another user owns it.
    Owner(u32),
}

/// The permissions of everyone but the owner.
const OTHERS: u32 = 0o077;

/// The permission to write, of everyone but the owner.
const OTHERS_WRITE: u32 = 0o022;

impl Places {
    /// What of the instance other users can read or change. What can't be looked at is left out: it is found when it is
    /// used.
    pub(crate) fn exposed(&self) -> Vec<Exposed> {
        let own = FOLDERS.iter().map(|name| self.data.join(name));
        let mut folders: Vec<PathBuf> = std::iter::once(self.data.clone()).chain(own).collect();
        folders.extend(self.servers().map(|(_, folder)| folder.to_owned()));
        folders.sort();
        folders.dedup();
        let mut exposed: Vec<Exposed> = folders.iter().filter_map(|folder| private(folder, "700")).collect();
        exposed.extend(
            folders.iter().flat_map(|folder| files_in(folder)).filter_map(|file| private(&file, "600")),
        );
        if let Some(file) = self.directory.file()
            && !folders.iter().any(|folder| file.parent() == Some(folder))
        {
            exposed.extend(private(file, "600"));
        }
        for location in self.locations.values() {
            if let Local::File(file) = location {
                exposed.extend(private(file, "600"));
                exposed.extend(file.parent().and_then(not_written));
            }
        }
        exposed
    }
}

/// What is wrong with something that is for this program alone.
fn private(path: &Path, should: &'static str) -> Option<Exposed> {
    exposed(path, OTHERS, should)
}

/// What is wrong with a folder that others may look into, and not write to.
fn not_written(folder: &Path) -> Option<Exposed> {
    exposed(folder, OTHERS_WRITE, "go-w")
}

fn exposed(path: &Path, others: u32, should: &'static str) -> Option<Exposed> {
    let there = fs::symlink_metadata(path).ok()?;
    let how = how(&there, others, should)?;
    Some(Exposed { path: path.to_owned(), how })
}

fn how(there: &Metadata, others: u32, should: &'static str) -> Option<How> {
    let (owner, mode) = (there.uid(), there.mode() & 0o777);
    // Root reaches everything in any case.
    if owner != geteuid().as_raw() && owner != 0 {
        return Some(How::Owner(owner));
    }
    (mode & others != 0).then_some(How::Mode { is: mode, should })
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(listed) = fs::read_dir(folder) else { return Vec::new() };
    let files = listed.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.how {
            How::Owner(owner) => {
                write!(f, "{path} belongs to another user (number {owner}), who can do anything with it")
            }
            How::Mode { is, should } => {
                write!(f, "{path} can be read or changed by others (mode {is:03o}): chmod {should} {path}")
            }
        }
    }
}
