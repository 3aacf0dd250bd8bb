//! What goes wrong in a multi-tenant Django project, thirteen things, each as the promise that it does not here: a
//! module for each kind, a test for each thing, and in each what must not happen.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod hosts;
mod ids;
mod places;
mod requests;
mod site;
