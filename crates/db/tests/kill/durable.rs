//! Judges by the list of a process's changes whether a power cut could take back what its directory says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::Change;

/// What was changed and not yet synced: the contents of files, and names that came or went.
#[derive(Default)]
struct Unsynced {
    contents: BTreeSet<PathBuf>,
    names: BTreeSet<PathBuf>,
}

/// Holds a list of changes to two rules. A file is synced before it gets the name by which it is found; and before the
/// directory is synced, so is all that it speaks of. How often the directory was synced.
pub(crate) fn check(words: &str, changes: &[Change], root: &Path) -> usize {
    let (mut unsynced, mut said) = (Unsynced::default(), 0);
    let of_root = |change: &Change| change.file.starts_with(root) && !is_only_for_the_living(&change.file);
    let mut changes = changes.iter().filter(|change| of_root(change)).peekable();
    while let Some(change) = changes.next() {
        unsynced.take_in(change);
        if change.is_sync() && change.file.ends_with("data/directory.db-wal") {
            // SQLite syncs the folder of a new log after the log.
            if let Some(folder) = changes.next_if(|next| next.is_sync() && next.file.ends_with("data")) {
                unsynced.take_in(folder);
            }
            said += 1;
            assert_eq!(unsynced.contents, BTreeSet::new(), "{words}: at sync {said} of the directory");
            assert_eq!(unsynced.names, BTreeSet::new(), "{words}: at sync {said} of the directory");
        }
    }
    said
}

/// Lock files of owners, the index of SQLite's log: whoever comes after a power cut needs none of them.
fn is_only_for_the_living(file: &Path) -> bool {
    file.to_string_lossy().ends_with("-shm") || file.parent().unwrap().ends_with("data/journal")
}

impl Unsynced {
    fn take_in(&mut self, change: &Change) {
        let file = &change.file;
        match change.call.as_str() {
            "fsync" | "fdatasync" => {
                self.contents.remove(file);
                self.names.retain(|name| name.parent() != Some(file));
            }
            "open" | "openat" if !change.new => {}
            "open" | "openat" | "mkdir" | "mkdirat" => drop(self.names.insert(file.clone())),
            "rename" | "renameat" | "renameat2" => {
                assert!(!self.contents.contains(file), "{} is renamed before it is synced", file.display());
                self.names.remove(file);
                self.names.extend(change.to.clone());
            }
            "unlink" | "unlinkat" => {
                self.contents.remove(file);
                let text = file.to_string_lossy();
                // A log or a journal that comes back has nothing to play back that is not in its file.
                let is_a_log = text.ends_with("-wal") || text.ends_with("-journal");
                if !self.names.remove(file) && !is_a_log {
                    self.names.insert(file.clone());
                }
            }
            "fchmod" | "fchown" => {}
            _ => drop(self.contents.insert(file.clone())),
        }
    }
}
