//! Conditions that name another model's column, or ask of a column what its type has not.

use tenantry_db::TenantDb;
use tenantry_db::model::{Auto, Model};

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    title: String,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct Link {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(references(Note), on_delete = cascade)]
    note_id: String,
}

struct NotAModel;

fn queries(db: &TenantDb) {
    let _ = db.query::<Note>().filter(Link::ID.eq(1));
    let _ = Note::ID.contains("x");
    let _ = db.query::<NotAModel>();
}

fn main() {}
