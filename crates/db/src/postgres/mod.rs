//! The PostgreSQL engine: connections within a budget, statements in one flight, nothing of a tenant left behind.
//!
//! No setting of a session is ever made: what a statement needs is in its names, or in a local setting that ends with
//! the transaction around it. A connection whose operation was dropped half-way is proved clean or closed.

mod bind;
mod budget;
mod cancel;
mod connection;
mod counts;
mod direct;
mod door;
mod error;
mod flights;
mod glance;
mod joint;
mod passfile;
mod pool;
mod quote;
mod same;
mod scope;
mod session;
#[cfg(test)]
mod tests;
mod timeouts;
mod tls;
mod transaction;
mod unique;
mod url;

pub use counts::ServerStats;
pub(crate) use direct::{Direct, DirectWay, Rows};
pub(crate) use door::{Access, Door};
pub(crate) use error::PostgresError;
pub(crate) use pool::{Server, ServerConfig};
pub(crate) use quote::{literal, quoted};
pub(crate) use scope::{CURRENT_TENANT, SHARED, Scope, alone, beside_others, tenant_setting};
pub(crate) use session::{Session, SignInError, verifier};
#[cfg(test)]
pub(crate) use tests::{Place, key, on_each, on_each_bounced};
pub(crate) use tls::TlsError;
pub(crate) use transaction::Transaction;
pub use url::{PostgresUrl, PostgresUrlError};
