//! Tenantry over HTTP: the accept loop, the way from a host name to a tenant, sign-in.

pub mod admin;
pub mod auth;
pub mod http;
pub mod rest;
