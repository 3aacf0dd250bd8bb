//! Whether the tables that tenants share on one server keep them apart: looked through at the start, and then known.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::migrate::{Finding, SharedRoles, findings};
use crate::model::QueryError;
use crate::tenant_db::Store;

/// How long it is known that nothing is amiss: a view that someone makes on a running server is found by then.
const TRUSTED: Duration = Duration::from_secs(60);

/// How long a finding is known: what was mended is to be served soon.
const KNOWN: Duration = Duration::from_millis(500);

/// What is known of the shared tables of one server.
pub(crate) struct Protection {
    pub(crate) roles: SharedRoles,
    seen: Mutex<Option<(Instant, Vec<Finding>)>>,
}

/// Why no tenant of the shared tables is served.
#[derive(Debug, thiserror::Error)]
#[error("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
struct Unprotected {
    found: Vec<Finding>,
}

impl Protection {
    pub(super) fn new(roles: SharedRoles) -> Self {
        Self { roles, seen: Mutex::default() }
    }

    /// What there is to find now, through a door to any of the tenants.
    pub(super) async fn look(&self, store: &Store) -> Result<Vec<Finding>, QueryError> {
        let mut seen = self.seen.lock().await;
        *seen = None;
        let found = findings(store, &self.roles).await?;
        *seen = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    /// Whether tenants of the shared tables may be served, as far as is known; one look answers all who ask meanwhile.
    pub(super) async fn pass(&self, store: &Store) -> Result<(), QueryError> {
        let mut seen = self.seen.lock().await;
        let known = seen
            .take()
            .filter(|(since, found)| since.elapsed() < if found.is_empty() { TRUSTED } else { KNOWN });
        let (since, found) = match known {
            Some(known) => known,
            None => (Instant::now(), findings(store, &self.roles).await?),
        };
        let passed = match found.as_slice() {
            [] => Ok(()),
            found => Err(QueryError::Unprotected(Box::new(Unprotected { found: found.to_vec() }))),
        };
        *seen = Some((since, found));
        passed
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("roles", &self.roles).finish_non_exhaustive()
    }
}
