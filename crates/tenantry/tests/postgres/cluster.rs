//! A PostgreSQL server of a test's own, which can be started again in the middle of everything.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What the server says once it takes connections.
const READY: &str = "database system is ready to accept connections";

/// Dropped, it is ended, and its data is removed.
pub(crate) struct Cluster {
    programs: PathBuf,
    data: TempDir,
    port: u16,
    server: Child,
}

impl Cluster {
    /// Of the version whose `psql` `cargo xtask test` names.
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the tests' own variables")]
        let psql = std::env::var_os("TENANTRY_TEST_PSQL");
        let psql = PathBuf::from(psql.expect("TENANTRY_TEST_PSQL is set by `cargo xtask test`"));
        let programs = psql.parent().unwrap().to_owned();
        let data = tempfile::tempdir().unwrap();
        // Others may pass, to the folder that only the server looks into.
        std::fs::set_permissions(data.path(), Permissions::from_mode(0o777)).unwrap();
        let mut initdb = run_as_server(&programs.join("initdb"));
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username=administrator",
        ]);
        let made = initdb.arg("--pgdata").arg(data.path().join("cluster")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = serve(&programs, data.path(), port);
        Self { programs, data, port, server }
    }

    /// The administrator's URL.
    pub(crate) fn url(&self) -> String {
        format!("postgres://administrator:none@127.0.0.1:{}/postgres", self.port)
    }

    /// As `pg_ctl restart -m immediate`: every process of the server ends at once, in the middle of what it does, and a new one
    /// recovers what was committed.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.server = serve(&self.programs, self.data.path(), self.port);
    }

    fn end(&mut self) {
        let told = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.server.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(programs: &Path, data: &Path, port: u16) -> Child {
    let mut server = run_as_server(&programs.join("postgres"));
    server.arg("-D").arg(data.join("cluster")).args(["-p", &port.to_string()]);
    for setting in ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories="] {
        server.args(["-c", setting]);
    }
    let mut server = server.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(READY) {
        assert!(log.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    // It never waits for whoever reads its log.
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    server
}

/// A program of the server's, which refuses to run as root, and ends with the tests however they end.
fn run_as_server(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "nobody", "--clear-groups", "setpriv"]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program);
    command
}
