//! One running instance serves many tenants, each with its own users, data and host name, none ever seeing another's.
//!
//! [`App`] is where an application begins: it brings models, migrations and routes, and gets a whole server and its
//! command line. Handlers take a [`Tenant`](tenantry_core::Tenant) and a [`TenantDb`](tenantry_db::TenantDb), the only
//! door to that tenant's data.

/// The README's application must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// So must the one that says what the admin is to show.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/admin.md")]
mod admin_guide {}

mod app;
pub mod cli;
mod commands;
pub mod config;
pub mod prelude;

pub use app::App;
pub use axum;
pub use tenantry_core as core;
pub use tenantry_db as db;
pub use tenantry_web as web;

/// Models: what `#[derive(Model)]` in an application writes refers to this.
pub use tenantry_db::model;
