//! The processor's instructions for one `GET /notes`, counted by callgrind: a figure that no other program's load moves.
//!
//! The ceiling's keeps the comparison honest: whoever makes the ceiling slower, to look better beside it, is seen here.

use std::fs;
use std::path::Path;

use reqwest::Client;

use crate::Fault;
use crate::data::{Data, TENANTS, host_of, slug_of};
use crate::report::Report;
use crate::server::{Server, Side, under_callgrind};

/// The requests of the two runs whose counts are subtracted, so that start and end fall out. Both open every file.
const FEW: usize = 2 * TENANTS;
const MANY: usize = 12 * TENANTS;

/// Counts for both sides.
pub(crate) async fn measure(data: &Data, report: &mut Report) -> Result<(), Fault> {
    let tenants = per_request(Side::Tenants, data).await?;
    let ceiling = per_request(Side::Ceiling, data).await?;
    report
        .note(format!("Instructions per GET /notes: {tenants} over 100 tenants, {ceiling} of the ceiling."));
    Ok(())
}

async fn per_request(side: Side, data: &Data) -> Result<u64, Fault> {
    let few = count(side, data, FEW).await?;
    let many = count(side, data, MANY).await?;
    Ok(many.saturating_sub(few) / (MANY - FEW) as u64)
}

/// The instructions of a whole run with so many requests, one after the other on one connection.
async fn count(side: Side, data: &Data, requests: usize) -> Result<u64, Fault> {
    eprintln!("counting the instructions of {requests} requests");
    let counts = data.tenants().join("callgrind.out");
    let server = Server::start(under_callgrind(&side.command(data)?, &counts))?;
    let client = Client::new();
    for number in 0..requests {
        server.ask(&client, &host_of(&slug_of(number % TENANTS + 1))).await?;
    }
    drop(client);
    server.stop()?;
    total(&counts)
}

fn total(counts: &Path) -> Result<u64, Fault> {
    let text = fs::read_to_string(counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"));
    Ok(total.ok_or("callgrind did not count")?.trim().parse()?)
}
