//! A server that runs as a process of its own, and those who ask it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};

/// Ten times what a change of another process may take to be seen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. Dropped, it is ended.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: String,
    client: Client,
    /// What it goes on to say has somewhere to go.
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the server by a command that ends in it.
    pub(crate) fn run(serve: &mut Command) -> Self {
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        let address = loop {
            assert!(output.read_line(&mut said).unwrap() > 0, "it ended before it served: {said}");
            if let Some(address) = said.split_whitespace().find(|word| word.starts_with("http://")) {
                // The name of a tenant of `demo`'s is not known to every system.
                let port = address.trim_end_matches('/').rsplit(':').next().unwrap();
                break format!("http://127.0.0.1:{port}/");
            }
        };
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { process, address, client, output }
    }

    /// Where `/metrics` is answered, which the line says that comes after the first.
    pub(crate) fn metrics(&mut self) -> Metrics {
        let mut said = String::new();
        self.output.read_line(&mut said).unwrap();
        let url = said.trim_end().strip_prefix("metrics on ");
        assert!(url.is_some(), "{said}");
        Metrics { url: url.unwrap().to_owned(), client: self.client.clone() }
    }

    /// A request that is ready to be sent.
    pub(crate) fn request(&self, host: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{}", self.address.trim_end_matches('/'), path);
        self.client.get(url).header(HOST, host)
    }

    pub(crate) async fn get(&self, host: &str, path: &str, cookie: &str) -> Response {
        self.request(host, path).header(COOKIE, cookie).send().await.unwrap()
    }

    pub(crate) async fn post(&self, host: &str, path: &str, kind: &str, body: String) -> Response {
        let url = format!("{}{}", self.address.trim_end_matches('/'), path);
        let request = self.client.post(url).header(HOST, host).header(CONTENT_TYPE, kind);
        request.header(ACCEPT, "application/json").body(body).send().await.unwrap()
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

/// What a server has measured.
pub(crate) struct Metrics {
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Metrics {
    pub(crate) async fn text(&self) -> String {
        let answer = self.client.get(&self.url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        answer.text().await.unwrap()
    }

    /// A figure, by its name and labels as they are written.
    pub(crate) async fn figure(&self, name: &str) -> f64 {
        let text = self.text().await;
        let figure = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(figure.is_some(), "{name} is not in {text}");
        figure.unwrap().parse().unwrap()
    }

    /// Asks until a figure is at least so great.
    pub(crate) async fn until(&self, name: &str, least: f64) {
        let begun = Instant::now();
        while self.figure(name).await < least {
            assert!(begun.elapsed() < PATIENCE, "{name} is not {least}: {}", self.text().await);
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
