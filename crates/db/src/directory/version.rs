//! The directory's copy of tenants' versions: it is written by whoever has asked the data, and read for the whole fleet at once.

use jiff::Timestamp;
use tenantry_core::TenantId;

use super::session::Tx;
use super::{Directory, DirectoryError, change, read};

/// How many tenants one statement notes a version of.
const NOTED_AT_ONCE: usize = 500;

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
        self.change(move |change| {
            let generation = change::next_generation(change)?;
            explain(change, &version)?;
            let now = change::now();
            for ids in ids.chunks(NOTED_AT_ONCE) {
                let ids: Vec<String> = ids.iter().map(|id| id.get().to_string()).collect();
                let sql = format!(
                    "UPDATE tenant SET version = $1, noted = $2, generation = $3 WHERE id IN ({})",
                    ids.join(", ")
                );
                let values = [version.hash.as_str().into(), now.as_str().into(), generation.into()];
                change.execute(&sql, &values)?;
            }
            Ok(())
        })
        .await
    }

    /// What is known of every tenant's version, by id.
    pub(crate) async fn noted_versions(&self) -> Result<Vec<Noted>, DirectoryError> {
        self.look(|look| {
            let sql = "SELECT id, tenant.version, migrations, noted FROM tenant \
                       LEFT JOIN version ON version.version = tenant.version ORDER BY id";
            let found = look.rows(sql, &[])?;
            let noted = found.iter().map(|row| {
                let migrations = row.text_if_any(2)?;
                Ok(Noted {
                    tenant: TenantId::new(row.int(0)?),
                    version: row.text_if_any(1)?.map(str::to_owned),
                    migrations: migrations.map(|lines| lines.lines().map(str::to_owned).collect()),
                    at: row.text_if_any(3)?.map(read::parse).transpose()?,
                })
            });
            noted.collect()
        })
        .await
    }
}

/// Enters what a version stands for, where nobody has yet.
pub(super) fn explain(change: &Tx<'_>, version: &Version) -> Result<(), DirectoryError> {
    let add = "INSERT INTO version (version, migrations) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    change.execute(add, &[version.hash.as_str().into(), version.migrations.join("\n").into()])?;
    Ok(())
}
