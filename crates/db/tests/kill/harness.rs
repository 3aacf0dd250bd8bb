//! Ends a process by SIGKILL at every single change of a file that it makes, and lists what it changed.
//!
//! Before the n-th change for every n, and after the last, is everywhere: between two changes a process does nothing
//! that outlives it, so right after one is right before the next.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

const SIGKILL: i32 = 9;

/// More changes of files than any of the operations makes.
const ENDLESS: u32 = 5_000;

/// What is preloaded into a process, to end it or to list what it changes.
pub(crate) struct Shim {
    folder: TempDir,
}

/// Where a process is ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// Right before a change of a file, counted from 1.
    Before(u32),
    /// Right after one.
    After(u32),
}

/// A change of a file, as the shim lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The system call.
    pub(crate) call: String,
    /// The file; for a change of a name, the old one.
    pub(crate) file: PathBuf,
    /// The new name, where there is one.
    pub(crate) to: Option<PathBuf>,
    /// Whether the file came into being.
    pub(crate) new: bool,
}

impl Shim {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-x", "c", "-", "-o"]).arg(folder.path().join("shim.so"));
        let mut compiler = compile.stdin(Stdio::piped()).spawn().unwrap();
        compiler.stdin.take().unwrap().write_all(include_bytes!("shim.c")).unwrap();
        assert!(compiler.wait().unwrap().success(), "a C compiler is needed: gcc, libc6-dev");
        Self { folder }
    }

    /// Has the process that `command` starts end there, if it comes that far.
    pub(crate) fn end(&self, command: &mut Command, at: At) {
        let (variable, number) = match at {
            At::Before(number) => ("KILL_BEFORE", number),
            At::After(number) => ("KILL_AFTER", number),
        };
        command.env("LD_PRELOAD", self.folder.path().join("shim.so")).env(variable, number.to_string());
    }

    /// Runs a command to its end by `run`; what it changed, in order.
    pub(crate) fn list(
        &self,
        command: &mut Command,
        run: impl FnOnce(&mut Command) -> Output,
    ) -> Vec<Change> {
        let list = self.folder.path().join("changes");
        command.env("LD_PRELOAD", self.folder.path().join("shim.so")).env("CHANGES", &list);
        let ended = run(command);
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let listed = std::fs::read_to_string(&list).unwrap();
        std::fs::remove_file(list).unwrap();
        listed.lines().filter_map(Change::parse).collect()
    }
}

impl Change {
    /// One that happened; `None` for a call that failed.
    fn parse(line: &str) -> Option<Self> {
        let mut words: Vec<&str> = line.split('\t').collect();
        if words.pop() == Some("failed") {
            return None;
        }
        let new = words.pop_if(|word| *word == "new").is_some();
        // Without the dots in `./data`.
        let path = |word: &str| Path::new(word).components().collect();
        let to = words.get(2).map(|word| path(word));
        Some(Self { call: words[0].to_owned(), file: path(words[1]), to, new })
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.call.as_str(), "fsync" | "fdatasync")
    }
}

/// Whether a process was ended by the shim; it must else have succeeded.
pub(crate) fn was_killed(status: ExitStatus, said: &[u8]) -> bool {
    let killed = status.signal() == Some(SIGKILL);
    assert!(killed || status.success(), "{status}: {}", String::from_utf8_lossy(said));
    killed
}

/// Makes an attempt at every place, two at a time: before the first change, the second, … until one is not killed any
/// more, and then right after the last. How many changes there were.
///
/// `attempt` tells whether its process was killed.
pub(crate) fn everywhere(attempt: impl Fn(At) -> bool + Sync) -> u32 {
    let upto = |first: u32| {
        let places = (first..ENDLESS).step_by(2);
        places.take_while(|number| attempt(At::Before(*number))).last().unwrap_or(0)
    };
    let last = std::thread::scope(|scope| {
        let other = scope.spawn(|| upto(2));
        upto(1).max(other.join().unwrap())
    });
    assert!((10..ENDLESS - 2).contains(&last), "{last} changes of files are not what it makes");
    attempt(At::After(last));
    last
}

/// An empty folder, in memory where the system has such: what a killed process wrote is there as it is on a disk.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Copies a folder that nobody works in, with all that a killed process has left there.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
