//! The file that holds the secret key of an instance whose operator configured none.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;

use super::Secret;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "secret_key";

const BYTES: usize = 48;

/// Raised when the file with the secret key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyFileError {
    /// The file can't be read.
    #[error("can't read the secret key in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file can't be made.
    #[error("can't make the file {} for the secret key: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the file's owner may read or change it.
    #[error(
        "the secret key in {path} is open to others (mode {mode:04o}); if none of them can have read it, run \
         `chmod 600 {path}`, otherwise remove it and a new one is made",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no key.
    #[error("{} holds no secret key; remove it and a new one is made", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a secret key: {0}")]
    Random(getrandom::Error),
}

/// The secret key in the data folder `folder`; a new one, in a file that only its owner may read, if there is none.
///
/// # Errors
/// Raised when the file can't be read or made, is open to others than its owner, or is empty.
pub fn load_or_create(folder: &Path) -> Result<Secret, SecretKeyFileError> {
    let path = folder.join(FILE_NAME);
    if let Some(key) = load(&path)? {
        return Ok(key);
    }
    create(folder, &path)?;
    // Read back rather than returned, since another process may have made it first.
    load(&path)?.ok_or(SecretKeyFileError::Read { path, source: io::ErrorKind::NotFound.into() })
}

fn load(path: &Path) -> Result<Option<Secret>, SecretKeyFileError> {
    let failed = |source| SecretKeyFileError::Read { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretKeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    match text.trim_end() {
        "" => Err(SecretKeyFileError::Empty { path: path.to_owned() }),
        key => Ok(Some(Secret::new(key.to_owned()))),
    }
}

/// Writes the whole file beside its place and then links it there, so that nobody ever reads half a key.
fn create(folder: &Path, path: &Path) -> Result<(), SecretKeyFileError> {
    let failed = |source| SecretKeyFileError::Create { path: path.to_owned(), source };
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(SecretKeyFileError::Random)?;
    let owner_only = fs::Permissions::from_mode(0o600);
    let mut file = tempfile::Builder::new()
        .prefix(".secret_key-")
        .permissions(owner_only)
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(BASE64URL_NOPAD.encode(&bytes).as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = load_or_create(folder.path()).unwrap();
        assert_eq!(key.expose().len(), BYTES * 4 / 3);
        assert_eq!(load_or_create(folder.path()).unwrap(), key);

        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE_NAME], "nothing else may be left behind");
        let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);

        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_create(other.path()).unwrap(), key);
    }

    #[test]
    fn processes_that_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<Secret> = std::thread::scope(|scope| {
            let racers: Vec<_> =
                (0..16).map(|_| scope.spawn(|| load_or_create(folder.path()).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "hush-hush").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = load_or_create(folder.path()).unwrap_err().to_string();
            assert!(message.contains(&format!("{mode:04o}")), "{message}");
            assert!(!message.contains("hush"), "{message}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "hush-hush");
        }
    }

    #[test]
    fn an_empty_file_and_a_missing_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load_or_create(folder.path()), Err(SecretKeyFileError::Empty { .. })));
        let missing = folder.path().join("missing");
        assert!(matches!(load_or_create(&missing), Err(SecretKeyFileError::Create { .. })));
    }
}
