//! What was asked for, what was measured, and whether it is met: on the terminal, and as a page.

use std::fmt::Write;

use comfy_table::{Table, presets};

use crate::{Fault, machine};

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<[String; 4]>,
    sides: Vec<Vec<String>>,
    notes: Vec<String>,
    missed: bool,
}

const LINES: [&str; 4] = ["what", "asked for", "measured", "met"];
const SIDES: [&str; 8] = ["load", "of", "requests/s", "CPU µs", "p50 ms", "p99 ms", "threads", "MiB"];

impl Report {
    /// A figure that something was asked of.
    pub(crate) fn line(
        &mut self,
        what: impl Into<String>,
        asked: impl Into<String>,
        measured: String,
        met: bool,
    ) {
        self.missed |= !met;
        self.lines.push([what.into(), asked.into(), measured, if met { "yes" } else { "no" }.to_owned()]);
    }

    /// A figure that stands beside others for comparison: nothing was asked of it.
    pub(crate) fn beside(&mut self, what: impl Into<String>, measured: String) {
        self.lines.push([what.into(), "for comparison".to_owned(), measured, "–".to_owned()]);
    }

    /// What one side did under a load.
    pub(crate) fn side(&mut self, load: &str, of: &str, figures: &[String; 6]) {
        self.sides.push([load, of].into_iter().map(str::to_owned).chain(figures.iter().cloned()).collect());
    }

    /// A figure that nothing was asked of.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Whether nothing that was measured missed what was asked.
    pub(crate) fn all_met(&self) -> bool {
        !self.missed
    }

    /// To standard output.
    pub(crate) fn print(&self) {
        for table in [table(&LINES, &self.lines), table(&SIDES, &self.sides)].into_iter().flatten() {
            println!("{table}\n");
        }
        for note in &self.notes {
            println!("{note}");
        }
    }

    /// As the page `RESULTS.md`.
    pub(crate) fn markdown(&self, rounds: u16, seconds: u16) -> Result<String, Fault> {
        let mut page = format!(
            "# What the benchmark measured\n\n\
             Written by `cargo xtask bench --write`, on {}. {rounds} rounds of {seconds} s on each side, in turn. A \
             figure with two others behind it is the median of the rounds, their least and their greatest.\n\n",
            machine::description()?
        );
        page.push_str(include_str!("method.txt"));
        page.push('\n');
        page.push_str(&markdown_table(&LINES, &self.lines)?);
        page.push_str("\n## Under load\n\n");
        page.push_str(&markdown_table(&SIDES, &self.sides)?);
        for note in &self.notes {
            write!(page, "\n{note}\n")?;
        }
        Ok(page)
    }
}

fn table<R: AsRef<[String]>>(head: &[&str], rows: &[R]) -> Option<Table> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head);
    table.add_rows(rows.iter().map(|row| row.as_ref().iter()));
    (!rows.is_empty()).then_some(table)
}

fn markdown_table<R: AsRef<[String]>>(head: &[&str], rows: &[R]) -> Result<String, Fault> {
    let mut text = String::new();
    writeln!(text, "| {} |", head.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(head.len()))?;
    for row in rows {
        writeln!(text, "| {} |", row.as_ref().join(" | "))?;
    }
    Ok(text)
}

/// The median of some figures, with the least and the greatest.
pub(crate) struct Spread {
    pub(crate) median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, least: at(0), greatest: at(last) }
    }

    /// The median and, in parentheses, the least and the greatest.
    pub(crate) fn show(&self, decimals: usize) -> String {
        let Self { median, least, greatest } = self;
        format!("{median:.decimals$} ({least:.decimals$} to {greatest:.decimals$})")
    }
}
