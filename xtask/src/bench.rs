//! `cargo xtask bench`: the benchmark, built for speed, with its load generator.

use std::process::{Command, ExitCode};

use crate::tools;

/// Runs the benchmark.
///
/// # Errors
/// Raised when the load generator is missing and can't be installed, or cargo can't be started.
pub(crate) fn run(args: &[String]) -> Result<ExitCode, String> {
    if !tools::is_installed("wrk") {
        tools::install("wrk", "wrk, the load generator,")?;
    }
    let status = tools::status(
        Command::new("cargo")
            .args(["run", "--release", "--package", "tenantry-bench", "--"])
            .args(args)
            .current_dir(tools::root()),
    )?;
    Ok(tools::exit_code(status))
}
