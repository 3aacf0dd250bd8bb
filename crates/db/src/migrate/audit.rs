//! Looks through the schema of shared tables for what would not keep tenants apart.

use std::fmt;

use super::render::policy_as_told;
use super::session::Session;
use super::shared::grants_on_all;
use crate::model::{QueryError, Value};
use crate::postgres::{SHARED, quoted};

/// Something in the schema of shared tables that does not keep tenants apart, or may come not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// With what.
    pub object: String,
    /// The statement that mends it, for whoever owns the tables.
    pub remedy: String,
}

/// What can be wrong in the schema of shared tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A table's row-level security is off.
    Unsecured,
    /// A table's row-level security does not hold for its owner.
    Unforced,
    /// A table lacks the policy that shows each tenant its own rows.
    NoPolicy,
    /// A policy shows or takes rows by another rule.
    FailsOpen,
    /// A table does not say whose its rows are.
    NoTenant,
    /// Values must be unique among the rows of all tenants: one of them learns of the others'.
    UniqueAcross,
    /// A reference does not carry the tenant: it may lead to another's row.
    RefersAcross,
    /// A view shows what its owner may see.
    ViewOfOwner,
    /// A materialized view keeps rows of all tenants.
    Materialized,
    /// A function runs with its owner's rights.
    Definer,
    /// The role that serves may do more than read and write rows.
    Granted,
    /// The role that serves owns a table, or may become the role that does. Where one role does both, the remedy makes
    /// another, which `DB_<ALIAS>` is to name then, and `DB_<ALIAS>_OWNER` the one that owns.
    Owned,
}

impl Fault {
    const ALL: [(Self, &'static str, &'static str); 12] = [
        (Self::Unsecured, "unsecured", "row-level security is off for the table"),
        (Self::Unforced, "unforced", "row-level security does not hold for the owner of the table"),
        (Self::NoPolicy, "no_policy", "there is no policy that shows each tenant its own rows of the table"),
        (Self::FailsOpen, "fails_open", "rows are shown or taken by another rule than the tenant's: policy"),
        (Self::NoTenant, "no_tenant", "nothing says whose the rows are of the table"),
        (Self::UniqueAcross, "unique_across", "values are unique among the rows of all tenants: index"),
        (Self::RefersAcross, "refers_across", "a reference may lead to another tenant's row: constraint"),
        (Self::ViewOfOwner, "view_of_owner", "what its owner may see is shown by the view"),
        (Self::Materialized, "materialized", "rows of all tenants are kept by the materialized view"),
        (Self::Definer, "definer", "its owner's rights are lent by the function"),
        (Self::Granted, "granted", "the role that serves has the right"),
        (Self::Owned, "owned", "the role that serves is, or may become, the owner of"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == name).map(|(fault, ..)| fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = Self::ALL.into_iter().find(|(fault, ..)| fault == self);
        f.write_str(said.map_or("", |(.., said)| said))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; this mends it: {}", self.fault, self.object, self.remedy)
    }
}

/// The roles that work on shared tables.
#[derive(Clone, Debug)]
pub(crate) struct SharedRoles {
    /// The one that serves.
    pub(crate) serving: String,
    /// The one that owns and migrates.
    pub(crate) owning: String,
}

/// All that is found in the schema of shared tables; nothing where there is none.
///
/// # Errors
/// Raised when the catalogue can't be read.
pub(super) async fn audit(session: &Session, roles: &SharedRoles) -> Result<Vec<Finding>, QueryError> {
    let values = [roles.serving.clone(), roles.owning.clone(), policy_as_told()].map(Value::Text);
    let rows = session.rows(include_str!("audit.sql"), values.into()).await?;
    let found = rows.iter().map(|row| {
        let fault: String = row.get("fault")?;
        let unknown = || QueryError::Database(format!("the audit found {fault:?}").into());
        Ok(Finding {
            fault: Fault::named(&fault).ok_or_else(unknown)?,
            object: row.get("object")?,
            remedy: row.get("remedy")?,
        })
    });
    let found: Vec<Finding> = found.collect::<Result<_, QueryError>>()?;
    Ok(if roles.serving == roles.owning { of_one_role(found, &roles.owning) } else { found })
}

/// With one role for both, no table can be given to another: what helps is a second role.
fn of_one_role(mut found: Vec<Finding>, owning: &str) -> Vec<Finding> {
    let all = found.len();
    found.retain(|finding| finding.fault != Fault::Owned);
    if found.len() < all {
        let (owning, granted) = (quoted(owning), grants_on_all("serving"));
        let made = format!(r#"CREATE ROLE "serving" LOGIN PASSWORD '...'; GRANT "serving" TO {owning}"#);
        let remedy = format!("{made}; SET ROLE {owning}; {granted}");
        found.push(Finding { fault: Fault::Owned, object: format!("SCHEMA {SHARED}"), remedy });
    }
    found
}
