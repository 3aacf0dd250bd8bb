//! The ready server as its users meet it: a data folder of its own, commands on it, and a server that runs there.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(dead_code, reason = "each test binary uses its share")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, HOST, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "Tenant-pass-1";

/// Ten times what a change of another process may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command
        .current_dir(folder)
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, words: &str) -> Output {
    command(folder).args(words.split_whitespace()).output().unwrap()
}

pub(crate) fn ok(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

pub(crate) fn refused(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(!done.status.success(), "{words}");
    String::from_utf8(done.stderr).unwrap()
}

/// Two tenants with a superuser of the same name each.
pub(crate) fn two_tenants() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["acme", "globex"] {
        ok(folder.path(), &format!("tenant create {slug} --domain {slug}.checkhost.local"));
        let user =
            format!("createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example");
        ok(folder.path(), &user);
    }
    folder
}

/// A running server. Dropped, it is ended.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: String,
    client: Client,
    /// What it goes on to say has somewhere to go.
    _output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::run(command(folder).arg("serve"))
    }

    /// Starts the server by a command that ends in it.
    pub(crate) fn run(serve: &mut Command) -> Self {
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let address = loop {
            assert!(output.read_line(&mut said).unwrap() > 0, "it ended before it served: {said}");
            if let Some(address) = said.split_whitespace().find(|word| word.starts_with("http://")) {
                break address.to_owned();
            }
        };
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { process, address, client, _output: output }
    }

    /// A request that is ready to be sent.
    pub(crate) fn request(&self, host: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{}", self.address.trim_end_matches('/'), path);
        self.client.get(url).header(HOST, host)
    }

    pub(crate) async fn get(&self, host: &str, path: &str, cookie: &str) -> Response {
        self.request(host, path).header(COOKIE, cookie).send().await.unwrap()
    }

    /// Signs in; the answer and the session's cookie.
    pub(crate) async fn sign_in(
        &self,
        host: &str,
        username: &str,
        password: &str,
    ) -> (Response, Option<String>) {
        let form = self.get(host, "/admin/login/", "").await;
        let visitor = cookie(&form, "csrftoken").unwrap();
        let page = form.text().await.unwrap();
        let token = page.split("csrfmiddlewaretoken\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let fields = [
            ("csrfmiddlewaretoken", token),
            ("username", username),
            ("password", password),
            ("next", "/admin/"),
        ];
        let url = format!("{}admin/login/", self.address);
        let request = self.client.post(url).header(HOST, host).header(COOKIE, visitor).form(&fields);
        let answer = request.send().await.unwrap();
        let session = cookie(&answer, "sessionid");
        (answer, session)
    }

    /// Asks until the answer has this status.
    pub(crate) async fn until(&self, host: &str, status: StatusCode) {
        let begun = Instant::now();
        while self.get(host, "/admin/login/", "").await.status() != status {
            assert!(begun.elapsed() < PATIENCE, "{host} does not answer {status}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

pub(crate) fn cookie(response: &Response, name: &str) -> Option<String> {
    let texts = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.filter_map(|text| text.split(';').next());
    pairs.map(str::to_owned).find(|pair| pair.starts_with(&format!("{name}=")))
}

/// Compiles a library that stands between a program and the system, into `folder`.
pub(crate) fn shim(source: &Path, folder: &Path) -> PathBuf {
    let shim = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl");
    assert!(compiler.status().unwrap().success(), "a C compiler is needed: gcc, libc6-dev");
    shim
}
