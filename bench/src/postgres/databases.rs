//! A thousand tenants with a database each, on a server that has room for 50 connections: nobody is ever told that there are
//! too many clients.

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Client;

use super::place::{Group, Place};
use crate::Fault;
use crate::load::{self, Seen};
use crate::report::Report;
use crate::server::Server;

/// The server lets 50 in, 3 of whom must be superusers: the role that serves leaves a few for its owner's.
const GROUP: Group = Group { name: "databases", isolation: "database", tenants: 1_000, connections: 40 };

/// The server's `max_connections`, as the command that starts it has it.
const MOST: i64 = 50;

/// Of a hundred requests so many add a note.
const WRITES: u32 = 10;

/// How often the server's connections are counted.
const LOOK: Duration = Duration::from_millis(100);

/// Asks all tenants in a random order for some minutes.
pub(crate) async fn measure(place: &Place, minutes: u16, report: &mut Report) -> Result<(), Fault> {
    let client = place.client("postgres").await?;
    let most: String = client.query_one("SHOW max_connections", &[]).await?.get(0);
    if most != MOST.to_string() {
        return Err(format!("the server has max_connections={most}, and it is to be {MOST}").into());
    }
    let took = place.make(&GROUP).await?;
    report.note(format!("1,000 databases were made in {:.0} s.", took.as_secs_f64()));
    let metrics = free_address()?;
    let mut serve = place.serve(&GROUP, place.address());
    serve.env("METRICS_LISTEN", &metrics);
    let server = Server::start(serve)?;
    eprintln!("asking 1,000 tenants for {minutes} minutes");
    let (seen, peak) = ask(&client, &server, minutes).await?;
    let text = reqwest::get(format!("http://{metrics}/metrics")).await?.text().await?;
    server.stop()?;
    tell(report, seen, peak, &text)
}

/// What the requests came to, and the most connections that the server had meanwhile.
async fn ask(client: &Client, server: &Server, minutes: u16) -> Result<(Seen, i64), Fault> {
    let address = server.address().to_owned();
    let asking = move || {
        let seen = load::press(&address, minutes * 60, WRITES, GROUP.tenants);
        seen.map_err(|fault| fault.to_string())
    };
    let mut asking = tokio::task::spawn_blocking(asking);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (sql, mut peak) = ("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", 0);
    let count = client.prepare(sql).await?;
    loop {
        tokio::select! {
            seen = &mut asking => return Ok((seen??, peak)),
            _ = looks.tick() => peak = peak.max(client.query_one(&count, &[]).await?.get(0)),
        }
    }
}

fn tell(report: &mut Report, seen: Seen, peak: i64, metrics: &str) -> Result<(), Fault> {
    let what = "1,000 databases, max_connections=50";
    let figure = |name: &str| -> Result<u64, Fault> {
        let name = format!("tenantry_postgres_{name}");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '));
        Ok(line.ok_or_else(|| format!("{name} is not measured"))?.parse()?)
    };
    let of_role =
        |name: &str, more: &str| figure(&format!("{name}{{server=\"main\",role=\"serving\"{more}}}"));
    let failed = format!("{} of {}", seen.failed, seen.requests);
    report.line(format!("{what}: requests that failed"), "none", failed, seen.failed == 0);
    let refused = of_role("connects_total", ",outcome=\"failed\"")?;
    let opened = of_role("connects_total", ",outcome=\"opened\"")?;
    let connects = format!("{refused} of {}", refused + opened);
    report.line(format!("{what}: connections that failed to open"), "none", connects, refused == 0);
    report.line(
        format!("{what}: connections at a time"),
        format!("at most {MOST}"),
        peak.to_string(),
        peak <= MOST,
    );
    let milliseconds = |microseconds: u32| f64::from(microseconds) / 1e3;
    report.note(format!(
        "{what}: {:.0} requests/s, p50 {:.0} ms, p99 {:.0} ms; {} connections were closed to make room.",
        seen.rate(),
        milliseconds(seen.p50),
        milliseconds(seen.p99),
        of_role("evictions_total", "")?
    ));
    Ok(())
}

/// An address that nobody has just now.
fn free_address() -> Result<String, Fault> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string())
}
