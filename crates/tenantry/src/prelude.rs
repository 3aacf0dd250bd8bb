//! What an application's author needs every day: `use tenantry::prelude::*;`.

pub use jiff::Timestamp;
pub use rust_decimal::Decimal;
pub use tenantry_core::{HostName, Slug, Tenant};
pub use tenantry_db::migrate::{Column, Migration, Sql, Table};
pub use tenantry_db::model::{Auto, Model, OnDelete, QueryError};
pub use tenantry_db::{Instance, TenantDb};
pub use tenantry_web::admin::Admin;
pub use tenantry_web::http::{Failure, Refusal};
pub use uuid::Uuid;

pub use crate::App;
