//! A field of a type that no column holds.

use tenantry_db::model::{Auto, Model};

struct Money;

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    price: Money,
}

fn main() {}
