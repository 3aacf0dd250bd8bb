//! The library that applications depend on.

pub mod cli;
pub mod config;
