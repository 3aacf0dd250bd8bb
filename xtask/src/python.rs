//! A Python with the real Django, for the tests that adopt a database which Django made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{install, root, run, succeeds};

/// The variable in which the tests find the interpreter, and in which a user may name one of their own.
pub(crate) const VARIABLE: &str = "TENANTRY_TEST_PYTHON";

const REQUIREMENTS: &str = include_str!("../test-python.txt");

/// The interpreter for the tests: the user's own where the variable names one, else a virtual environment under
/// `target/`, made once.
///
/// # Errors
/// Raised when Python or its venv module is missing and can't be installed, or pip fails.
pub(crate) fn for_tests() -> Result<PathBuf, String> {
    #[expect(clippy::disallowed_methods, reason = "a command for developers has no settings but this one")]
    if let Some(own) = std::env::var_os(VARIABLE) {
        return Ok(own.into());
    }
    let target = root().join("target");
    fs::create_dir_all(&target).map_err(|cause| failed("make", &target, &cause))?;
    let lock = target.join("test-python.lock");
    // Two runs at a time, in two terminals, make one environment. The lock ends with the process, however it ends.
    let held = File::create(&lock).map_err(|cause| failed("make", &lock, &cause))?;
    held.lock().map_err(|cause| failed("lock", &lock, &cause))?;
    environment(&target.join("test-python"))
}

/// Makes the virtual environment unless a whole one is there. The list of requirements is written into it last: where
/// it is missing, an earlier run was interrupted, and where it differs, the list has changed since.
fn environment(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    let made_from = folder.join("requirements.txt");
    let is_whole = fs::read_to_string(&made_from).is_ok_and(|list| list == REQUIREMENTS);
    if is_whole && succeeds(Command::new(&python).args(["-c", "import django"])) {
        return Ok(python);
    }
    if !succeeds(&mut venv_module()) {
        install("python3-venv", "python3 with its venv module, for the tests that run Django,")?;
    }
    eprintln!("making a Python environment for the tests in {}", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .arg(root().join("xtask/test-python.txt")))?;
    fs::write(&made_from, REQUIREMENTS).map_err(|cause| failed("write", &made_from, &cause))?;
    Ok(python)
}

/// Debian ships python3 without `ensurepip`, and `venv` can be imported without it.
fn venv_module() -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", "import ensurepip, venv"]);
    command
}

fn failed(verb: &str, path: &Path, cause: &std::io::Error) -> String {
    format!("can't {verb} {}: {cause}", path.display())
}
