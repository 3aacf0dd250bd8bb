//! What the commands share: the repository's root, and other programs run and installed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The repository's root, wherever the command was typed.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// Runs `command` to its end.
///
/// # Errors
/// Raised when it can't be started.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, String> {
    let mut child = command.spawn().map_err(|cause| cannot_start(command, &cause))?;
    under_way(&mut child).map_err(|cause| cannot_start(command, &cause))
}

/// The program that this process waits for; 0 while there is none.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

/// From now on Ctrl-C, or SIGTERM, ends the program that this process waits for, and this process only once that has ended:
/// what it made is then removed.
///
/// # Errors
/// Raised when signals can't be caught.
pub(crate) fn end_last() -> Result<(), String> {
    let told = || {
        let id = UNDER_WAY.load(Ordering::SeqCst);
        if id != 0 {
            succeeds(Command::new("kill").arg(id.to_string()));
        }
    };
    ctrlc::set_handler(told).map_err(|cause| format!("can't catch Ctrl-C: {cause}"))
}

fn under_way(child: &mut Child) -> std::io::Result<ExitStatus> {
    UNDER_WAY.store(child.id(), Ordering::SeqCst);
    let ended = child.wait();
    UNDER_WAY.store(0, Ordering::SeqCst);
    ended
}

/// Runs `command` to its end, and gives each line of its standard output to `told` as it comes.
///
/// # Errors
/// Raised when it can't be started, or its output can't be read.
pub(crate) fn status_by_line(
    command: &mut Command,
    mut told: impl FnMut(&str),
) -> Result<ExitStatus, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|cause| cannot_start(command, &cause))?;
    UNDER_WAY.store(child.id(), Ordering::SeqCst);
    let unread = |cause: std::io::Error| format!("can't read what `{}` prints: {cause}", name(command));
    if let Some(output) = child.stdout.take() {
        // A test may print what is not text.
        for line in BufReader::new(output).split(b'\n') {
            told(&String::from_utf8_lossy(&line.map_err(unread)?));
        }
    }
    under_way(&mut child).map_err(|cause| cannot_start(command, &cause))
}

/// Runs `command`, which has to succeed.
///
/// # Errors
/// Raised when it can't be started, or fails.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", name(command))) }
}

/// What `command`, which has to succeed, prints.
///
/// # Errors
/// Raised when it can't be started, fails, or prints what is not text.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|cause| cannot_start(command, &cause))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` failed: {}", name(command), said.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` did not print text", name(command)))
}

/// Whether `command` can be started and succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}

/// Whether `program` can be started at all.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Whether the user is root.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs a Debian package, where that is possible without asking for a password.
///
/// # Errors
/// Raised when this is no Debian or the user isn't root (the message says what to install), or apt-get fails.
pub(crate) fn install(package: &str, what_for: &str) -> Result<(), String> {
    if !is_root() || !is_installed("apt-get") {
        return Err(format!(
            "{what_for} is missing: install it (Debian's package is `{package}`), then try again"
        ));
    }
    eprintln!("installing Debian's package {package}");
    run(apt_get().args(["update", "--quiet=2"]))?;
    run(apt_get().args(["install", "--quiet=2", "--yes", "--no-install-recommends", package]))
}

/// The exit code that tells the shell how the last child ended.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command
}

fn cannot_start(command: &Command, cause: &std::io::Error) -> String {
    format!("can't start `{}`: {cause}", name(command))
}

/// The command as the user would name it: the program and what it is told to do.
fn name(command: &Command) -> String {
    let first = command.get_args().next().unwrap_or_default();
    format!("{} {}", command.get_program().to_string_lossy(), first.to_string_lossy()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let mut missing = Command::new("no-such-program-here");
        assert!(output(&mut missing).unwrap_err().starts_with("can't start `no-such-program-here`: "));

        let mut failing = Command::new("sh");
        failing.args(["-c", "echo spilt >&2; exit 3"]);
        assert_eq!(output(&mut failing).unwrap_err(), "`sh -c` failed: spilt");
        assert_eq!(
            run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err(),
            "`sh -c` failed: exit status: 3"
        );
        assert!(!succeeds(&mut failing));
    }

    #[test]
    fn a_program_is_found_whatever_its_version_switch_returns() {
        assert!(is_installed("false"));
        assert!(!is_installed("no-such-program-here"));
    }
}
