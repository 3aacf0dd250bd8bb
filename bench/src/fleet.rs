//! What commands take on a fleet, and a tenant's first request.

use std::time::Instant;

use reqwest::Client;

use crate::Fault;
use crate::data::{self, Data, TENANTS, host_of, slug_of};
use crate::report::{Report, Spread};
use crate::server::{Server, Side};

/// Seconds for 1,000 new tenants, at most.
const MOST_CREATE: f64 = 5.0;
/// Seconds for a migration of 10,000 tenants that has nothing to do, at most.
const MOST_MIGRATE: f64 = 1.0;
/// Milliseconds for the first request of a tenant, at most.
const MOST_COLD: f64 = 5.0;

/// How often each command is timed.
const TIMES: usize = 3;

/// `tenant create --from` and `migrate`.
pub(crate) fn measure(report: &mut Report) -> Result<(), Fault> {
    let mut created = Vec::new();
    for _ in 0..TIMES {
        eprintln!("making 1,000 tenants");
        let folder = data::folder()?;
        created.push(data::create(folder.path(), 1_000)?.as_secs_f64());
    }
    let created = Spread::of(created);
    let met = created.median < MOST_CREATE;
    report.line(
        "1,000 tenants by `tenant create --from`",
        "under 5 s",
        format!("{} s", created.show(2)),
        met,
    );

    eprintln!("making 10,000 tenants");
    let folder = data::folder()?;
    data::create(folder.path(), 10_000)?;
    let mut migrated = Vec::new();
    for _ in 0..TIMES {
        migrated.push(data::finish(data::program(folder.path()).arg("migrate"))?.as_secs_f64());
    }
    let migrated = Spread::of(migrated);
    let met = migrated.median < MOST_MIGRATE;
    report.line(
        "`migrate` of 10,000 with nothing to do",
        "under 1 s",
        format!("{} s", migrated.show(3)),
        met,
    );
    Ok(())
}

/// The first request of each tenant after the server's start: its file is opened then.
pub(crate) async fn cold(data: &Data, report: &mut Report) -> Result<(), Fault> {
    let server = Server::start(Side::Tenants.command(data)?)?;
    let client = Client::new();
    // The connection is there already when the first tenant is asked for: a host that is nobody's is refused.
    let _ = server.ask(&client, "nobody.bench.test").await;
    let mut took = Vec::with_capacity(TENANTS);
    for number in 1..=TENANTS {
        let host = host_of(&slug_of(number));
        let begun = Instant::now();
        server.ask(&client, &host).await?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    server.stop()?;
    let took = Spread::of(took);
    let met = took.median < MOST_COLD;
    report.line("first request of a tenant", "under 5 ms (median)", format!("{} ms", took.show(2)), met);
    Ok(())
}
