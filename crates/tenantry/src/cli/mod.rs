//! The command line: what may be said, and how it answers.

pub mod args;
mod failure;
mod output;
mod progress;
mod prompt;
mod superuser;
mod tenants_file;

pub use failure::Failure;
pub use output::{Output, counted};
pub use progress::{FleetFailure, FleetProgress};
pub use prompt::{Prompt, PromptError};
pub use superuser::SuperuserInput;
pub use tenants_file::{Entry, LineFault, TenantsFileError, read as read_tenants_file};
