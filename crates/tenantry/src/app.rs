//! An application: what its author brings, and the whole command line around it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::migrate::{Migration, Registry};
use tenantry_db::model::{Model, QueryError};
use tenantry_web::admin::{Admin, Models};

use crate::cli::args::Identity;

/// An application: its models, migrations and routes. [`App::run`] makes a program of it, with the same command line
/// as the ready server.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use axum::{Json, Router, routing::get};
/// use serde::Serialize;
/// use tenantry::prelude::*;
///
/// #[derive(Model, Serialize)]
/// #[model(app = "notes", ordering("-id"))]
/// struct Note {
///     #[field(primary_key)]
///     id: Auto<i64>,
///     #[field(max_length = 200)]
///     title: String,
/// }
///
/// async fn newest(db: TenantDb) -> Result<Json<Vec<Note>>, Failure> {
///     Ok(Json(db.query::<Note>().limit(20).all().await?))
/// }
///
/// fn main() -> ExitCode {
///     let table = Table::new("notes_note").column(Column::id()).column(Column::varchar("title", 200));
///     App::new("notes")
///         .model::<Note>(Admin::new())
///         .migration(Migration::new("notes", "0001_initial").create_table(table))
///         .routes(Router::new().route("/notes", get(newest)))
///         .run()
/// }
/// ```
#[derive(Clone)]
pub struct App {
    identity: Identity,
    registry: Registry,
    models: Models,
    routes: Router,
    sample: Option<Sample>,
    demo: Option<Box<App>>,
}

/// Fills a new tenant of `demo`.
type Sample = Arc<dyn Fn(Tenant, TenantDb) -> SampleFuture + Send + Sync>;
type SampleFuture = Pin<Box<dyn Future<Output = Result<(), QueryError>> + Send>>;

impl App {
    /// An application whose command is called `name`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let identity = Identity {
            name,
            version: env!("CARGO_PKG_VERSION"),
            about: "One running instance serves many tenants, none ever seeing another's data",
        };
        let (registry, models, routes) = (Registry::default(), Models::new(), Router::new());
        Self { identity, registry, models, routes, sample: None, demo: None }
    }

    /// The application's own version, which `--version` prints; Tenantry's where none is given.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.identity.version = version;
        self
    }

    /// Registers a model: every tenant gets the permissions to add, change, delete and view its rows, and its admin shows
    /// it as `admin` says.
    #[must_use]
    pub fn model<M: Model>(mut self, admin: Admin<M>) -> Self {
        self.registry.models.push(M::META);
        self.models.register(admin);
        self
    }

    /// Registers a migration. Migrations are applied in the order in which they are registered.
    #[must_use]
    pub fn migration(mut self, migration: Migration) -> Self {
        self.registry.migrations.push(migration);
        self
    }

    /// Adds routes. They are served on every tenant's host, and their handlers take `Tenant` and `TenantDb` as
    /// arguments.
    ///
    /// Some paths are Tenantry's own. `/healthz`, `/readyz`, `/api/tenants` and the files below `/_tenantry/` are
    /// answered for the instance, and a route there is never reached. `/admin` and what is below it are every tenant's admin.
    ///
    /// # Panics
    /// When a route overlaps one that was added before, as [`Router::merge`] does. One that overlaps the admin's panics
    /// as `serve` and `demo` start.
    #[must_use]
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// What `demo` fills its tenants with. It runs each time that `demo` starts, so it looks first what is there.
    #[must_use]
    pub fn sample_data<F>(mut self, fill: impl Fn(Tenant, TenantDb) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), QueryError>> + Send + 'static,
    {
        self.sample = Some(Arc::new(move |tenant, db| Box::pin(fill(tenant, db))));
        self
    }

    /// Lets `demo` show another application than this one.
    #[must_use]
    pub fn demo(mut self, app: Self) -> Self {
        self.demo = Some(Box::new(app));
        self
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// What the application registers, to open an instance with.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    pub(crate) fn models(&self) -> Models {
        self.models.clone()
    }

    pub(crate) fn tenant_routes(&self) -> Router {
        self.routes.clone()
    }

    /// The application that `demo` shows.
    pub(crate) fn shown_by_demo(self) -> Self {
        match self.demo {
            Some(shown) => Self { identity: self.identity, ..*shown },
            None => self,
        }
    }

    pub(crate) async fn fill(&self, tenant: Tenant, db: TenantDb) -> Result<(), QueryError> {
        match &self.sample {
            Some(fill) => fill(tenant, db).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("identity", &self.identity).finish_non_exhaustive()
    }
}
