//! A tenant: as the directory knows it in any status, and as the rest of the program may use it, active.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{HostName, Placement, Slug, Status};

/// The number that the directory gave a tenant. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(i64);

/// What a request claims about its tenant. A claim: only the directory makes a [`Tenant`] of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantKey {
    /// An exact domain.
    Domain(HostName),
    /// A slug, taken from `SLUG.BASE_DOMAIN`, a path or a header.
    Slug(Slug),
}

/// A tenant as the directory knows it, in any status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantRecord {
    /// The number that the directory gave it.
    pub id: TenantId,
    /// Its short name.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Where it is in its life.
    pub status: Status,
    /// The host names that lead to it, the primary one first. May be empty.
    pub domains: Vec<HostName>,
    /// Where its data is.
    pub placement: Placement,
}

/// An active tenant: the proof that a [`TenantRecord`] may be served. Cheap to clone.
///
/// The only way to one is through [`Tenant::from_record`], which refuses every status but [`Status::Active`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(Arc<TenantRecord>);

/// Raised when a tenant exists but is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant is not served: its status is {status}")]
pub struct NotServing {
    /// Its status, never [`Status::Active`].
    pub status: Status,
}

impl TenantId {
    /// The id with this number, as read from the directory.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Tenant {
    /// The proof that the tenant of this record is active.
    ///
    /// # Errors
    /// Raised when its status is anything but active.
    pub fn from_record(record: Arc<TenantRecord>) -> Result<Self, NotServing> {
        match record.status {
            Status::Active => Ok(Self(record)),
            status => Err(NotServing { status }),
        }
    }

    /// The number that the directory gave it.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.0.id
    }

    /// Its short name.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        &self.0.slug
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The host names that lead to it, the primary one first.
    #[must_use]
    pub fn domains(&self) -> &[HostName] {
        &self.0.domains
    }

    /// Where its data is.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.0.placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alias;

    fn record(status: Status) -> Arc<TenantRecord> {
        Arc::new(TenantRecord {
            id: TenantId::new(7),
            slug: "acme".parse().unwrap(),
            name: "Acme".to_owned(),
            status,
            domains: vec!["acme.example".parse().unwrap(), "www.acme.example".parse().unwrap()],
            placement: Placement::Claimed { database: Alias::default_alias() },
        })
    }

    #[test]
    fn only_an_active_record_becomes_a_tenant() {
        for status in Status::ALL {
            let tenant = Tenant::from_record(record(status));
            match status {
                Status::Active => assert!(tenant.is_ok()),
                _ => assert_eq!(tenant, Err(NotServing { status })),
            }
        }
    }

    #[test]
    fn a_tenant_says_what_its_record_says() {
        let record = record(Status::Active);
        let tenant = Tenant::from_record(Arc::clone(&record)).unwrap();
        assert_eq!(tenant.id().get(), 7);
        assert_eq!(tenant.slug().as_str(), "acme");
        assert_eq!(tenant.name(), "Acme");
        assert_eq!(tenant.domains(), record.domains);
        assert_eq!(tenant.placement(), &record.placement);
    }

    #[test]
    fn a_record_in_json_has_the_words_of_the_directory() {
        let json = serde_json::to_value(&*record(Status::Suspended)).unwrap();
        let expected = serde_json::json!({
            "id": 7,
            "slug": "acme",
            "name": "Acme",
            "status": "suspended",
            "domains": ["acme.example", "www.acme.example"],
            "placement": { "claimed": { "database": "default" } },
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_tenant_that_is_not_served_says_its_status() {
        let refused = Tenant::from_record(record(Status::Maintenance)).unwrap_err();
        assert_eq!(refused.to_string(), "the tenant is not served: its status is maintenance");
    }
}
