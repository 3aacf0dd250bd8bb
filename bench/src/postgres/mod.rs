//! Tenants on PostgreSQL in each isolation beside the same handlers on one database with no tenancy, with and without
//! a way to the server that takes time; beside what a skilled user writes with sqlx; and a thousand schemas.

mod by_hand;
mod databases;
mod delay;
mod place;
mod schemas;

use std::process::Command;

use crate::Fault;
use crate::load;
use crate::rates::{Round, figures};
use crate::report::{Report, Spread};
use crate::server::Server;

use self::delay::Delay;
use self::place::Group;

pub(crate) use self::databases::measure as measure_databases;
pub(crate) use self::place::Place;
pub(crate) use self::schemas::measure as measure_schemas;

/// The tenants whose notes are asked for: as many databases as one server's connections allow.
const TENANTS: usize = 80;

/// By isolation. The role that serves has 80 of the server's 100 connections: one for each of the databases.
const GROUPS: [Group; 3] = [group("schema"), group("database"), group("row")];

/// Of the rate with no tenancy, at least: by isolation, and with a way that takes time.
const LEAST: [f64; GROUPS.len()] = [LEAST_SCHEMA, 0.85, 0.60];
const LEAST_SCHEMA: f64 = 0.85;
const LEAST_AFAR: f64 = 0.9;

/// What is written by hand for comparison: in these isolations.
const BY_HAND: [&str; 2] = ["schema", "row"];

/// How long each side is asked before anything is measured: every connection is open then.
const WARM_UP: u16 = 3;

const fn group(isolation: &'static str) -> Group {
    Group { name: isolation, isolation, tenants: TENANTS, connections: 80 }
}

/// A side of a comparison.
struct Side {
    name: &'static str,
    command: Command,
    tenants: usize,
    /// Of the ceiling's rate, at least; of whoever is there for comparison alone, nothing is asked.
    least: Option<f64>,
}

/// `GET /notes` over tenants in each isolation.
pub(crate) async fn measure(
    place: &Place,
    rounds: u16,
    seconds: u16,
    report: &mut Report,
) -> Result<(), Fault> {
    for group in &GROUPS {
        place.make(group).await?;
        place.fill(group).await?;
    }
    for isolation in BY_HAND {
        by_hand::make(place, isolation, TENANTS).await?;
    }
    let afar = Delay::start(place.address())?;
    for (group, least) in GROUPS.iter().zip(LEAST) {
        for (way, address, least) in
            [("PostgreSQL", place.address(), least), ("PostgreSQL, 1 ms away", afar.address(), LEAST_AFAR)]
        {
            let command = place.serve(group, address);
            let mut sides =
                vec![Side { name: "80 tenants", command, tenants: group.tenants, least: Some(least) }];
            if BY_HAND.contains(&group.isolation) {
                let command = by_hand::serve(group.isolation, address)?;
                sides.push(Side { name: "sqlx by hand", command, tenants: group.tenants, least: None });
            }
            let load = format!("{way}: {}", group.isolation);
            let mut turns = vec![sides];
            if group.isolation == "database" {
                // After the other, and not beside it: the server has no room for a connection to each database twice.
                let command = by_hand::serve_databases(place, group, address).await?;
                let name = "tokio-postgres by hand";
                turns.push(vec![Side { name, command, tenants: group.tenants, least: None }]);
            }
            for sides in turns {
                let servers = compare(place.ceiling(address)?, sides, &load, (rounds, seconds), report)?;
                servers.into_iter().try_for_each(Server::stop)?;
            }
        }
    }
    Ok(())
}

/// Asks all sides in turn, and gives back what serves them.
fn compare(
    ceiling: Command,
    others: Vec<Side>,
    load: &str,
    (rounds, seconds): (u16, u16),
    report: &mut Report,
) -> Result<Vec<Server>, Fault> {
    let tenants = others.first().map_or(1, |side| side.tenants);
    let mut sides = vec![Side { name: "ceiling", command: ceiling, tenants, least: None }];
    sides.extend(others);
    let mut servers = Vec::with_capacity(sides.len());
    // All at a time: no more than one of them has many connections.
    for side in &mut sides {
        let server = Server::start(std::mem::replace(&mut side.command, Command::new("")))?;
        load::ask(&server, WARM_UP, 0, side.tenants)?;
        servers.push(server);
    }
    let mut asked: Vec<Vec<Round>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        // The first of a round now is the last in the next: what drifts is shared.
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let Side { name, tenants, .. } = sides[index];
            let done = Round::of(&servers[index], seconds, 0, tenants)?;
            eprintln!("  {load}: {name:<13} {:>7.0} requests/s  {:>5.1} µs", done.seen.rate(), done.cpu);
            asked[index].push(done);
        }
    }
    for (index, side) in sides.iter().enumerate().skip(1) {
        let share =
            asked[index].iter().zip(&asked[0]).map(|(own, ceiling)| own.seen.rate() / ceiling.seen.rate());
        let share = Spread::of(share);
        match side.least {
            Some(least) => report.line(
                format!("{load}, {}: requests/s", side.name),
                format!("at least {least:.2} of the ceiling's"),
                share.show(2),
                share.median >= least,
            ),
            None => report.beside(format!("{load}, {}: requests/s", side.name), share.show(2)),
        }
    }
    for ((side, rounds), server) in sides.iter().zip(&asked).zip(&servers) {
        report.side(load, side.name, &figures(rounds, server)?);
    }
    Ok(servers)
}
