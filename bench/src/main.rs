//! The benchmark: starts both sides, lets wrk ask them in turn, times commands on a fleet, prints what came out.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who typed the command")]

mod data;
mod fleet;
mod instructions;
mod load;
mod machine;
mod notes;
mod postgres;
mod rates;
mod report;
mod server;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::data::Data;
use crate::rates::Sides;
use crate::report::Report;

/// Anything that keeps a figure from being had: the person who measures reads it, and nobody acts on its kind.
type Fault = Box<dyn Error>;

/// Compares Tenantry with the same handlers on one SQLite file and no tenancy, and times what commands do to a fleet.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Apart>,

    /// What to measure; everything when nothing is named.
    #[arg(value_name = "PART")]
    parts: Vec<Part>,

    /// How many rounds, each of which asks both sides.
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(3..))]
    rounds: u16,

    /// How long each side is asked in a round.
    #[arg(long, default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,

    /// Writes the results to bench/RESULTS.md too: all of them, so it goes with no part.
    #[arg(long, conflicts_with = "parts")]
    write: bool,
}

/// What takes too long to be measured with everything else.
#[derive(Subcommand)]
enum Apart {
    /// 1,000 tenants with a PostgreSQL database each, on a server with room for 50 connections: none of it fails.
    Databases {
        /// For how long they are asked.
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..=60))]
        minutes: u16,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// GET /notes over 100 tenants.
    Reads,
    /// The same, with a POST in ten requests.
    Writes,
    /// GET /notes over 100 tenants while another runs one slow report after the other.
    Scan,
    /// The first request of a tenant whose file is not open.
    Cold,
    /// The processor's instructions for one GET /notes.
    Instructions,
    /// Commands on 1,000 and 10,000 tenants.
    Fleet,
    /// GET /notes over 80 tenants on PostgreSQL in each isolation.
    Postgres,
    /// 1,000 tenants, each with a PostgreSQL schema of its own: made, asked, migrated.
    Schemas,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything that was measured is as it was asked for.
async fn run(args: &Args) -> Result<bool, Fault> {
    if let Some(Apart::Databases { minutes }) = args.command {
        let mut report = Report::default();
        postgres::measure_databases(&postgres::Place::prepare().await?, minutes, &mut report).await?;
        report.print();
        return Ok(report.all_met());
    }
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    let mut report = Report::default();
    // Before anything else has warmed the machine's caches with other files than its own.
    if wanted(Part::Fleet) {
        fleet::measure(&mut report)?;
    }
    if wanted(Part::Postgres) || wanted(Part::Schemas) {
        let place = postgres::Place::prepare().await?;
        if wanted(Part::Postgres) {
            postgres::measure(&place, args.rounds, args.seconds, &mut report).await?;
        }
        if wanted(Part::Schemas) {
            postgres::measure_schemas(&place, args.rounds, args.seconds, &mut report).await?;
        }
    }
    let apart = [Part::Fleet, Part::Postgres, Part::Schemas];
    if Part::value_variants().iter().any(|part| !apart.contains(part) && wanted(*part)) {
        let data = Data::prepare().await?;
        if wanted(Part::Cold) {
            fleet::cold(&data, &mut report).await?;
        }
        if wanted(Part::Instructions) {
            instructions::measure(&data, &mut report).await?;
        }
        if [Part::Reads, Part::Writes, Part::Scan].into_iter().any(wanted) {
            let sides = Sides::start(&data, args.rounds, args.seconds)?;
            if wanted(Part::Reads) {
                sides.reads(&mut report)?;
            }
            if wanted(Part::Scan) {
                sides.scan(&mut report)?;
            }
            if wanted(Part::Writes) {
                sides.writes(&mut report)?;
            }
        }
    }
    report.print();
    if args.write {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        std::fs::write(file, report.markdown(args.rounds, args.seconds)?)?;
    }
    Ok(report.all_met())
}
