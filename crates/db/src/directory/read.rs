//! What is read from the directory's tables.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tenantry_core::{
    Alias, AliasError, HostName, Placement, Restored, SchemaNameError, Slug, Status, TenantId, TenantRecord,
};

use super::index::{Held, Unreadable};
use super::session::{Row, Tx};
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

impl Generations {
    /// Of a memory that holds nothing, or nothing that can be relied on.
    pub(super) const NONE: Self = Self { generation: -1, removals: -1 };
}

/// What memory does not hold yet.
pub(super) struct News {
    /// What memory is up to date with once it does.
    pub(super) generations: Generations,
    /// Tenants as they stand now.
    pub(super) found: Vec<Held>,
    /// The tenants that there are still, where any were taken out.
    pub(super) kept: Option<HashSet<TenantId>>,
}

/// What is read of a tenant's entry, in this order.
const COLUMNS: [&str; 11] = [
    "id",
    "slug",
    "name",
    "status",
    "deleted_from",
    "deleted",
    "created",
    "server",
    "isolation",
    "opaque",
    "claimed",
];

impl Directory {
    /// What the directory knows of a tenant beyond what every request needs; `None` where there is no such tenant.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn details(&self, id: TenantId) -> Result<Option<TenantDetails>, DirectoryError> {
        self.look(move |look| {
            let sql = "SELECT created, deleted, version FROM tenant WHERE id = $1";
            let Some(row) = look.row(sql, &[id.get().into()])? else { return Ok(None) };
            Ok(Some(TenantDetails {
                created: parse(row.text(0)?)?,
                deleted: row.text_if_any(1)?.map(parse).transpose()?,
                version: row.text_if_any(2)?.map(str::to_owned),
            }))
        })
        .await
    }

    /// The newest entries of the audit, at most `limit` of them, the newest first; with a slug, only what was done to a
    /// tenant that was called so then or is now.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn audit(&self, of: Option<Slug>, limit: u32) -> Result<Vec<AuditEntry>, DirectoryError> {
        self.look(move |look| {
            let limit = i64::from(limit).into();
            let found = match of {
                Some(slug) => {
                    let sql = "SELECT at, actor, action, slug, detail FROM audit WHERE slug = $1 \
                               OR tenant = (SELECT id FROM tenant WHERE slug = $1) ORDER BY id DESC LIMIT $2";
                    look.rows(sql, &[slug.as_str().into(), limit])?
                }
                None => {
                    let sql = "SELECT at, actor, action, slug, detail FROM audit ORDER BY id DESC LIMIT $1";
                    look.rows(sql, &[limit])?
                }
            };
            let entries = found.iter().map(|row| {
                Ok(AuditEntry {
                    at: parse(row.text(0)?)?,
                    actor: row.text(1)?.to_owned(),
                    action: row.text(2)?.to_owned(),
                    slug: row.text_if_any(3)?.map(parse).transpose()?,
                    detail: row.text(4)?.to_owned(),
                })
            });
            entries.collect()
        })
        .await
    }

    /// The tenants whose version, as last heard of, is not `current`, by id.
    pub(crate) async fn behind(&self, current: &str) -> Result<Vec<TenantId>, DirectoryError> {
        let current = current.to_owned();
        self.look(move |look| {
            // Two ranges of the index on `version`, so that a fleet that is up to date costs nothing.
            let sql =
                "SELECT id FROM tenant WHERE version < $1 OR version > $1 OR version IS NULL ORDER BY id";
            let found = look.rows(sql, &[current.into()])?;
            found.iter().map(|row| row.int(0).map(TenantId::new)).collect()
        })
        .await
    }

    /// Tenants whose soft deletion was asked for before `instant`, by id.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn deleted_before(&self, instant: Timestamp) -> Result<Vec<TenantId>, DirectoryError> {
        self.look(move |look| {
            let sql = "SELECT id, deleted FROM tenant WHERE status = 'deleted' ORDER BY id";
            let found = look.rows(sql, &[])?;
            // One that can't be read is named as unreadable, and kept.
            let deleted = |row: &Row| row.text_if_any(1).ok()??.parse::<Timestamp>().ok();
            let due = found.iter().filter(|row| deleted(row).is_some_and(|deleted| deleted < instant));
            due.map(|row| row.int(0).map(TenantId::new)).collect()
        })
        .await
    }
}

/// What is new since `known`, with the entries that are `named` as they stand now; `None` where that is nothing.
pub(super) fn news(
    look: &Tx<'_>,
    known: Generations,
    named: &[TenantId],
) -> Result<Option<News>, DirectoryError> {
    let row = look.row("SELECT generation, removals FROM instance", &[])?;
    let row = row.ok_or_else(|| DirectoryError::Unreadable("its row of the instance is gone".to_owned()))?;
    let generations = Generations { generation: row.int(0)?, removals: row.int(1)? };
    // A server that was restored to what it held earlier: all that was read since is void.
    let older = generations.generation < known.generation || generations.removals < known.removals;
    let known = if older { Generations::NONE } else { known };
    // Whoever mends an entry by hand may not know of generations: what can't be read is looked at each time.
    if generations == known && named.is_empty() {
        return Ok(None);
    }
    let found = changed_since(look, known.generation, named)?;
    let kept = if generations.removals == known.removals { None } else { Some(ids(look)?) };
    Ok(Some(News { generations, found, kept }))
}

/// Every tenant that changed after `generation`, and those that are named, each as it stands now.
fn changed_since(look: &Tx<'_>, generation: i64, named: &[TenantId]) -> Result<Vec<Held>, DirectoryError> {
    let columns = COLUMNS.join(", ");
    let sql = format!("SELECT {columns} FROM tenant WHERE generation > $1 ORDER BY id");
    let mut rows = look.rows(&sql, &[generation.into()])?;
    // CROSS: SQLite would else go through every domain there is, instead of through the few tenants that changed.
    let sql = "SELECT tenant_id, host FROM tenant CROSS JOIN domain \
               WHERE tenant_id = tenant.id AND tenant.generation > $1 ORDER BY tenant_id, position";
    let mut hosts = look.rows(sql, &[generation.into()])?;
    for id in named {
        let sql = format!("SELECT {columns} FROM tenant WHERE id = $1 AND generation <= $2");
        let values = [id.get().into(), generation.into()];
        let found = look.row(&sql, &values)?;
        if found.is_some() {
            let sql = "SELECT tenant_id, host FROM domain WHERE tenant_id = $1 ORDER BY position";
            hosts.extend(look.rows(sql, &values[..1])?);
        }
        rows.extend(found);
    }
    let mut domains = HashMap::<i64, Vec<Row>>::new();
    for host in hosts {
        domains.entry(host.int(0)?).or_default().push(host);
    }
    rows.iter()
        .map(|row| {
            let id = row.int(0)?;
            Ok(tenant(row, TenantId::new(id), &domains.remove(&id).unwrap_or_default()))
        })
        .collect()
}

/// The ids of all tenants.
fn ids(look: &Tx<'_>) -> Result<HashSet<TenantId>, DirectoryError> {
    let found = look.rows("SELECT id FROM tenant", &[])?;
    found.iter().map(|row| row.int(0).map(TenantId::new)).collect()
}

/// A tenant with all its domains. What can't be read of it is no error, but part of the answer.
fn tenant(row: &Row, id: TenantId, hosts: &[Row]) -> Held {
    let (mut domains, mut bad_domain) = (Vec::<HostName>::new(), None);
    for host in hosts {
        match host.text(1).map_err(|error| format!("host: {error}")).and_then(|text| same(text, "host")) {
            Ok(host) => domains.push(host),
            Err(error) => bad_domain = Some(error),
        }
    }
    let record = bad_domain.map_or(Ok(()), Err).and_then(|()| record(row, id, &domains));
    match record {
        Ok(record) => Held::Whole(Arc::new(record)),
        Err(why) => {
            let slug = exact(row, "slug").ok();
            Held::Unreadable(Arc::new(Unreadable { id, slug, domains, why }))
        }
    }
}

/// A tenant's record, if all of its row can be read: also what is only looked at later, once it may be too late.
fn record(row: &Row, id: TenantId, domains: &[HostName]) -> Result<TenantRecord, String> {
    let placement = if column(row, "claimed")?.is_none() {
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
fn exact<T: FromStr<Err: Display> + Display>(row: &Row, name: &str) -> Result<T, String> {
    same(text(row, name)?, name)
}

fn same<T: FromStr<Err: Display> + Display>(text: &str, name: &str) -> Result<T, String> {
    let value: T = text.parse().map_err(|error| format!("{name}: {error}"))?;
    if value.to_string() == text { Ok(value) } else { Err(format!("{name}: {text:?} should be {value}")) }
}

fn parsed<T: FromStr<Err: Display>>(row: &Row, name: &str) -> Result<T, String> {
    text(row, name)?.parse().map_err(|error| format!("{name}: {error}"))
}

fn text<'r>(row: &'r Row, name: &str) -> Result<&'r str, String> {
    column(row, name)?.ok_or_else(|| format!("{name}: there is none"))
}

fn column<'r>(row: &'r Row, name: &str) -> Result<Option<&'r str>, String> {
    let place = COLUMNS.iter().position(|column| *column == name);
    let place = place.ok_or_else(|| format!("{name}: it was not read"))?;
    row.text_if_any(place).map_err(|error| format!("{name}: {error}"))
}

/// Everything in the directory was validated when it was written; what does not read back was meddled with.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, DirectoryError> {
    text.parse().map_err(|error: T::Err| DirectoryError::Unreadable(error.to_string()))
}
