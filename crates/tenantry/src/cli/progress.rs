//! How far a command that acts on the whole fleet has come.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tenantry_core::Slug;

use super::Output;

/// Where there is no terminal, a line is written at most this often.
const INTERVAL: Duration = Duration::from_secs(2);

/// The progress of a command over the fleet: a bar on a terminal, now and then a line elsewhere. Both go to standard
/// error. Tenants may be reported from any thread.
pub struct FleetProgress {
    what: &'static str,
    total: usize,
    state: Mutex<State>,
}

struct State {
    done: usize,
    failures: Vec<FleetFailure>,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Lines { out: Box<dyn Write + Send>, last: Option<Instant> },
}

/// A tenant that a command failed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FleetFailure {
    /// The tenant.
    pub slug: Slug,
    /// Why.
    pub error: String,
}

impl FleetProgress {
    /// The progress of `what`, such as "migrate", over `total` tenants, on standard error.
    #[must_use]
    pub fn process(what: &'static str, total: usize) -> Self {
        let display = if io::stderr().is_terminal() {
            Display::Bar(bar(what, total))
        } else {
            Display::Lines { out: Box::new(io::stderr()), last: None }
        };
        Self::new(what, total, display)
    }

    fn new(what: &'static str, total: usize, display: Display) -> Self {
        let state = Mutex::new(State { done: 0, failures: Vec::new(), display });
        Self { what, total, state }
    }

    /// Counts a tenant that is through, for better or worse.
    pub fn done(&self, slug: &Slug, result: Result<(), String>) {
        self.done_at(slug, result, Instant::now());
    }

    /// So many tenants are through, each for better.
    pub fn reach(&self, done: usize) {
        let mut guard = self.lock();
        guard.done = done;
        self.show(&mut guard, Instant::now());
    }

    fn done_at(&self, slug: &Slug, result: Result<(), String>, now: Instant) {
        let mut guard = self.lock();
        guard.done += 1;
        if let Err(error) = result {
            guard.failures.push(FleetFailure { slug: slug.clone(), error });
        }
        self.show(&mut guard, now);
    }

    fn show(&self, State { done, failures, display }: &mut State, now: Instant) {
        match display {
            Display::Bar(bar) => {
                bar.set_message(failed(failures.len()));
                bar.set_position(length(*done));
            }
            Display::Lines { out, last } => {
                let due = last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
                if due || *done == self.total {
                    *last = Some(now);
                    // Progress that nobody can read is no reason to stop the work.
                    let _ =
                        writeln!(out, "{}: {done} of {}{}", self.what, self.total, failed(failures.len()));
                }
            }
        }
    }

    /// Ends the display and gives the tenants that failed, ordered by slug.
    #[must_use]
    pub fn end(&self) -> Vec<FleetFailure> {
        let mut guard = self.lock();
        if let Display::Bar(bar) = &guard.display {
            bar.finish_and_clear();
        }
        let mut failures = std::mem::take(&mut guard.failures);
        failures.sort_by(|one, other| one.slug.cmp(&other.slug));
        failures
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FleetFailure {
    /// Prints the table of what failed and why.
    pub fn print(failures: &[Self], output: &mut Output) {
        let rows = failures.iter().map(|failure| [failure.slug.to_string(), failure.error.clone()]);
        output.table(["FAILED", "WHY"], rows);
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn failed(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", {count} failed") }
}

fn bar(what: &'static str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(length(total)).with_prefix(what);
    match ProgressStyle::with_template("{prefix} [{bar:40}] {pos} of {len}{msg}, {per_sec}, {eta} to go") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::Paper;
    use super::*;

    #[test]
    fn without_a_terminal_lines_are_few_and_the_last_one_is_there() {
        let paper = Paper::default();
        let lines = Display::Lines { out: Box::new(paper.clone()), last: None };
        let progress = FleetProgress::new("migrate", 1_000, lines);
        let start = Instant::now();
        for number in 0..1_000_u32 {
            let slug = format!("tenant-{number}").parse().unwrap();
            let result = if number % 500 == 7 { Err("disk full".to_owned()) } else { Ok(()) };
            // 10 ms each: 10 s in all.
            progress.done_at(&slug, result, start + Duration::from_millis(10) * number);
        }
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "migrate: 1 of 1000",
                "migrate: 201 of 1000, 1 failed",
                "migrate: 401 of 1000, 1 failed",
                "migrate: 601 of 1000, 2 failed",
                "migrate: 801 of 1000, 2 failed",
                "migrate: 1000 of 1000, 2 failed",
            ]
        );
        let failed: Vec<_> = progress.end().into_iter().map(|failure| failure.slug.to_string()).collect();
        assert_eq!(failed, ["tenant-507", "tenant-7"]);
    }

    #[test]
    fn many_that_are_through_at_once_are_told_in_one_line() {
        let paper = Paper::default();
        let lines = Display::Lines { out: Box::new(paper.clone()), last: None };
        let progress = FleetProgress::new("create", 450, lines);
        [200, 400, 450].into_iter().for_each(|done| progress.reach(done));
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().next(), Some("create: 200 of 450"));
        assert_eq!(text.lines().last(), Some("create: 450 of 450"));
        assert!(progress.end().is_empty());
    }

    #[test]
    fn the_bar_s_template_is_sound() {
        let bar = bar("migrate", 10);
        bar.set_message(failed(2));
        assert_eq!((bar.prefix().as_str(), bar.message().as_str()), ("migrate", ", 2 failed"));
        assert!(
            ProgressStyle::with_template("{prefix} [{bar:40}] {pos} of {len}{msg}, {per_sec}, {eta} to go")
                .is_ok()
        );
    }
}
