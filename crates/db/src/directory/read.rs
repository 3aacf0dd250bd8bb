//! What is read from the directory's tables.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, ValueRef};
use rusqlite::{Connection, Row};
use serde::Serialize;
use tenantry_core::{
    Alias, AliasError, HostName, Placement, Restored, SchemaNameError, Slug, Status, TenantId, TenantRecord,
};

use super::index::{Held, Unreadable};
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

/// What memory was read at: both numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generations {
    /// Grows with every change of a tenant or a domain.
    pub(super) generation: i64,
    /// Grows with every tenant that is taken out.
    pub(super) removals: i64,
}

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
                // One that can't be read is named as unreadable, and kept.
                let deleted = deleted.and_then(|deleted| deleted.parse::<Timestamp>().ok());
                if deleted.is_some_and(|deleted| deleted < instant) {
                    ids.push(TenantId::new(row.get(0)?));
                }
            }
            Ok(ids)
        })
        .await
    }
}

/// What the directory is at.
pub(super) fn generations(db: &Connection) -> rusqlite::Result<Generations> {
    db.query_row("SELECT generation, removals FROM instance", [], |row| {
        Ok(Generations { generation: row.get(0)?, removals: row.get(1)? })
    })
}

/// Every tenant that changed after `generation`, and those that are named, each as it stands now.
pub(super) fn changed_since(
    db: &Connection,
    generation: i64,
    named: &[TenantId],
) -> rusqlite::Result<Vec<Held>> {
    let mut changed = db.prepare_cached("SELECT * FROM tenant WHERE generation > ?1 ORDER BY id")?;
    let mut one = db.prepare_cached("SELECT * FROM tenant WHERE id = ?1 AND generation <= ?2")?;
    let mut held = Vec::new();
    let mut rows = changed.query([generation])?;
    while let Some(row) = rows.next()? {
        held.push(tenant(db, row)?);
    }
    for id in named {
        let mut rows = one.query([id.get(), generation])?;
        while let Some(row) = rows.next()? {
            held.push(tenant(db, row)?);
        }
    }
    Ok(held)
}

/// The ids of all tenants.
pub(super) fn ids(db: &Connection) -> rusqlite::Result<HashSet<TenantId>> {
    let mut found = db.prepare_cached("SELECT id FROM tenant")?;
    found.query_map([], |row| row.get(0).map(TenantId::new))?.collect()
}

/// A tenant with all its domains. What can't be read of it is no error, but part of the answer.
fn tenant(db: &Connection, row: &Row<'_>) -> rusqlite::Result<Held> {
    let id = TenantId::new(row.get("id")?);
    let mut hosts = db.prepare_cached("SELECT host FROM domain WHERE tenant_id = ?1 ORDER BY position")?;
    let mut hosts = hosts.query([id.get()])?;
    let (mut domains, mut bad_domain) = (Vec::<HostName>::new(), None);
    while let Some(host) = hosts.next()? {
        match exact(host, "host") {
            Ok(host) => domains.push(host),
            Err(error) => bad_domain = Some(error),
        }
    }
    let record = bad_domain.map_or(Ok(()), Err).and_then(|()| record(row, id, &domains));
    Ok(match record {
        Ok(record) => Held::Whole(Arc::new(record)),
        Err(why) => {
            let slug = exact(row, "slug").ok();
            Held::Unreadable(Arc::new(Unreadable { id, slug, domains, why }))
        }
    })
}

/// A tenant's record, if all of its row can be read: also what is only looked at later, once it may be too late.
fn record(row: &Row<'_>, id: TenantId, domains: &[HostName]) -> Result<TenantRecord, String> {
    let placement = if is_null(row, "claimed")? {
        Placement::Made {
            server: exact(row, "server")?,
            isolation: exact(row, "isolation")?,
            name: exact(row, "opaque")?,
        }
    } else {
        claim(text(row, "claimed")?).map_err(|error| format!("claimed: {error}"))?
    };
    let status = exact(row, "status")?;
    let _: Timestamp = parsed(row, "created")?;
    if status == Status::Deleted {
        let _: Timestamp = parsed(row, "deleted")?;
        restored(text(row, "deleted_from")?).map_err(|error| error.to_string())?;
    }
    Ok(TenantRecord {
        id,
        slug: exact(row, "slug")?,
        name: text(row, "name")?.to_owned(),
        status,
        domains: domains.to_vec(),
        placement,
    })
}

/// What a tenant claims: a database as a whole, or DATABASE/SCHEMA.
fn claim(text: &str) -> Result<Placement, String> {
    let (name, schema) = text.split_once('/').map_or((text, None), |(name, schema)| (name, Some(schema)));
    let database: Alias = name.parse().map_err(|error: AliasError| error.to_string())?;
    if database.as_str() != name {
        return Err(format!("{name:?} should be {database}"));
    }
    match schema {
        None => Ok(Placement::Claimed { database }),
        Some(schema) => {
            let schema = schema.parse().map_err(|error: SchemaNameError| error.to_string())?;
            Ok(Placement::Adopted { database, schema })
        }
    }
}

/// The status that a deleted tenant comes back to.
pub(super) fn restored(deleted_from: &str) -> Result<Restored, DirectoryError> {
    match deleted_from {
        "active" => Ok(Restored::Active),
        "suspended" => Ok(Restored::Suspended),
        "maintenance" => Ok(Restored::Maintenance),
        other => Err(DirectoryError::Unreadable(format!("{other:?} is no status to come back to"))),
    }
}

/// A value that reads as what it is written for and as nothing else: two texts for one host would be two tenants' host.
fn exact<T: FromStr<Err: Display> + Display>(row: &Row<'_>, column: &str) -> Result<T, String> {
    let (value, text) = (parsed::<T>(row, column)?, text(row, column)?);
    if value.to_string() == text { Ok(value) } else { Err(format!("{column}: {text:?} should be {value}")) }
}

fn parsed<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> Result<T, String> {
    text(row, column)?.parse().map_err(|error| format!("{column}: {error}"))
}

fn text<'r>(row: &'r Row<'_>, column: &str) -> Result<&'r str, String> {
    let value = row.get_ref(column).map_err(|error| format!("{column}: {error}"))?;
    value.as_str().map_err(|error: FromSqlError| format!("{column}: {error}"))
}

fn is_null(row: &Row<'_>, column: &str) -> Result<bool, String> {
    let value = row.get_ref(column).map_err(|error| format!("{column}: {error}"))?;
    Ok(value == ValueRef::Null)
}

/// Everything in the directory was validated when it was written; what does not read back was meddled with.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, DirectoryError> {
    text.parse().map_err(|error: T::Err| DirectoryError::Unreadable(error.to_string()))
}
