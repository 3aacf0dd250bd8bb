//! Structs that can't be models.

use tenantry_db::model::{Auto, Model};

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct WithoutKey {
    title: String,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct TwoKeys {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(primary_key)]
    other: i64,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct AutoNotKey {
    #[field(primary_key)]
    id: i64,
    number: Auto<i64>,
}

#[derive(Model)]
#[model(crate = "tenantry_db")]
struct WithoutApp {
    #[field(primary_key)]
    id: Auto<i64>,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct Tuple(i64);

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
enum Either {
    One,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct Generic<T> {
    #[field(primary_key)]
    id: T,
}

fn main() {}
