//! Where each tenant's data stands, as the directory says: no tenant's data is asked.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tenantry_core::{TenantId, TenantRecord};

use super::migrate::is_whole;
use crate::Instance;
use crate::directory::{DirectoryError, Noted, Version};

/// Where a tenant's data stands to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has all that this program brings.
    UpToDate,
    /// It lacks a migration of this program, or the rights that belong to its models.
    Behind,
    /// A program that knows migrations which this one does not know was the last to bring it up to date.
    Ahead,
    /// Its data was never asked, or by a program of which the directory does not know the migrations.
    Unknown,
}

/// What the directory says of one tenant's data.
#[derive(Clone, Debug)]
pub struct Known {
    /// The tenant.
    pub tenant: Arc<TenantRecord>,
    /// Where its data stands.
    pub standing: Standing,
    /// Its version: the hash of a program's history.
    pub version: Option<String>,
    /// The last migration of that history, where the directory knows it.
    pub last: Option<String>,
    /// The migrations of this program that it lacks, in their order.
    pub missing: Vec<String>,
    /// When this was written; `None` where nothing is known, or since before that was kept.
    pub noted: Option<Timestamp>,
}

impl Instance {
    /// Where the data of every tenant stands, by id, as the directory says: what is written there is what was true when
    /// somebody last asked the data, and the truth stands beside the data. Half-made tenants are left out.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn standings(&self) -> Result<Vec<Known>, DirectoryError> {
        let noted = self.0.directory.noted_versions().await?;
        let record = |id: TenantId| self.0.directory.record_by_id(id).filter(is_whole);
        let here = self.version();
        Ok(noted.into_iter().filter_map(|noted| Some(known(&here, record(noted.tenant)?, noted))).collect())
    }
}

/// What is known of a tenant, by the side of this program's own version.
fn known(here: &Version, tenant: Arc<TenantRecord>, noted: Noted) -> Known {
    let Noted { version, migrations, at, .. } = noted;
    let has: HashSet<&str> = migrations.iter().flatten().map(String::as_str).collect();
    let standing = match &migrations {
        _ if version.as_ref() == Some(&here.hash) => Standing::UpToDate,
        None => Standing::Unknown,
        Some(there) if there.iter().all(|migration| here.migrations.contains(migration)) => Standing::Behind,
        Some(_) => Standing::Ahead,
    };
    let lacks = matches!(standing, Standing::Behind | Standing::Ahead);
    let missing = here.migrations.iter().filter(|migration| lacks && !has.contains(migration.as_str()));
    Known {
        standing,
        missing: missing.cloned().collect(),
        last: migrations.as_ref().and_then(|migrations| migrations.last().cloned()),
        tenant,
        version,
        noted: at,
    }
}
