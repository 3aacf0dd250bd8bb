//! PostgreSQL servers as an operator sees them: prepared by an administrator, and looked through.
//!
//! A server is worked on by two roles. One serves requests and owns nothing; the other owns what tenants have, and
//! migrates it. [`survey`] finds out what a server lacks for that, [`Preparation::carry_out`] makes it, [`script`] says it in
//! SQL for whoever may do it elsewhere, and [`examine`] looks whether all is as it should be.

mod examine;
mod prepare;
mod script;
mod wants;

use crate::places::PostgresServer;

pub use examine::{Finding, examine};
pub use prepare::{Preparation, PrepareError, StepError, survey};
pub use script::script;

/// What an administrator makes on a server: two roles, and the database in which schemas and shared tables are.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    serving: &'a str,
    owner: &'a str,
    database: &'a str,
    /// The role that serves has no settings of its own sessions: it comes through PgBouncer.
    pooled: bool,
}

/// Raised when the settings of a server name no two roles that work on one database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// No owner is named.
    #[error("no role is named that owns what tenants have")]
    NoOwner,
    /// One role is to do both.
    #[error("the role {0} is named to serve and to own as well, and has to be two")]
    Same(String),
    /// The two URLs name different databases.
    #[error("one URL names the database {serving}, the other {owner}")]
    Databases {
        /// That of the role that serves.
        serving: String,
        /// That of the owner.
        owner: String,
    },
}

impl<'a> Pair<'a> {
    fn of(server: &'a PostgresServer) -> Result<Self, PairError> {
        let serving = &server.serving;
        let owner = server.owner.as_ref().ok_or(PairError::NoOwner)?;
        if serving.user() == owner.user() {
            return Err(PairError::Same(owner.user().to_owned()));
        }
        if serving.database() != owner.database() {
            let (serving, owner) = (serving.database().to_owned(), owner.database().to_owned());
            return Err(PairError::Databases { serving, owner });
        }
        let (pooled, database) = (!serving.has_sessions(), serving.database());
        Ok(Self { serving: serving.user(), owner: owner.user(), database, pooled })
    }
}
