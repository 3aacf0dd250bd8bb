//! How long a server lets anything go on.

use std::time::Duration;

/// The longest that a server lets statements and transactions go on, when nobody here ends them any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For one statement.
    pub(crate) statement: Duration,
    /// For a lock that a statement waits for.
    pub(crate) lock: Duration,
    /// For a transaction in which nothing is under way.
    pub(crate) idle: Duration,
}

impl Timeouts {
    /// As an option of a session.
    pub(super) fn of_session(self) -> String {
        self.settings().map(|(name, milliseconds)| format!("-c {name}={milliseconds}")).join(" ")
    }

    /// As statements of a transaction.
    pub(super) fn local(self) -> String {
        self.settings().map(|(name, milliseconds)| format!("SET LOCAL {name} = {milliseconds}")).join("; ")
    }

    fn settings(self) -> [(&'static str, u128); 3] {
        [
            ("statement_timeout", self.statement.as_millis()),
            ("idle_in_transaction_session_timeout", self.idle.as_millis()),
            ("lock_timeout", self.lock.as_millis()),
        ]
    }
}
