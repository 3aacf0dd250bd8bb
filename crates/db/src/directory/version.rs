//! The directory's copy of tenants' versions: it is written by whoever has asked the data, and read for the whole fleet at once.

use jiff::Timestamp;
use rusqlite::Transaction;
use tenantry_core::TenantId;

use super::{Directory, DirectoryError, change, read};

/// A version of tenants' data, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// One hash over a program's history.
    pub(crate) hash: String,
    /// The migrations of that history, in their order.
    pub(crate) migrations: Vec<String>,
}

/// What the directory knows of the version of one tenant's data.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) tenant: TenantId,
    /// `None` where nobody has asked the data yet.
    pub(crate) version: Option<String>,
    /// What the version stands for, where the program that noted it has said so.
    pub(crate) migrations: Option<Vec<String>>,
    /// When it was written; `None` where that was before this was kept.
    pub(crate) at: Option<Timestamp>,
}

impl Directory {
    /// Notes the version that tenants' data has, as heard from the data itself. Every process looks at the data again.
    pub(crate) async fn note_version(
        &self,
        ids: Vec<TenantId>,
        version: Version,
    ) -> Result<(), DirectoryError> {
        self.call(move |db| {
            let change = change::begin(db)?;
            let generation = change::next_generation(&change)?;
            explain(&change, &version)?;
            let sql = "UPDATE tenant SET version = ?2, noted = ?3, generation = ?4 WHERE id = ?1";
            let (mut set, now) = (change.prepare_cached(sql)?, change::now());
            for id in ids {
                set.execute((id.get(), &version.hash, &now, generation))?;
            }
            drop(set);
            Ok(change.commit()?)
        })
        .await
    }

    /// What is known of every tenant's version, by id.
    pub(crate) async fn noted_versions(&self) -> Result<Vec<Noted>, DirectoryError> {
        self.call(move |db| {
            let sql = "SELECT id, version, migrations, noted FROM tenant LEFT JOIN version USING (version) \
                       ORDER BY id";
            let mut found = db.prepare_cached(sql)?;
            let mut rows = found.query([])?;
            let mut noted = Vec::new();
            while let Some(row) = rows.next()? {
                let (migrations, at): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
                noted.push(Noted {
                    tenant: TenantId::new(row.get(0)?),
                    version: row.get(1)?,
                    migrations: migrations.map(|lines| lines.lines().map(str::to_owned).collect()),
                    at: at.as_deref().map(read::parse).transpose()?,
                });
            }
            Ok(noted)
        })
        .await
    }
}

/// Enters what a version stands for, where nobody has yet.
pub(super) fn explain(change: &Transaction<'_>, version: &Version) -> Result<(), DirectoryError> {
    let add = "INSERT INTO version (version, migrations) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    change.prepare_cached(add)?.execute((&version.hash, version.migrations.join("\n")))?;
    Ok(())
}
