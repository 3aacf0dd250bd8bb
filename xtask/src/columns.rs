//! The columns of the matrix: a test that is written once runs in each of them, in a module of the column's name. They are
//! read off what the tests print.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The columns, by module, and where a tenant's data is there. A new one is a line here, and a module where tests are made.
const COLUMNS: [(&str, &str); 6] = [
    ("on_sqlite", "SQLite file"),
    ("on_postgres", "PostgreSQL schema"),
    ("on_database", "PostgreSQL database"),
    ("on_bouncer", "PostgreSQL schema, through PgBouncer"),
    ("on_rows", "PostgreSQL shared tables"),
    ("on_bounced_rows", "PostgreSQL shared tables, through PgBouncer"),
];

/// The tests that have run, by column. Each is named as it is written, without its column.
#[derive(Debug, Default)]
pub(crate) struct Columns(BTreeMap<&'static str, BTreeSet<String>>);

impl Columns {
    /// Takes note of a line that a test program printed. A test that was ignored has not run.
    pub(crate) fn note(&mut self, line: &str) {
        let ran = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "));
        let Some((name, _)) = ran.filter(|(_, outcome)| !outcome.starts_with("ignored")) else { return };
        for (column, _) in COLUMNS {
            if let Some((before, test)) = name.split_once(&format!("{column}::"))
                && (before.is_empty() || before.ends_with("::"))
            {
                self.0.entry(column).or_default().insert(format!("{before}{test}"));
            }
        }
    }

    /// Whether any test of a column has run.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns in which nothing has run, and the tests that have not run in every other one.
    pub(crate) fn missing(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.0.values().flatten().collect();
        let missing = COLUMNS.iter().flat_map(|(column, _)| match self.0.get(column) {
            None => vec![format!("no test has run {column}")],
            Some(ran) => {
                let absent = all.iter().filter(|test| !ran.contains(**test));
                absent.map(|test| format!("{test} has not run {column}")).collect()
            }
        });
        missing.collect()
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (column, place) in COLUMNS {
            let count = self.0.get(column).map_or(0, BTreeSet::len);
            writeln!(f, "{count:>5} tests {column:<16} {place}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(lines: &[String]) -> Columns {
        let mut columns = Columns::default();
        lines.iter().for_each(|line| columns.note(line));
        columns
    }

    fn in_each(test: &str) -> impl Iterator<Item = String> {
        COLUMNS.iter().map(move |(column, _)| format!("test crud::{column}::{test} ... ok"))
    }

    #[test]
    fn a_test_that_runs_in_each_column_is_counted_there() {
        let mut lines: Vec<String> = in_each("one").chain(in_each("two")).collect();
        lines.extend(["test elsewhere::alone ... ok".to_owned(), "running 11 tests".to_owned()]);
        let columns = columns(&lines);
        assert_eq!(columns.missing(), Vec::<String>::new());
        assert_eq!(columns.to_string().matches("    2 tests ").count(), COLUMNS.len());
    }

    #[test]
    fn a_test_that_is_ignored_or_not_there_is_named_with_its_column() {
        let mut lines: Vec<String> = in_each("one").chain(in_each("two")).collect();
        lines.retain(|line| line != "test crud::on_rows::one ... ok");
        let ignored = lines.iter().position(|line| line == "test crud::on_bouncer::two ... ok").unwrap();
        lines[ignored] = "test crud::on_bouncer::two ... ignored, for now".to_owned();
        let missing = columns(&lines).missing();
        assert_eq!(missing, ["crud::two has not run on_bouncer", "crud::one has not run on_rows"]);
    }

    #[test]
    fn a_column_in_which_nothing_has_run_is_named() {
        let lines: Vec<String> = in_each("one").filter(|line| !line.contains("::on_rows::")).collect();
        assert_eq!(columns(&lines).missing(), ["no test has run on_rows"]);
        let nothing = columns(&["test elsewhere::alone ... ok".to_owned()]);
        assert!(nothing.is_empty());
        assert_eq!(nothing.missing().len(), COLUMNS.len(), "{:?}", nothing.missing());
    }
}
