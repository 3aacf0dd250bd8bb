//! Attributes that do not agree with the field's type.

use tenantry_db::model::{Auto, Model};

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct DigitsWithoutDecimal {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(digits = 12, places = 2)]
    price: f64,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct LengthOfNumber {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 5)]
    number: i64,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct NullKey {
    #[field(primary_key)]
    id: Option<i64>,
}

#[derive(Model)]
#[model(app = "notes", crate = "tenantry_db")]
struct SetNullWithoutOption {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(references = "auth_user", on_delete = set_null)]
    owner_id: i64,
}

fn main() {}
