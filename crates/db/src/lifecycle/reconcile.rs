//! Ends what a process that is gone has left half done: each such change is then done, or never happened.

use std::fs;

use serde::Serialize;
use tenantry_core::{OpaqueName, Slug, TenantId, TenantRecord};

use super::files::FileError;
use super::owner::OwnerLock;
use super::purge::PurgeError;
use super::template;
use crate::Instance;
use crate::directory::{DirectoryError, Entry, Operation, UnreadableEntry};

/// What was found half done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Tenants that were being made: they are gone.
    pub undone: Vec<Slug>,
    /// Tenants that were being purged: they are gone.
    pub purged: Vec<Slug>,
    /// Tenants whose change can't be ended just now, by slug or, where that can't be read, by number; and why not.
    pub left: Vec<(String, String)>,
}

/// Raised when the instance can't be looked through.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A file can't be looked at or removed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Instance {
    /// Ends every change whose maker is gone. Changes that are under way in a living process are left alone.
    ///
    /// # Errors
    /// Raised when the directory or the data folder can't be used. A single change that can't be ended is no error,
    /// but part of the answer.
    pub async fn reconcile(&self) -> Result<Reconciled, ReconcileError> {
        let mut reconciled = Reconciled::default();
        let journal = self.0.places.journal();
        for entry in self.0.directory.journal().await? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(UnreadableEntry { tenant, why }) => {
                    reconciled.left.push((self.name_of(tenant), why));
                    continue;
                }
            };
            let Some(_owner) = self.succeed::<ReconcileError>(&entry).await? else { continue };
            self.end(&entry, &mut reconciled).await;
        }
        let templates = self.0.places.template();
        template::sweep_unfinished(&templates, &journal)?;
        // What is under way is compared with its template when it is taken back.
        if self.0.directory.journal().await?.is_empty() {
            template::sweep_old(&templates, self.0.history.version())?;
        }
        self.sweep_database_templates().await;
        for listed in fs::read_dir(&journal).map_err(FileError::new(&journal, "read"))? {
            let name = listed.map_err(FileError::new(&journal, "read"))?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.parse::<OpaqueName>().ok()) {
                // Dropped at once: a lock file whose owner is gone goes with it.
                drop(OwnerLock::succeed(&journal, &name)?);
            }
        }
        Ok(reconciled)
    }

    /// A tenant's slug, or its number where that can't be read.
    fn name_of(&self, id: TenantId) -> String {
        let directory = &self.0.directory;
        let slug = directory.record_by_id(id).map(|record| record.slug.to_string());
        let unreadable = || directory.unreadable().into_iter().find(|unreadable| unreadable.id == id);
        slug.or_else(|| Some(unreadable()?.to_string())).unwrap_or_else(|| format!("tenant number {id}"))
    }

    async fn end(&self, entry: &Entry, reconciled: &mut Reconciled) {
        let Some(record) = self.0.directory.record_by_id(entry.tenant) else {
            let unreadable = self.0.directory.unreadable();
            let whose = unreadable.into_iter().find(|unreadable| unreadable.id == entry.tenant);
            reconciled.left.extend(whose.map(|whose| (whose.to_string(), whose.why.clone())));
            return;
        };
        let slug = record.slug.clone();
        match (self.end_entry(entry, &record).await, entry.operation) {
            (Err(error), _) => {
                tracing::warn!(%error, %slug, "a change of this tenant can't be ended just now");
                reconciled.left.push((slug.to_string(), error.to_string()));
            }
            (Ok(()), Operation::Create) => reconciled.undone.push(slug),
            (Ok(()), Operation::Purge) => reconciled.purged.push(slug),
        }
    }

    async fn end_entry(&self, entry: &Entry, record: &TenantRecord) -> Result<(), PurgeError> {
        if self.is_elsewhere::<PurgeError>(record.id, &record.placement).await? {
            return Err(PurgeError::Elsewhere);
        }
        match entry.operation {
            Operation::Create => Ok(self.undo_create(record.id, &record.placement, entry.existed).await?),
            Operation::Purge => self.end_purge(record.id, &record.placement).await,
        }
    }
}
