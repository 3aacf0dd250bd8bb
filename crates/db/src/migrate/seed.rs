//! The table of tenants that the Django project has, and what it made of each.

use super::session::Session;
use crate::model::QueryError;
use crate::tenant_db::Store;

/// A row of the table.
pub(crate) struct SeedTenant {
    pub(crate) name: String,
    pub(crate) schema: String,
    pub(crate) sub_domain: String,
    pub(crate) active: bool,
}

/// The rows of `tenant_tenant` in the schema `public`, in their order; `None` where there is no such table.
///
/// # Errors
/// Raised when it can't be read, or has other columns.
pub(crate) async fn seed_tenants(store: &Store) -> Result<Option<Vec<SeedTenant>>, QueryError> {
    let session = Session::read(store);
    let there = "SELECT 1 WHERE to_regclass('public.tenant_tenant') IS NOT NULL";
    if session.rows(there, Vec::new()).await?.is_empty() {
        return Ok(None);
    }
    let all = "SELECT name, schema_name, sub_domain, active FROM public.tenant_tenant ORDER BY id";
    let rows = session.rows(all, Vec::new()).await?;
    let tenants = rows.iter().map(|row| {
        Ok(SeedTenant {
            name: row.get("name")?,
            schema: row.get("schema_name")?,
            sub_domain: row.get("sub_domain")?,
            active: row.get("active")?,
        })
    });
    tenants.collect::<Result<_, _>>().map(Some)
}

/// What the role that asks may do with a schema.
pub(crate) struct Rights {
    pub(crate) role: String,
    /// Whether it may make tables there.
    pub(crate) may_create: bool,
    /// The owner of the first thing there that is neither the role's nor that of a role whose rights it has.
    pub(crate) stranger: Option<String>,
}

/// What the role that asks may do with a schema; `None` where there is no such schema.
///
/// # Errors
/// Raised when the catalogue can't be read.
pub(crate) async fn rights(store: &Store, schema: &str) -> Result<Option<Rights>, QueryError> {
    let sql = "SELECT current_user::text AS role,
        has_schema_privilege(there.oid, 'USAGE') AND has_schema_privilege(there.oid, 'CREATE') AS may_create,
        (SELECT min(pg_get_userbyid(thing.relowner)) FROM pg_class AS thing
            WHERE thing.relnamespace = there.oid AND thing.relkind IN ('r', 'p', 'S', 'v', 'm')
            AND NOT pg_has_role(thing.relowner, 'USAGE'))::text AS stranger
        FROM pg_namespace AS there WHERE there.nspname = $1";
    let rows = Session::read(store).rows(sql, vec![schema.into()]).await?;
    let found = rows.first().map(|row| {
        Ok(Rights {
            role: row.get("role")?,
            may_create: row.get("may_create")?,
            stranger: row.get("stranger")?,
        })
    });
    found.transpose()
}
