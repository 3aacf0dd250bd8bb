//! Under whose name the servers of a test run run, and how they end with it.

use std::path::Path;
use std::process::Command;

use crate::tools::{is_installed, is_root, run, succeeds};

/// Whose name a server runs under: PostgreSQL and PgBouncer refuse root's.
pub(super) struct Account(Option<&'static str>);

impl Account {
    pub(super) fn for_server() -> Result<Self, String> {
        if !is_root() {
            return Ok(Self(None));
        }
        let known = |name: &&str| succeeds(Command::new("id").arg(name));
        let name = ["postgres", "nobody"].into_iter().find(known);
        name.map(|name| Self(Some(name))).ok_or_else(|| "there is no account for PostgreSQL".to_owned())
    }

    /// Gives the account a folder with what is in it.
    pub(super) fn give(&self, folder: &Path) -> Result<(), String> {
        match self.0 {
            Some(name) => run(Command::new("chown").args(["-R", name]).arg(folder)),
            None => Ok(()),
        }
    }

    /// The program under the account's name. It is sent `end` when this process ends, however that ends.
    pub(super) fn command(&self, program: &Path, end: &str) -> Command {
        if !is_installed("setpriv") {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        if let Some(name) = self.0 {
            // In two steps: who becomes another user forgets what is to be sent.
            command.args(["--reuid", name, "--clear-groups", "setpriv"]);
        }
        command.args(["--pdeathsig", end]).arg(program);
        command
    }
}
