//! Attributes that are not known, malformed, repeated, or lack another one.

use tenantry_db::model::{Auto, Model};

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db", orderings("-id"))]
struct UnknownOnModel {
    #[field(primary_key)]
    id: Auto<i64>,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct OnFields {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_len = 5)]
    title: String,
    #[field(unique, unique)]
    twice: String,
    #[field(references = "auth_user")]
    owner_id: i64,
    #[field(on_delete = cascade)]
    nothing_id: i64,
    #[field(digits = 5)]
    price: i64,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct NotADefault {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(default = String::new())]
    title: String,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db", ordering("-created"))]
struct OrderedByNothing {
    #[field(primary_key)]
    id: Auto<i64>,
}

fn main() {}
