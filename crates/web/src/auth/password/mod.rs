//! Passwords: as people type them, as they are stored, and the work of getting from one to the other.

mod hasher;
mod scheme;
mod stored;
#[cfg(test)]
mod tests;
mod typed;

pub use hasher::{HashError, HashPolicy, Hasher, Verdict};
pub use scheme::HashForm;
pub use stored::PasswordHash;
pub use typed::Password;
