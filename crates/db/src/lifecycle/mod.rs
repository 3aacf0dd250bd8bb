//! A tenant's life: it is made, changed, migrated, purged, each step of it journalled, so that what a crash leaves
//! half done is ended by [`Instance::reconcile`](crate::Instance::reconcile).

use std::future::{Future, pending};
use std::panic::resume_unwind;

use tracing::Instrument;

mod adopt;
mod create;
mod database;
mod files;
mod folder;
mod making;
mod migrate;
mod on_server;
mod owner;
mod purge;
mod reconcile;
mod rest;
mod shared;
mod standing;
mod template;
mod undo;

pub use adopt::{FoundSchema, SchemaRefusal, SchemaStanding, SchemasError};
pub use create::{CreateError, Home, NewTenant};
pub use files::FileError;
pub use making::check_database;
pub use migrate::{MigrateError, PlanError, Target};
pub use on_server::OnServerError;
pub use purge::{PurgeError, RETENTION_DAYS, check_purge};
pub use reconcile::{ReconcileError, Reconciled};
pub use rest::RestError;
pub use standing::{Known, Standing};
pub use template::TemplateError;

/// Runs the steps of a change to their end even when whoever asked for it goes away: dropped half-way, it would stay
/// half done until the next reconcile.
async fn to_the_end<T: Send + 'static>(steps: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(steps.in_current_span()).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is being shut down, and whoever waits here with it.
        Err(Err(_)) => pending().await,
    }
}
