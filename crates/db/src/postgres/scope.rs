//! What of a PostgreSQL server is one tenant's, and the SQL that keeps to it.
//!
//! Every local setting is a literal: on Citus only such a one reaches the machines that hold the data. Nothing in it is
//! a user's word: names were made or validated by this program, a tenant's key is a number.

use tenantry_core::{OpaqueName, RowKey, SchemaName};

use super::door::Access;
use super::timeouts::Timeouts;
use crate::model::Dialect;

/// The schema of the tables that tenants share.
pub(crate) const SHARED: &str = "tenantry_shared";

/// The setting by which the policies of shared tables know the tenant.
const TENANT_SETTING: &str = "tenantry.tenant";

/// The tenant that a transaction has named, in SQL; NULL, which is nobody's, where it has named none. After one that
/// did, the setting is not gone but empty.
pub(crate) const CURRENT_TENANT: &str = "NULLIF(current_setting('tenantry.tenant', true), '')::bigint";

/// Sets the locks of those who migrate apart from an application's own.
const MIGRATION_LOCK: i64 = 0x7465_6e61_6e74_7279;

/// What of a server is one tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The database that the URL names, as a whole.
    Claimed,
    /// A database of its own.
    Database(Box<str>),
    /// A schema of its own, in the database that the URL names.
    Schema(OpaqueName),
    /// A schema that was there before, in the database that the URL names.
    Adopted(SchemaName),
    /// Rows of shared tables, under policies that know the tenant by its key.
    Rows(RowKey),
}

impl Scope {
    /// A tenant's own database.
    pub(crate) fn database(name: &OpaqueName) -> Self {
        Self::Database(name.as_str().into())
    }

    /// The schema in which the tenant's tables are.
    pub(crate) fn schema(&self) -> &str {
        match self {
            Self::Claimed | Self::Database(_) => "public",
            Self::Schema(name) => name.as_str(),
            Self::Adopted(name) => name.as_str(),
            Self::Rows(_) => SHARED,
        }
    }

    /// The tenant by which rows of shared tables are told apart.
    pub(crate) fn tenant(&self) -> Option<RowKey> {
        match self {
            Self::Rows(tenant) => Some(*tenant),
            Self::Claimed | Self::Database(_) | Self::Schema(_) | Self::Adopted(_) => None,
        }
    }

    /// For what of the server statements are made.
    pub(crate) fn dialect(&self) -> Dialect<'_> {
        Dialect::Postgres { schema: self.schema(), tenant: self.tenant() }
    }

    /// What stands before a single statement that names its tables in full; none where the name is all it takes.
    pub(super) fn setting(&self) -> Option<String> {
        self.tenant().map(|tenant| format!("BEGIN; {}", tenant_setting(tenant)))
    }

    /// What stands before a single statement that names its tables as the application knows them.
    pub(super) fn raw_setting(&self, access: Access) -> String {
        let begin = match access {
            Access::Read => "BEGIN READ ONLY",
            Access::Write => "BEGIN",
        };
        format!("{begin}; {}", self.local())
    }

    /// What begins a transaction of several statements.
    pub(super) fn begin(&self) -> String {
        format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {}", self.local())
    }

    /// What begins a migration's transaction, which waits until nobody else migrates the same schema. It sees what others
    /// commit meanwhile, so that its plan is made of what they have left.
    pub(super) fn begin_alone(&self, timeouts: Timeouts) -> String {
        let (wait, lock) = (timeouts.statement.as_millis(), timeouts.lock.as_millis());
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; {}; SET LOCAL lock_timeout = {wait}; {}; \
             SET LOCAL lock_timeout = {lock}",
            self.local(),
            alone(self.schema())
        )
    }

    fn local(&self) -> String {
        // Alone in the path: with a second schema, a table that is missing here would be looked for there.
        let path = format!("SET LOCAL search_path = \"{}\"", self.schema());
        match self.tenant() {
            Some(tenant) => format!("{path}; {}", tenant_setting(tenant)),
            None => path,
        }
    }
}

/// Waits until nobody migrates a schema, and keeps others from it until the transaction ends.
pub(crate) fn alone(schema: &str) -> String {
    format!("SELECT pg_advisory_xact_lock(hashtextextended('{schema}', {MIGRATION_LOCK}))")
}

/// The same beside others who migrate nothing either.
pub(crate) fn beside_others(schema: &str) -> String {
    format!("SELECT pg_advisory_xact_lock_shared(hashtextextended('{schema}', {MIGRATION_LOCK}))")
}

/// Names a tenant until the transaction ends, or another is named.
pub(crate) fn tenant_setting(tenant: RowKey) -> String {
    format!("SET LOCAL {TENANT_SETTING} = '{}'", tenant.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_local_and_name_one_schema_alone() {
        let name = OpaqueName::from_random(7);
        let rows = Scope::Rows(RowKey::of(&OpaqueName::from_random(4)));
        assert_eq!(rows.setting().as_deref(), Some("BEGIN; SET LOCAL tenantry.tenant = '5'"));
        assert_eq!(
            rows.raw_setting(Access::Read),
            "BEGIN READ ONLY; SET LOCAL search_path = \"tenantry_shared\"; SET LOCAL tenantry.tenant = '5'"
        );
        let schema = Scope::Schema(name.clone());
        assert_eq!(schema.setting(), None);
        assert_eq!(
            schema.begin(),
            format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL search_path = \"{name}\"")
        );
    }
}
