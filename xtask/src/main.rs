//! The repository's own commands: `cargo xtask test`, `cargo xtask bench` and `cargo xtask tidy`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these commands talk to the person who typed them"
)]

mod bench;
mod browser;
mod columns;
mod echo;
mod postgres;
mod python;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [ARGS]   every test there is, with what they need; ARGS go to `cargo test`
  bench [ARGS]  the benchmark, release build included; `bench --help` tells its ARGS
  tidy          the repository's own rules";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("test", rest)) => test::run(rest),
        Some(("bench", rest)) => bench::run(rest),
        Some(("tidy", [])) => tidy::run(),
        Some(("help" | "--help" | "-h", _)) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::FAILURE
    })
}
