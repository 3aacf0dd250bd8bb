//! A browser without a window, and what a person does with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::PASSWORD;
use crate::common::Site;

/// What a page may take to become as it is waited for: many times what it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser, and the driver that started it. Dropped, both are ended.
pub(crate) struct Browser {
    client: Client,
    base: String,
    _driver: Driver,
}

struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Starts a driver, which takes a port of its own and says which.
    fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "what the run of the tests has found")]
        let program = std::env::var("TENANTRY_TEST_CHROMEDRIVER")
            .expect("TENANTRY_TEST_CHROMEDRIVER names the driver: run `cargo xtask test`");
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_suffix('.')?.split_once("successfully on port ")?.1.parse().ok()
        });
        Self { child, port: port.expect("the driver says its port") }
    }
}

impl Drop for Driver {
    /// It ends its browsers with itself, which a signal would not do.
    fn drop(&mut self) {
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            stream.read_to_end(&mut Vec::new())
        });
        if asked.is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Browser {
    /// A browser as wide as a desk's.
    pub(crate) async fn start(site: &Site) -> Self {
        Self::with(site, json!({})).await
    }

    /// A browser of 360 pixels.
    pub(crate) async fn small(site: &Site) -> Self {
        let metrics = json!({ "width": 360, "height": 780, "pixelRatio": 2.0, "touch": true });
        Self::with(site, json!({ "mobileEmulation": { "deviceMetrics": metrics } })).await
    }

    async fn with(site: &Site, options: Value) -> Self {
        let driver = Driver::start();
        // Chromium's own walls need rights that not everyone has who runs tests; it loads only this site's pages.
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ];
        let mut chrome = json!({ "args": args });
        chrome.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": chrome });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        let client = builder.connect(&format!("http://127.0.0.1:{}", driver.port)).await.unwrap();
        let base = format!("http://acme.localhost:{}", site.address.port());
        Self { client, base, _driver: driver }
    }

    pub(crate) async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    /// Signs in by the form.
    pub(crate) async fn sign_in(&self, name: &str) {
        self.go("/admin/login/?next=/admin/").await;
        self.fill("username", name).await;
        self.fill("password", PASSWORD).await;
        self.click("main button[type=submit]").await;
        self.see(".account .who").await;
    }

    /// The element, once it is there.
    pub(crate) async fn see(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match wait {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error}\n{}", self.client.source().await.unwrap_or_default()),
        }
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.see(css).await.text().await.unwrap()
    }

    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    /// Types a text into the field of that name, in the place of what stands there.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.see(&format!("main [name={name}]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Waits until a script's expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        let mut again = tokio::time::interval(Duration::from_millis(20));
        let holds = async {
            // A page that is just being left answers with an error.
            while !self.client.execute(&script, vec![]).await.is_ok_and(|held| held == true) {
                again.tick().await;
            }
        };
        let held = tokio::time::timeout(PATIENCE, holds).await;
        assert!(held.is_ok(), "never: {expression}\n{}", self.client.source().await.unwrap_or_default());
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }
}
