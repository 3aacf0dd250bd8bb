//! What a program brings (models, migrations) made into a history that was checked: only such a one is applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builtin;
use super::check::{BrokenRule, check, check_model};
use super::checksum::{Description, checksum};
use super::operation::{Migration, MigrationId};
use crate::model::ModelMeta;

/// What an application brings. Tenantry's own migrations come before it by themselves.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Its models: each gets its content type and its permissions in every tenant's data.
    pub models: Vec<&'static ModelMeta>,
    /// Its migrations, in the order in which they are applied.
    pub migrations: Vec<Migration>,
}

/// Tenantry's own migrations and the application's, each name and each operation of them checked.
#[derive(Debug)]
pub struct History {
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) models: Vec<&'static ModelMeta>,
    version: String,
}

/// A migration that was checked, with its checksum.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) migration: Migration,
    pub(super) id: MigrationId,
    pub(super) checksum: String,
}

/// Raised when what an application registers can't be a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Two migrations, or two models, have the same application and name.
    #[error("{0} is registered twice")]
    Twice(MigrationId),
    /// A migration or a model is under an application's name that Tenantry or Django has taken.
    #[error("{0} can't be registered: its application's name is taken by Tenantry itself")]
    AppTaken(MigrationId),
    /// A migration or a model breaks a rule.
    #[error("{of}: {rule}")]
    Broken {
        /// The migration or the model.
        of: MigrationId,
        /// The rule.
        rule: BrokenRule,
    },
}

impl History {
    /// Checks what an application registers, and puts Tenantry's own migrations before it.
    ///
    /// # Errors
    /// Raised when a name is not one, an operation breaks a rule, or something is registered twice.
    pub fn new(registry: Registry) -> Result<Self, RegistryError> {
        for model in &registry.models {
            refuse_taken(&model_id(model))?;
            check_model(model).map_err(|rule| RegistryError::Broken { of: model_id(model), rule })?;
        }
        for migration in &registry.migrations {
            refuse_taken(&migration.id())?;
            check(migration).map_err(|rule| RegistryError::Broken { of: migration.id(), rule })?;
        }
        let models = registry.models;
        refuse_twice(models.iter().map(|model| model_id(model)))?;
        refuse_twice(registry.migrations.iter().map(Migration::id))?;
        let entries: Vec<_> = builtin::migrations()
            .into_iter()
            .chain(registry.migrations)
            .map(Entry::new)
            .map(Arc::new)
            .collect();
        let version = version(&entries, &models);
        Ok(Self { entries, models, version })
    }

    /// One hash over every migration and every model: the version of a tenant's data to which all was applied.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every migration in the order in which they are applied.
    pub fn migrations(&self) -> impl Iterator<Item = &MigrationId> {
        self.entries.iter().map(|entry| &entry.id)
    }
}

impl Entry {
    fn new(migration: Migration) -> Self {
        Self { id: migration.id(), checksum: checksum(&migration), migration }
    }
}

fn model_id(model: &ModelMeta) -> MigrationId {
    MigrationId { app: model.app.to_owned(), name: model.name.to_owned() }
}

fn refuse_taken(id: &MigrationId) -> Result<(), RegistryError> {
    if builtin::APPS.contains(&id.app.as_str()) { Err(RegistryError::AppTaken(id.clone())) } else { Ok(()) }
}

fn refuse_twice(ids: impl Iterator<Item = MigrationId>) -> Result<(), RegistryError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id.clone()) {
            return Err(RegistryError::Twice(id));
        }
    }
    Ok(())
}

fn version(entries: &[Arc<Entry>], models: &[&'static ModelMeta]) -> String {
    let migrations = entries.iter().fold(Description::new("tenantry version 1"), |to, entry| {
        to.text("migration").text(&entry.id.app).text(&entry.id.name).text(&entry.checksum)
    });
    let mut names: Vec<_> = models.iter().map(|model| (model.app, model.name)).collect();
    names.sort_unstable();
    names.iter().fold(migrations, |to, (app, name)| to.text("model").text(app).text(name)).finish()
}
