//! The REST API of the instance: `GET /api/tenants`, in the form that its first clients know.

mod basic;
mod form;
mod reply;
mod tenants;

pub use tenants::{TenantsAccess, TenantsApi};
