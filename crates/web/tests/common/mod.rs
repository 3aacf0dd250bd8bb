//! A whole site on a socket: an instance in a folder of its own, with the tenants `acme` and `globex`.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(dead_code, reason = "each test binary uses its share")]

#[path = "../../../db/tests/columns/mod.rs"]
#[allow(unused_macros, unused_imports, reason = "each test binary uses its share")]
pub(crate) mod columns;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use columns::Ground;
use reqwest::header::HOST;
use reqwest::{Client, Method, RequestBuilder, Response};
use tempfile::TempDir;
use tenantry_core::{TenantId, Transition};
use tenantry_db::directory::Operator;
use tenantry_db::lifecycle::{Home, NewTenant};
use tenantry_db::migrate::Registry;
use tenantry_db::{Instance, InstanceConfig, Synchronous};
use tenantry_web::admin::{AdminSite, Models};
use tenantry_web::auth::{HashPolicy, Hasher, Password, SecretKey, Throttle};
use tenantry_web::http::{Edge, HostRules, Limits, Resolvers, listen, serve};
use tenantry_web::rest::{TenantsAccess, TenantsApi};

/// The operator's name and password.
pub(crate) const OPERATOR: (&str, &str) = ("root", "Operator-pass-1");

/// A running site. It ends with the test's runtime.
pub(crate) struct Site {
    pub(crate) instance: Instance,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    folder: TempDir,
    ground: Ground,
}

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) hosts: HostRules,
    pub(crate) resolvers: Resolvers,
    pub(crate) access: TenantsAccess,
    pub(crate) hsts: Duration,
    pub(crate) app: Router,
}

impl Default for Setup {
    fn default() -> Self {
        let hosts = HostRules {
            allowed: vec!["listed.example".parse().unwrap()],
            proxies: "127.0.0.1".parse().unwrap(),
            ..HostRules::default()
        };
        Self {
            hosts,
            resolvers: Resolvers::default(),
            access: TenantsAccess::Operators,
            hsts: Duration::from_secs(3_600),
            app: Router::new(),
        }
    }
}

pub(crate) async fn instance(folder: &TempDir, ground: &Ground) -> Instance {
    let instance = open(folder, ground, Registry::default(), 64);
    for (slug, name) in [("acme", "Acme"), ("globex", "Globex & Sons")] {
        let new = NewTenant {
            slug: slug.parse().unwrap(),
            name: Some(name.parse().unwrap()),
            domains: vec![format!("{slug}.example").parse().unwrap()],
            home: ground.homes[0].clone(),
        };
        instance.create_tenant(new).await.unwrap();
    }
    instance
}

/// An instance without tenants. It has as little room for connections as it has for descriptors.
fn open(folder: &TempDir, ground: &Ground, registry: Registry, descriptors: usize) -> Instance {
    let config = InstanceConfig {
        data: folder.path().join("data"),
        directory: None,
        databases: ground.databases.clone(),
        descriptors,
        connections: if descriptors == 0 { 2 } else { 4 },
        deadline: Duration::from_secs(20),
        synchronous: Synchronous::Normal,
        actor: "test".to_owned(),
    };
    Instance::open(config, registry).unwrap()
}

pub(crate) async fn start(setup: Setup) -> Site {
    start_on(Ground::files(), setup).await
}

/// The same with tenants that are where the column has them.
pub(crate) async fn start_on(ground: Ground, setup: Setup) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(&folder, &ground).await;
    site(setup, folder, ground, instance)
}

/// A site without tenants, whose instance follows `registry` and has room for so many descriptors of their files.
pub(crate) fn start_with(ground: Ground, setup: Setup, registry: Registry, descriptors: usize) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let instance = open(&folder, &ground, registry, descriptors);
    site(setup, folder, ground, instance)
}

/// The routes of the admin without models, for people who sign in over plain http.
pub(crate) fn admin() -> Router {
    admin_of(Models::new())
}

/// The same with these models.
pub(crate) fn admin_of(models: Models) -> Router {
    let key = SecretKey::try_from("a key for tests only, and long enough".to_owned()).unwrap();
    AdminSite { plain_http: true, ..AdminSite::new(&key, models) }.routes()
}

fn site(setup: Setup, folder: TempDir, ground: Ground, instance: Instance) -> Site {
    let api =
        TenantsApi::new(instance.directory().clone(), &Hasher::default(), Throttle::default(), setup.access);
    let Setup { hosts, resolvers, hsts, app, .. } = setup;
    let edge = Edge { limits: Limits::default(), hosts, resolvers, hsts };
    let app = edge.around(instance.clone(), api.routes(), app);
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, Limits::default(), std::future::pending()));
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Site { instance, address, client, folder, ground }
}

impl Site {
    /// A request to `host`, at whose name the site is reached.
    pub(crate) fn request(&self, method: Method, host: &str, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).header(HOST, host)
    }

    pub(crate) async fn get(&self, host: &str, path: &str) -> Response {
        self.request(Method::GET, host, path).send().await.unwrap()
    }

    /// The site's answer to exactly these bytes.
    pub(crate) async fn raw(&self, bytes: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same data as another process opens it, with room for so many descriptors.
    pub(crate) fn beside(&self, registry: Registry, descriptors: usize) -> Instance {
        open(&self.folder, &self.ground, registry, descriptors)
    }

    /// Where a tenant is to be made.
    pub(crate) fn home(&self, number: usize) -> Home {
        self.ground.homes[number % self.ground.homes.len()].clone()
    }

    /// The folder with the instance's own files.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn id_of(&self, slug: &str) -> TenantId {
        self.instance.directory().record(&slug.parse().unwrap()).unwrap().id
    }

    pub(crate) async fn change(&self, slug: &str, transition: Transition) {
        self.instance.directory().change_status(self.id_of(slug), transition).await.unwrap();
    }

    pub(crate) async fn add_operator(&self) {
        let password = Password::from(OPERATOR.1.to_owned());
        let hash = Hasher::default().hash(&password, HashPolicy::Own).await.unwrap();
        let operator = Operator { name: OPERATOR.0.to_owned(), password: hash.as_str().to_owned() };
        self.instance.directory().add_operator(operator).await.unwrap();
    }
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
