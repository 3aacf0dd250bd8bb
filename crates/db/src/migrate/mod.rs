//! Migrations: operations written once, checked, rendered for the isolation at hand, and applied to tenants' data.
//!
//! A program's [`Registry`] is checked into a [`History`]; a history is applied to one tenant's data, each migration
//! in a transaction with its row in the ledger, or to the fleet, many tenants at a time.
//!
//! Names have 1 to 63 lower-case letters, digits and underscores. The tables of an application begin neither with
//! `auth_` and `django_`, which are frozen as Django made them, nor with `tenantry_` and `sqlite_`; and no column is
//! called `tenant_id`, which shared tables have of their own.

mod adopt;
mod apply;
mod audit;
mod builtin;
mod check;
mod checksum;
mod fleet;
mod guard;
mod history;
mod ledger;
mod operation;
mod permissions;
mod render;
mod seed;
mod session;
mod shared;
mod step;
mod table;
#[cfg(test)]
mod tests;

pub use adopt::{Unrecognised, is_adopted};
pub use apply::{Applied, ApplyError, Plan, Planned, State};
pub(crate) use apply::{apply, chain, findings, judge, plan};
pub(crate) use audit::SharedRoles;
pub use audit::{Fault, Finding};
pub use check::BrokenRule;
pub use fleet::{Progress, Summary};
pub(crate) use fleet::{Sharing, Target as FleetTarget, migrate_fleet};
pub(crate) use guard::guard;
pub use history::{History, Registry, RegistryError};
pub use ledger::LedgerError;
pub use operation::{Migration, MigrationId, Operation, Sql};
pub(crate) use seed::{Rights, SeedTenant, rights, seed_tenants};
pub(crate) use shared::{Present, entered, made, present, removed};
pub use step::{Step, StepDb, StepError, StepFuture};
pub use table::{Column, Constant, Index, Table};
