//! A tenant's life: it is made, changed, migrated, purged, each step of it journalled, so that what a crash leaves
//! half done is ended by [`Instance::reconcile`](crate::Instance::reconcile).

mod create;
mod files;
mod migrate;
mod owner;
mod purge;
mod reconcile;
mod template;

pub use create::{CreateError, Home, NewTenant};
pub use files::FileError;
pub use migrate::{MigrateError, PlanError, Target};
pub use purge::{PurgeError, RETENTION_DAYS};
pub use reconcile::{ReconcileError, Reconciled};
pub use template::TemplateError;
