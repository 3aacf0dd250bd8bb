//! What is read from the directory's tables.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use serde::Serialize;
use tenantry_core::{HostName, Placement, Slug, Status, TenantId, TenantRecord};

use super::{Directory, DirectoryError};

/// What the directory knows of a tenant beyond what every request needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantDetails {
    /// When it was made.
    pub created: Timestamp,
    /// When its deletion was asked for, if it was.
    pub deleted: Option<Timestamp>,
    /// The version of its data as last heard of: a hash over the migrations that were applied to it.
    pub version: Option<String>,
}

/// One thing that was done to the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// What: `tenant.create`, for one.
    pub action: String,
    /// The slug, as it was then, of the tenant that it was done to.
    pub slug: Option<Slug>,
    /// What more there is to say.
    pub detail: String,
}

const TENANT: &str = "SELECT id, slug, name, status, server, isolation, opaque, claimed FROM tenant";

/// A tenant's entry, or why it can't be read.
pub(super) type Found = Result<TenantRecord, DirectoryError>;

impl Directory {
    /// What the directory knows of a tenant beyond what every request needs; `None` where there is no such tenant.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn details(&self, id: TenantId) -> Result<Option<TenantDetails>, DirectoryError> {
        self.call(move |db| {
            let mut found =
                db.prepare_cached("SELECT created, deleted, version FROM tenant WHERE id = ?1")?;
            let mut rows = found.query([id.get()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let deleted: Option<String> = row.get(1)?;
            Ok(Some(TenantDetails {
                created: parse(&row.get::<_, String>(0)?)?,
                deleted: deleted.as_deref().map(parse).transpose()?,
                version: row.get(2)?,
            }))
        })
        .await
    }

    /// The newest entries of the audit, the newest first.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>, DirectoryError> {
        self.call(move |db| {
            let sql = "SELECT at, actor, action, slug, detail FROM audit ORDER BY id DESC LIMIT ?1";
            let mut found = db.prepare_cached(sql)?;
            let mut rows = found.query([limit])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                let slug: Option<String> = row.get(3)?;
                entries.push(AuditEntry {
                    at: parse(&row.get::<_, String>(0)?)?,
                    actor: row.get(1)?,
                    action: row.get(2)?,
                    slug: slug.as_deref().map(parse).transpose()?,
                    detail: row.get(4)?,
                });
            }
            Ok(entries)
        })
        .await
    }

    /// The tenants whose version, as last heard of, is not `current`, by id.
    pub(crate) async fn behind(&self, current: &str) -> Result<Vec<TenantId>, DirectoryError> {
        let current = current.to_owned();
        self.call(move |db| {
            // Two ranges of the index on `version`, so that a fleet that is up to date costs nothing.
            let sql =
                "SELECT id FROM tenant WHERE version < ?1 OR version > ?1 OR version IS NULL ORDER BY id";
            let mut found = db.prepare_cached(sql)?;
            let ids = found.query_map([current], |row| row.get(0).map(TenantId::new))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Tenants whose soft deletion was asked for before `instant`, by id.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn deleted_before(&self, instant: Timestamp) -> Result<Vec<TenantId>, DirectoryError> {
        self.call(move |db| {
            let mut found =
                db.prepare_cached("SELECT id, deleted FROM tenant WHERE status = 'deleted' ORDER BY id")?;
            let mut rows = found.query([])?;
            let mut ids = Vec::new();
            while let Some(row) = rows.next()? {
                let deleted: Option<String> = row.get(1)?;
                if deleted
                    .as_deref()
                    .map(parse::<Timestamp>)
                    .transpose()?
                    .is_some_and(|deleted| deleted < instant)
                {
                    ids.push(TenantId::new(row.get(0)?));
                }
            }
            Ok(ids)
        })
        .await
    }
}

/// The instance's generation and its count of removals.
pub(super) fn generations(db: &Connection) -> rusqlite::Result<(i64, i64)> {
    db.query_row("SELECT generation, removals FROM instance", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Every tenant that changed after `generation`, with all its domains, or why its entry can't be read.
pub(super) fn changed_since(db: &Connection, generation: i64) -> rusqlite::Result<Vec<(TenantId, Found)>> {
    let mut tenants = db.prepare_cached(&format!("{TENANT} WHERE generation > ?1 ORDER BY id"))?;
    let found: Vec<(TenantId, Found)> = tenants
        .query_map([generation], |row| Ok((TenantId::new(row.get(0)?), record(row))))?
        .collect::<Result<_, _>>()?;
    let with_domains = |(id, found): (TenantId, Found)| {
        let domains = domains(db, id)?;
        Ok((id, found.and_then(|tenant| Ok(TenantRecord { domains: domains?, ..tenant }))))
    };
    found.into_iter().map(with_domains).collect()
}

fn domains(db: &Connection, id: TenantId) -> rusqlite::Result<Result<Vec<HostName>, DirectoryError>> {
    let mut domains = db.prepare_cached("SELECT host FROM domain WHERE tenant_id = ?1 ORDER BY position")?;
    let hosts: Vec<String> = domains.query_map([id.get()], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(hosts.iter().map(|host| parse(host)).collect())
}

/// The ids of all tenants.
pub(super) fn ids(db: &Connection) -> rusqlite::Result<HashSet<TenantId>> {
    let mut found = db.prepare_cached("SELECT id FROM tenant")?;
    found.query_map([], |row| row.get(0).map(TenantId::new))?.collect()
}

fn record(row: &Row<'_>) -> Found {
    let placement = match row.get::<_, Option<String>>(7)? {
        Some(database) => Placement::Claimed { database: parse(&database)? },
        None => Placement::Made {
            server: parse(&row.get::<_, String>(4)?)?,
            isolation: parse(&row.get::<_, String>(5)?)?,
            name: parse(&row.get::<_, String>(6)?)?,
        },
    };
    Ok(TenantRecord {
        id: TenantId::new(row.get(0)?),
        slug: parse::<Slug>(&row.get::<_, String>(1)?)?,
        name: row.get(2)?,
        status: parse::<Status>(&row.get::<_, String>(3)?)?,
        domains: Vec::<HostName>::new(),
        placement,
    })
}

/// Everything in the directory was validated when it was written; what does not read back was meddled with.
pub(super) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, DirectoryError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| DirectoryError::Unreadable(error.to_string()))
}
