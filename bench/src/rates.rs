//! Both sides under load, in turn: requests a second, processor time a request, and how long answers take.

use std::time::Duration;

use crate::Fault;
use crate::data::{Data, TENANTS};
use crate::load::{self, Reports, Seen};
use crate::report::{Report, Spread};
use crate::server::{Server, Side};

/// Of the ceiling's requests a second, at least.
const LEAST_RATE: f64 = 0.80;
/// Of the ceiling's processor time a request, at most.
const MOST_CPU: f64 = 1.35;
/// Of the others' slowest hundredth without the scan, at most.
const MOST_P99: f64 = 2.0;

/// How long each side is asked before anything is measured: every file is open then.
const WARM_UP: u16 = 3;

/// The two servers, both running, one of them asked at a time.
pub(crate) struct Sides {
    tenants: Server,
    ceiling: Server,
    rounds: u16,
    seconds: u16,
}

/// What one side did in one round.
pub(crate) struct Round {
    pub(crate) seen: Seen,
    /// Microseconds of processor time a request.
    pub(crate) cpu: f64,
}

impl Round {
    /// Asks one side for so many seconds; `writes` of a hundred requests add a note.
    pub(crate) fn of(server: &Server, seconds: u16, writes: u32, tenants: usize) -> Result<Self, Fault> {
        let before = server.cpu()?;
        let seen = load::ask(server, seconds, writes, tenants)?;
        let used = server.cpu()? - before;
        Ok(Self { seen, cpu: used.as_secs_f64() * 1e6 / f64::from(seen.requests) })
    }
}

impl Sides {
    /// Starts both.
    pub(crate) fn start(data: &Data, rounds: u16, seconds: u16) -> Result<Self, Fault> {
        let tenants = Server::start(Side::Tenants.command(data)?)?;
        let ceiling = Server::start(Side::Ceiling.command(data)?)?;
        Ok(Self { tenants, ceiling, rounds, seconds })
    }

    /// `GET /notes` alone.
    pub(crate) fn reads(&self, report: &mut Report) -> Result<(), Fault> {
        self.compare("GET /notes", 0, report)
    }

    /// The same with a `POST` in ten requests.
    pub(crate) fn writes(&self, report: &mut Report) -> Result<(), Fault> {
        self.compare("with 10 % writes", 10, report)
    }

    fn compare(&self, what: &str, writes: u32, report: &mut Report) -> Result<(), Fault> {
        for server in [&self.tenants, &self.ceiling] {
            load::ask(server, WARM_UP, writes, TENANTS)?;
        }
        let (mut tenants, mut ceiling) = (Vec::new(), Vec::new());
        for number in 0..self.rounds {
            // The first of a round now is the second in the next: what drifts is shared.
            if number % 2 == 0 {
                tenants.push(self.round(&self.tenants, writes)?);
                ceiling.push(self.round(&self.ceiling, writes)?);
            } else {
                ceiling.push(self.round(&self.ceiling, writes)?);
                tenants.push(self.round(&self.tenants, writes)?);
            }
        }
        let ratio = |of: fn(&Round) -> f64| {
            Spread::of(tenants.iter().zip(&ceiling).map(|(tenants, ceiling)| of(tenants) / of(ceiling)))
        };
        let (rate, cpu) = (ratio(|round| round.seen.rate()), ratio(|round| round.cpu));
        let rate_met = rate.median >= LEAST_RATE;
        report.line(
            format!("{what}: requests/s"),
            format!("at least {LEAST_RATE:.2} of the ceiling's"),
            rate.show(2),
            rate_met,
        );
        let cpu_met = cpu.median <= MOST_CPU;
        report.line(
            format!("{what}: CPU per request"),
            format!("at most {MOST_CPU:.2} of the ceiling's"),
            cpu.show(2),
            cpu_met,
        );
        report.side(what, "100 tenants", &figures(&tenants, &self.tenants)?);
        report.side(what, "ceiling", &figures(&ceiling, &self.ceiling)?);
        Ok(())
    }

    fn round(&self, server: &Server, writes: u32) -> Result<Round, Fault> {
        let round = Round::of(server, self.seconds, writes, TENANTS)?;
        let Round { seen, cpu } = &round;
        eprintln!(
            "  {:>7.0} requests/s  {cpu:>5.1} µs  p99 {} µs  {}",
            seen.rate(),
            seen.p99,
            server.address()
        );
        Ok(round)
    }

    /// How long others wait while one tenant runs a slow report after the other, and while none does.
    pub(crate) fn scan(&self, report: &mut Report) -> Result<(), Fault> {
        load::ask(&self.tenants, WARM_UP, 0, TENANTS)?;
        let (mut quiet, mut beside, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            quiet.push(self.round(&self.tenants, 0)?);
            let running = Reports::start(&self.tenants)?;
            beside.push(self.round(&self.tenants, 0)?);
            reports.push(running.stop()?);
        }
        let p99 = Spread::of(
            quiet
                .iter()
                .zip(&beside)
                .map(|(quiet, beside)| f64::from(beside.seen.p99) / f64::from(quiet.seen.p99)),
        );
        let asked = format!("at most {MOST_P99:.1} times that without");
        report.line("one tenant scans: p99 of the others", asked, p99.show(2), p99.median <= MOST_P99);
        let took = Spread::of(reports.iter().map(|rate| 1e3 / rate));
        report.note(format!("A report that runs alone with this load takes {} ms.", took.show(0)));
        report.side("one tenant scans", "the others, without", &figures(&quiet, &self.tenants)?);
        report.side("one tenant scans", "the others, beside it", &figures(&beside, &self.tenants)?);
        Ok(())
    }
}

/// Requests a second, CPU, median and 99th percentile in ms, threads, memory.
pub(crate) fn figures(rounds: &[Round], server: &Server) -> Result<[String; 6], Fault> {
    let spread = |of: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(of));
    let milliseconds = |microseconds: u32| Duration::from_micros(microseconds.into()).as_secs_f64() * 1e3;
    let (threads, memory) = server.size()?;
    Ok([
        spread(&|round| round.seen.rate()).show(0),
        spread(&|round| round.cpu).show(1),
        spread(&|round| milliseconds(round.seen.p50)).show(2),
        spread(&|round| milliseconds(round.seen.p99)).show(2),
        threads.to_string(),
        memory.to_string(),
    ])
}
