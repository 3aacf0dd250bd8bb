//! The data layer through its door, on real files.

mod crud;
mod errors;
mod kinds;
mod transactions;

use std::sync::Arc;

use tempfile::TempDir;
use tenantry_core::{Alias, Placement, Status, Tenant, TenantId, TenantRecord};

use super::{Gate, TenantDb};
use crate::model::{Auto, Model};
use crate::sqlite::{DataFile, Pool};

/// A note, as an application would have it.
#[derive(Model, Clone, Debug, PartialEq)]
#[model(app = "notes", crate = "crate", ordering("-id"), unique_together("title", "state"))]
pub(super) struct Note {
    #[field(primary_key)]
    pub(super) id: Auto<i64>,
    #[field(max_length = 20, help_text = "What it is about")]
    pub(super) title: String,
    #[field(default = "draft", choices("draft" = "Draft", "done" = "Done"))]
    pub(super) state: String,
    pub(super) body: Option<String>,
}

const NOTES: &str =
    "CREATE TABLE notes_note (id INTEGER PRIMARY KEY AUTOINCREMENT, title varchar(20) NOT NULL,
    state text NOT NULL, body text, CONSTRAINT short CHECK (length(body) < 1000), UNIQUE (title, state))";

/// A door to a file that holds the table of notes, and the folder that the file is in.
pub(super) async fn door() -> (TempDir, TenantDb) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.sqlite3");
    let placement = Placement::Claimed { database: "default".parse::<Alias>().unwrap() };
    let record = TenantRecord {
        id: TenantId::new(1),
        slug: "acme".parse().unwrap(),
        name: "Acme".to_owned(),
        status: Status::Active,
        domains: Vec::new(),
        placement,
    };
    let tenant = Tenant::from_record(Arc::new(record)).unwrap();
    let file = DataFile::for_test(tenant.id(), path);
    let db = TenantDb::new(tenant, Arc::new(file), Arc::new(Gate::unguarded()), Pool::for_test());
    db.raw_execute(NOTES, vec![]).await.unwrap();
    (folder, db)
}

/// A note that is not stored yet.
pub(super) fn note(title: &str) -> Note {
    Note { id: Auto::unset(), title: title.to_owned(), state: "draft".to_owned(), body: None }
}
