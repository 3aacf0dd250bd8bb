//! The template of a new tenant's data: a file to which every migration was applied, copied instead of applied again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;

use tenantry_core::{OpaqueName, TenantId};

use super::files::{self, FileError};
use super::owner::OwnerLock;
use crate::Instance;
use crate::migrate::{ApplyError, apply};
use crate::sqlite::{DataFile, FileLock, create_private, open_exclusively, write_back};

/// Raised when the template of new tenants can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A migration failed.
    #[error("the migrations can't be applied to an empty database: {0}")]
    Migrate(#[from] ApplyError),
    /// The template's file can't be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// SQLite refused.
    #[error("the template of new tenants can't be made")]
    Database(#[from] rusqlite::Error),
}

/// The key under which the template is open while it is made: no tenant has it.
pub(super) const TEMPLATE: TenantId = TenantId::new(-1);

impl Instance {
    /// The template for the history at hand, made when it is not there. It is read as a whole, so that it does not matter
    /// when another process, of another version, removes it meanwhile.
    pub(super) async fn template(&self) -> Result<Arc<[u8]>, TemplateError> {
        let template = self.0.places.template().join(file_name(self.0.history.version()));
        let _one_at_a_time = self.0.template.lock().await;
        loop {
            match std::fs::read(&template) {
                Ok(content) => return Ok(content.into()),
                Err(error) if error.kind() == ErrorKind::NotFound => self.make_template(&template).await?,
                Err(error) => return Err(FileError::new(&template, "read")(error).into()),
            }
        }
    }

    async fn make_template(&self, template: &Path) -> Result<(), TemplateError> {
        let building = Building::new(&self.0.places.template(), &self.0.places.journal())?;
        let file = Arc::new(DataFile::new(TEMPLATE, building.path.clone(), building.lock.clone()));
        let applied = apply(&self.sqlite_store(file), None, &self.0.history).await;
        self.0.pool.close(TEMPLATE).await;
        applied?;
        // The pool may have evicted it, and a thread may only now be writing its log back.
        let _closed =
            files::let_go(&building.lock).await.map_err(|error| files::lock_failed(&building.lock, error))?;
        write_back(&building.path)?;
        std::fs::File::open(&building.path)
            .and_then(|built| built.sync_all())
            .map_err(FileError::new(&building.path, "written"))?;
        std::fs::rename(&building.path, template).map_err(FileError::new(template, "made"))?;
        Ok(files::sync_folders_of([template])?)
    }
}

/// A template that is being made; what is left of it is removed in the end.
struct Building {
    path: PathBuf,
    lock: PathBuf,
    _owner: OwnerLock,
}

impl Building {
    fn new(folder: &Path, journal: &Path) -> Result<Self, TemplateError> {
        let owner = OwnerLock::new(journal)?;
        let path = folder.join(format!("{}.part", owner.name()));
        let lock = path.with_extension("lock");
        drop(FileLock::create(&lock).map_err(|error| files::lock_failed(&lock, error))?);
        let building = Self { path, lock, _owner: owner };
        // Tenants' files get its permissions, and those are none for anyone else.
        create_private(&building.path).map_err(FileError::new(&building.path, "made"))?;
        let db = open_exclusively(&building.path, false)?;
        db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
        Ok(building)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if let Err(error) = files::remove_tenant(&self.path, &self.lock) {
            tracing::warn!(%error, "a half-made template is left over; reconcile removes it");
        }
    }
}

/// Removes what is left of templates whose makers are gone.
pub(super) fn sweep_unfinished(folder: &Path, journal: &Path) -> Result<(), FileError> {
    for name in names(folder)? {
        let Some((owner, kind)) = name.split_once('.') else { continue };
        let Ok(owner) = owner.parse::<OpaqueName>() else { continue };
        if kind == "db" {
            continue;
        }
        if let Some(_owner) = OwnerLock::succeed(journal, &owner)? {
            files::remove_tenant(
                &folder.join(format!("{owner}.part")),
                &folder.join(format!("{owner}.lock")),
            )?;
        }
    }
    Ok(())
}

/// Removes the templates of other versions. A process of such a version that still runs makes its own anew when it needs
/// it.
pub(super) fn sweep_old(folder: &Path, version: &str) -> Result<(), FileError> {
    let of_a_version = |name: &str| {
        let other = name.strip_suffix(".db").map(str::as_bytes);
        other.is_some_and(|other| other.len() == version.len() && HEXLOWER.decode(other).is_ok())
    };
    let old = names(folder)?.into_iter().filter(|name| of_a_version(name) && *name != file_name(version));
    let old: Vec<_> = old.map(|name| folder.join(name)).collect();
    old.iter().try_for_each(|template| files::remove(template))?;
    files::sync_folders_of(old.iter().map(PathBuf::as_path))
}

fn file_name(version: &str) -> String {
    format!("{version}.db")
}

fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let listed = std::fs::read_dir(folder).map_err(FileError::new(folder, "read"))?;
    let names: Result<Vec<_>, _> = listed.map(|entry| Ok(entry?.file_name())).collect();
    // What is no text is not ours.
    let names = names.map_err(FileError::new(folder, "read"))?.into_iter();
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}
