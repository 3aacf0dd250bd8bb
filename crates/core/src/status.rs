//! A tenant's status, and the only ways from one to the next.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a tenant is in its life. Only [`Status::Active`] is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made: its data may be half there.
    Provisioning,
    /// Served.
    Active,
    /// Stopped by the operator, with its data untouched.
    Suspended,
    /// Stopped for a time, while the operator works on it.
    Maintenance,
    /// Deleted softly: hidden as if it had never been, and may be brought back until it is purged.
    Deleted,
    /// Being purged: its data may be half gone, and there is no way back.
    Deleting,
}

/// What is done to a tenant, as far as its status is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The last step of making a tenant, or the end of a suspension or of maintenance.
    Activate,
    /// The operator stops the tenant.
    Suspend,
    /// The operator takes the tenant out of service for a time.
    Maintain,
    /// Soft deletion.
    Delete,
    /// The way back from soft deletion, to where the tenant was before it.
    Undelete {
        /// The status that the tenant had when it was deleted.
        to: Restored,
    },
    /// The start of the end.
    Purge,
}

/// The statuses that an undeleted tenant can come back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restored {
    /// It was active.
    Active,
    /// It was suspended.
    Suspended,
    /// It was in maintenance.
    Maintenance,
}

/// Raised when a tenant's status does not allow what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", refusal(*.from, *.transition))]
pub struct TransitionError {
    /// The tenant's status.
    pub from: Status,
    /// What was asked.
    pub transition: Transition,
}

/// Raised when a text names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status")]
pub struct StatusError(String);

impl Status {
    /// Every status, in the order of a tenant's life.
    pub const ALL: [Self; 6] =
        [Self::Provisioning, Self::Active, Self::Suspended, Self::Maintenance, Self::Deleted, Self::Deleting];

    /// The status's name, as it stands in the directory and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Maintenance => "maintenance",
            Self::Deleted => "deleted",
            Self::Deleting => "deleting",
        }
    }

    /// The status that `transition` leads to.
    ///
    /// ```
    /// use tenantry_core::{Status, Transition};
    ///
    /// assert_eq!(Status::Active.after(Transition::Suspend), Ok(Status::Suspended));
    /// assert!(Status::Active.after(Transition::Purge).is_err(), "only what was deleted first is purged");
    /// ```
    ///
    /// # Errors
    /// Raised when the way from this status does not exist.
    pub fn after(self, transition: Transition) -> Result<Self, TransitionError> {
        use Status::{Active, Deleted, Deleting, Maintenance, Provisioning, Suspended};
        match (self, transition) {
            (Provisioning | Suspended | Maintenance, Transition::Activate) => Ok(Active),
            (Active | Maintenance, Transition::Suspend) => Ok(Suspended),
            (Active | Suspended, Transition::Maintain) => Ok(Maintenance),
            (Active | Suspended | Maintenance, Transition::Delete) => Ok(Deleted),
            (Deleted, Transition::Undelete { to: Restored::Active }) => Ok(Active),
            (Deleted, Transition::Undelete { to: Restored::Suspended }) => Ok(Suspended),
            (Deleted, Transition::Undelete { to: Restored::Maintenance }) => Ok(Maintenance),
            (Deleted, Transition::Purge) => Ok(Deleting),
            (from, transition) => Err(TransitionError { from, transition }),
        }
    }
}

impl Transition {
    fn past_participle(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Suspend => "suspended",
            Self::Maintain => "put into maintenance",
            Self::Delete => "deleted",
            Self::Undelete { .. } => "undeleted",
            Self::Purge => "purged",
        }
    }
}

/// Why `transition` is refused: what is so already is told as that.
fn refusal(from: Status, transition: Transition) -> String {
    let already = matches!(
        (from, transition),
        (Status::Active, Transition::Activate)
            | (Status::Suspended, Transition::Suspend)
            | (Status::Maintenance, Transition::Maintain)
            | (Status::Deleted, Transition::Delete)
    );
    if already {
        format!(
            "it is {} already",
            if from == Status::Maintenance { "in maintenance" } else { from.as_str() }
        )
    } else {
        format!("a tenant that is {from} can't be {}", transition.past_participle())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| StatusError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_status_and_transition_is_decided() {
        use Transition::{Activate, Delete, Maintain, Purge, Suspend};
        let undelete = Transition::Undelete { to: Restored::Active };
        let table = [
            (Status::Provisioning, vec![(Activate, Status::Active)]),
            (
                Status::Active,
                vec![
                    (Suspend, Status::Suspended),
                    (Maintain, Status::Maintenance),
                    (Delete, Status::Deleted),
                ],
            ),
            (
                Status::Suspended,
                vec![(Activate, Status::Active), (Maintain, Status::Maintenance), (Delete, Status::Deleted)],
            ),
            (
                Status::Maintenance,
                vec![(Activate, Status::Active), (Suspend, Status::Suspended), (Delete, Status::Deleted)],
            ),
            (Status::Deleted, vec![(undelete, Status::Active), (Purge, Status::Deleting)]),
            (Status::Deleting, vec![]),
        ];
        for (from, allowed) in table {
            for transition in [Activate, Suspend, Maintain, Delete, undelete, Purge] {
                let expected = allowed.iter().find(|(way, _)| *way == transition).map(|(_, to)| *to);
                assert_eq!(from.after(transition).ok(), expected, "{from} {transition:?}");
            }
        }
    }

    #[test]
    fn a_refused_transition_says_why() {
        let refused = Status::Active.after(Transition::Purge).unwrap_err();
        assert_eq!(refused.to_string(), "a tenant that is active can't be purged");
        for (from, transition, why) in [
            (Status::Active, Transition::Activate, "it is active already"),
            (Status::Suspended, Transition::Suspend, "it is suspended already"),
            (Status::Maintenance, Transition::Maintain, "it is in maintenance already"),
            (Status::Deleted, Transition::Delete, "it is deleted already"),
        ] {
            assert_eq!(from.after(transition).unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn a_status_reads_back_as_it_was_written() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Active".parse::<Status>().is_err());
    }
}
