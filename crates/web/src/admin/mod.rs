//! The admin of each tenant: signing in, and lists, forms and histories of every registered model, driven by what is known
//! of the models alone.
//!
//! [`Admin`] is what an application says of one model, [`Models`] all that are registered, [`AdminSite`] the whole, and
//! [`Endpoint`] names each of its routes.

mod answer;
mod bulk;
mod choose;
mod cookies;
mod edit;
mod endpoint;
mod export;
mod form;
mod frame;
mod history;
mod home;
mod list;
mod log;
mod models;
mod next;
mod options;
mod pages;
mod password;
mod posted;
mod related;
mod remove;
mod said;
mod sign_in;
mod staff;
mod text;
mod tree;

use axum::Router;

use crate::auth::{DjangoSessions, FormTokens, Hasher, SecretKey, Throttle};

pub use endpoint::Endpoint;
pub use log::LogEntry;
pub use models::Models;
pub use options::{Admin, Columns, TextColumns};

/// The admin of each tenant, to be merged into the routes below [`TenantLayer`](crate::http::TenantLayer).
#[derive(Clone, Debug)]
pub struct AdminSite {
    /// Checks passwords.
    pub hasher: Hasher,
    /// Refuses to check them where that has failed too often.
    pub throttle: Throttle,
    /// Makes and checks the tokens of forms.
    pub forms: FormTokens,
    /// Knows the sessions that Django began in a database that was adopted from it.
    pub django: DjangoSessions,
    /// `PASSWORD_UPGRADE`: whether hashes of an adopted database may be replaced by ones that stock Django can't read.
    pub upgrade: bool,
    /// Whether people may sign in over plain http: with `DEBUG`, or where only this machine can reach the server.
    pub plain_http: bool,
    /// The models that it shows.
    pub models: Models,
}

impl AdminSite {
    /// The admin for these models, whose forms are signed with this key. Nobody signs in over plain http, and hashes of an
    /// adopted database stay as Django reads them.
    ///
    /// ```
    /// use tenantry_web::admin::{AdminSite, Models};
    /// use tenantry_web::auth::SecretKey;
    ///
    /// let secret = SecretKey::try_from("p0k3-2vq9-7hsd-w1ye-5tnm-x8ra-4jbc".to_owned())?;
    /// let admin = AdminSite { plain_http: true, ..AdminSite::new(&secret, Models::new()) };
    /// let routes: axum::Router = admin.routes();
    /// # Ok::<(), tenantry_web::auth::SecretKeyError>(())
    /// ```
    #[must_use]
    pub fn new(secret: &SecretKey, models: Models) -> Self {
        Self {
            hasher: Hasher::default(),
            throttle: Throttle::default(),
            forms: FormTokens::new(secret),
            django: DjangoSessions::new(secret),
            upgrade: false,
            plain_http: false,
            models,
        }
    }

    /// The routes: those of [`Endpoint::ALL`].
    pub fn routes(self) -> Router {
        let routed =
            |router: Router<Self>, endpoint: Endpoint| router.route(endpoint.path(), endpoint.handlers());
        Endpoint::ALL.into_iter().fold(Router::new(), routed).with_state(self)
    }
}
