//! `cargo xtask test`: every test there is, with what they need.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::columns::Columns;
use crate::echo::Echo;
use crate::postgres::{self, CONNECTIONS, Servers};
use crate::{browser, python, tools};

/// Runs the unit, integration and documentation tests of every crate.
///
/// # Errors
/// Raised when what the tests need can't be had, or cargo can't be started.
pub(crate) fn run(args: &[String]) -> Result<ExitCode, String> {
    let python = python::for_tests()?;
    tools::end_last()?;
    let driver = browser::driver()?;
    let servers = Servers::start(&python, CONNECTIONS)?;
    let started = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(cargo_args(args)).current_dir(tools::root());
    cargo
        .env(python::VARIABLE, python)
        .env(browser::VARIABLE, driver)
        .env(postgres::VARIABLE, servers.urls())
        .env(postgres::BOUNCED, servers.bounced_urls())
        .env(postgres::PSQL, servers.psql());
    let mut columns = Columns::default();
    let mut echo = Echo::new()?;
    let status = tools::status_by_line(&mut cargo, |line| {
        echo.line(line);
        columns.note(line);
    })?;
    echo.end()?;
    if !columns.is_empty() {
        println!("{columns}");
    }
    // Whoever chooses among the tests may leave some out.
    let missing = if args.is_empty() { columns.missing() } else { Vec::new() };
    missing.iter().for_each(|missing| println!("{missing}"));
    let verdict = if status.success() && missing.is_empty() { "passed" } else { "failed" };
    println!("cargo xtask test: {verdict} in {:.1} s, builds included", started.elapsed().as_secs_f64());
    Ok(if missing.is_empty() { tools::exit_code(status) } else { ExitCode::FAILURE })
}

/// The whole workspace, unless the user chose among its crates; and all failures, not only the first crate's.
fn cargo_args(own: &[String]) -> Vec<&str> {
    let mut args = vec!["test", "--no-fail-fast"];
    let mut for_cargo = own.iter().take_while(|arg| *arg != "--");
    if !for_cargo.any(|arg| arg.starts_with("-p") || arg.starts_with("--package")) {
        args.push("--workspace");
    }
    args.extend(own.iter().map(String::as_str));
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_tested_unless_a_crate_is_chosen() {
        assert_eq!(cargo_args(&[]), ["test", "--no-fail-fast", "--workspace"]);
        assert_eq!(
            cargo_args(&words("status -- --nocapture -p")),
            ["test", "--no-fail-fast", "--workspace", "status", "--", "--nocapture", "-p"]
        );
        for choice in ["-p xtask", "-pxtask", "--package xtask", "--package=xtask"] {
            assert!(!cargo_args(&words(choice)).contains(&"--workspace"), "{choice}");
        }
    }
}
