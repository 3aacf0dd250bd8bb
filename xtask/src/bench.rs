//! `cargo xtask bench`: builds both sides of the benchmark as they are shipped, and runs it.

use std::process::{Command, ExitCode};

use crate::postgres::{CONNECTIONS, Servers};
use crate::{python, tools};

/// Debian's packages, which bear the names of their programs, and what for.
const PROGRAMS: [(&str, &str); 2] =
    [("wrk", "wrk, which makes the load,"), ("valgrind", "valgrind, which counts instructions,")];

/// The connections of the server on which each of 1,000 tenants has a database.
const FEW: u16 = 50;

/// Builds the benchmark and runs it with `args`, which `cargo xtask bench --help` tells.
///
/// # Errors
/// Raised when a program that it needs is missing and can't be installed, or the build fails.
pub(crate) fn run(args: &[String]) -> Result<ExitCode, String> {
    tools::end_last()?;
    for (program, what_for) in PROGRAMS {
        if !tools::is_installed(program) {
            tools::install(program, what_for)?;
        }
    }
    let root = tools::root();
    let build = ["build", "--release", "--locked", "--package", "tenantry-bench"];
    tools::run(Command::new("cargo").args(build).current_dir(&root))?;
    let connections = if args.first().is_some_and(|part| part == "databases") { FEW } else { CONNECTIONS };
    let servers = Servers::start(&python::for_tests()?, connections)?;
    let mut bench = Command::new(root.join("target/release/tenantry-bench"));
    let status =
        tools::status(bench.args(args).env("TENANTRY_BENCH_POSTGRES", servers.url()).current_dir(&root))?;
    Ok(tools::exit_code(status))
}
