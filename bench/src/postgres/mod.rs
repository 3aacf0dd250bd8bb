//! Tenants on PostgreSQL in each isolation beside the same handlers on one database with no tenancy, with and without
//! a way to the server that takes time.

mod delay;
mod place;

use std::process::Command;

use crate::Fault;
use crate::load;
use crate::rates::{Round, figures};
use crate::report::{Report, Spread};
use crate::server::Server;

use self::delay::Delay;
use self::place::{ISOLATIONS, Place};

/// Of the rate with no tenancy, at least: by isolation, and with a way that takes time.
const LEAST: [f64; ISOLATIONS.len()] = [0.85, 0.85, 0.60];
const LEAST_AFAR: f64 = 0.9;

/// The two sides.
const NAMES: [&str; 2] = ["ceiling", "80 tenants"];

/// How long each side is asked before anything is measured: every connection is open then.
const WARM_UP: u16 = 3;

/// `GET /notes` over tenants in each isolation.
pub(crate) async fn measure(rounds: u16, seconds: u16, report: &mut Report) -> Result<(), Fault> {
    let place = Place::prepare().await?;
    let afar = Delay::start(place.address())?;
    for (isolation, least) in ISOLATIONS.into_iter().zip(LEAST) {
        for (way, address, least) in
            [("PostgreSQL", place.address(), least), ("PostgreSQL, 1 ms away", afar.address(), LEAST_AFAR)]
        {
            let sides = [place.ceiling(address)?, place.tenants(isolation, address)];
            let load = format!("{way}: {isolation}");
            compare(sides, &load, least, (rounds, seconds), report)?;
        }
    }
    Ok(())
}

/// Asks both sides in turn.
fn compare(
    [ceiling, tenants]: [Command; 2],
    load: &str,
    least: f64,
    (rounds, seconds): (u16, u16),
    report: &mut Report,
) -> Result<(), Fault> {
    // Both at a time: no more than one of them has many connections.
    let sides = [Server::start(ceiling)?, Server::start(tenants)?];
    for side in &sides {
        load::ask(side, WARM_UP, 0, place::TENANTS)?;
    }
    let mut asked = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // The first of a round now is the second in the next: what drifts is shared.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for index in order {
            let done = Round::of(&sides[index], seconds, 0, place::TENANTS)?;
            eprintln!(
                "  {load}: {:<10} {:>7.0} requests/s  {:>5.1} µs",
                NAMES[index],
                done.seen.rate(),
                done.cpu
            );
            asked[index].push(done);
        }
    }
    let share =
        asked[1].iter().zip(&asked[0]).map(|(tenants, ceiling)| tenants.seen.rate() / ceiling.seen.rate());
    let share = Spread::of(share);
    let met = share.median >= least;
    report.line(
        format!("{load}: requests/s"),
        format!("at least {least:.2} of the ceiling's"),
        share.show(2),
        met,
    );
    for ((name, rounds), side) in NAMES.into_iter().zip(&asked).zip(&sides) {
        report.side(load, name, &figures(rounds, side)?);
    }
    sides.into_iter().try_for_each(Server::stop)
}
