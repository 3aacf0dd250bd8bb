//! A thousand tenants, each with a schema of its own: made, asked for their notes beside 80, and migrated.

use std::fs;

use tokio_postgres::Client;

use super::place::{Group, Place};
use super::{LEAST_SCHEMA, Side, TENANTS, compare};
use crate::Fault;
use crate::data::finish;
use crate::report::{Report, Spread};
use crate::server::Server;

/// Both are asked in turn and keep their connections: together they have no more than the server's 100.
const FEW: Group = Group { name: "few", isolation: "schema", tenants: TENANTS, connections: 40 };
const MANY: Group = Group { name: "many", isolation: "schema", tenants: 1_000, connections: 40 };

/// Tenants made in a second, at least.
const LEAST_MADE: f64 = 15.0;
/// Tenants migrated in a second, at least.
const LEAST_MIGRATED: f64 = 100.0;
/// Seconds for a migration of all that has nothing to do, at most.
const MOST_NOTHING: f64 = 1.0;

/// How often the command that has nothing to do is timed.
const TIMES: usize = 3;

/// Makes the tenants, asks them, migrates them.
pub(crate) async fn measure(
    place: &Place,
    rounds: u16,
    seconds: u16,
    report: &mut Report,
) -> Result<(), Fault> {
    place.make(&FEW).await?;
    let took = place.make(&MANY).await?;
    let client = place.client(MANY.name).await?;
    let rate = f64::from(1_000) / took.as_secs_f64();
    report.line(
        format!("1,000 schemas of {} tables: made", tables(&client).await?),
        format!("at least {LEAST_MADE:.0} a second"),
        format!("{rate:.0} a second"),
        rate >= LEAST_MADE,
    );
    for group in [&FEW, &MANY] {
        place.fill(group).await?;
    }
    let side = |name, group: &Group, least| {
        let command = place.serve(group, place.address());
        Side { name, command, tenants: group.tenants, least }
    };
    let sides = vec![side("80 tenants", &FEW, None), side("1,000 tenants", &MANY, Some(LEAST_SCHEMA))];
    let ceiling = place.ceiling(place.address())?;
    let servers = compare(ceiling, sides, "PostgreSQL: 1,000 schemas", (rounds, seconds), report)?;
    for group in [&FEW, &MANY] {
        report.note(memory(&client, group).await?);
    }
    servers.into_iter().try_for_each(Server::stop)?;
    migrate(place, report)
}

/// `migrate` by the program as it is, which has nothing to do, and by one that has a migration more.
fn migrate(place: &Place, report: &mut Report) -> Result<(), Fault> {
    let mut nothing = Vec::new();
    for _ in 0..TIMES {
        let took = finish(place.program(&MANY, place.address()).arg("migrate"))?;
        nothing.push(took.as_secs_f64());
    }
    let nothing = Spread::of(nothing);
    report.line(
        "1,000 schemas: `migrate` with nothing to do",
        "under 1 s",
        format!("{} s", nothing.show(3)),
        nothing.median < MOST_NOTHING,
    );
    let upgraded = finish(place.program(&MANY, place.address()).env("BENCH_UPGRADED", "1").arg("migrate"))?;
    let rate = f64::from(1_000) / upgraded.as_secs_f64();
    report.line(
        "1,000 schemas: `migrate` with one new migration",
        format!("at least {LEAST_MIGRATED:.0} a second"),
        format!("{rate:.0} a second"),
        rate >= LEAST_MIGRATED,
    );
    Ok(())
}

/// How many tables each tenant has.
async fn tables(client: &Client) -> Result<i64, Fault> {
    let sql =
        "SELECT count(*) / count(DISTINCT schemaname) FROM pg_tables WHERE schemaname ~ '^t[0-9a-z]{25}$'";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// What the server's processes that serve a group have for themselves, beside what all of them share.
async fn memory(client: &Client, group: &Group) -> Result<String, Fault> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE usename = $1";
    let rows = client.query(sql, &[&group.name]).await?;
    let mut kibibytes = 0;
    for row in &rows {
        let process: i32 = row.get(0);
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let own = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:")?.strip_suffix("kB"));
        kibibytes += own.ok_or("the system does not say what memory a process has")?.trim().parse::<u64>()?;
    }
    Ok(format!(
        "PostgreSQL's {} processes that served {} schemas have {} MiB for themselves.",
        rows.len(),
        group.tenants,
        kibibytes / 1_024
    ))
}
