//! What a command prints: tables for people, JSON for machines, and complaints beside them.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{LineStyle, Table, TableStyle, presets};
use serde::Serialize;

use super::Failure;

/// A line below the headings, and no other.
const UNDERLINED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The one way to print. Results go to standard output, all else to standard error.
///
/// Printing never fails half-way through a command: when the reader has gone (`| head`), the rest is dropped in
/// silence; any other fault is told once, at the end.
pub struct Output {
    results: Box<dyn Write + Send>,
    complaints: Box<dyn Write + Send>,
    terminal: bool,
    fault: Option<io::Error>,
}

impl Output {
    /// The process's own standard output and standard error.
    #[must_use]
    pub fn process() -> Self {
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), io::stdout().is_terminal())
    }

    /// Two writers, and whether a person reads the first.
    #[must_use]
    pub fn new(results: Box<dyn Write + Send>, complaints: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self { results, complaints, terminal, fault: None }
    }

    /// Prints a line.
    pub fn line(&mut self, text: impl Display) {
        self.bytes(format!("{}\n", visible(&text.to_string())).as_bytes());
    }

    /// Prints rows under their headings, which are ruled off on a terminal.
    pub fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = Table::new();
        table.load_style(if self.terminal { UNDERLINED } else { presets::NOTHING });
        table.set_header(headings);
        self.rows(table, rows);
    }

    /// Prints what belongs to one thing: names, and what stands behind each.
    pub fn fields(&mut self, rows: impl IntoIterator<Item = [String; 2]>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        self.rows(table, rows);
    }

    fn rows<const N: usize>(&mut self, mut table: Table, rows: impl IntoIterator<Item = [String; N]>) {
        for row in rows {
            table.add_row(row.map(|cell| visible(&cell)));
        }
        self.bytes(format!("{}\n", table.trim_fmt()).as_bytes());
    }

    /// Prints JSON: indented on a terminal, on one line in a pipe.
    pub fn json(&mut self, value: &impl Serialize) {
        let text =
            if self.terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        match text {
            Ok(text) => self.bytes(format!("{text}\n").as_bytes()),
            Err(error) => self.fault = Some(error.into()),
        }
    }

    /// Prints `value` as JSON where that was asked for, and otherwise as `people` prints it.
    pub fn data(&mut self, json: bool, value: &impl Serialize, people: impl FnOnce(&mut Self)) {
        if json { self.json(value) } else { people(self) }
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.fault.is_none() {
            self.fault = self.results.write_all(bytes).and_then(|()| self.results.flush()).err();
        }
    }

    /// Says something beside the results.
    pub fn note(&mut self, text: impl Display) {
        self.complain(&text.to_string());
    }

    /// Warns beside the results.
    pub fn warn(&mut self, text: impl Display) {
        self.complain(&format!("warning: {text}"));
    }

    /// Tells how the command ended, and gives its exit code.
    #[must_use]
    pub fn finish(mut self, result: Result<(), Failure>) -> ExitCode {
        let fault = self.fault.take().filter(|fault| fault.kind() != io::ErrorKind::BrokenPipe);
        let fault = fault.map(|fault| Failure::new(format!("can't write the output: {fault}")));
        match result.err().or(fault) {
            None => ExitCode::SUCCESS,
            Some(failure) => {
                self.complain(&failure.to_string());
                ExitCode::from(failure.exit_code())
            }
        }
    }

    fn complain(&mut self, text: &str) {
        // Where standard error is gone there is nowhere left to say so.
        let _ = writeln!(self.complaints, "{}", visible(text));
    }
}

/// So many of what `one` names: "1 tenant", "2 tenants".
#[must_use]
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// A tenant's words can't move the cursor or colour the screen: controls are shown, not sent.
fn visible(text: &str) -> String {
    let shown = text.chars().flat_map(|character| {
        let control = character.is_control() && character != '\n';
        let escaped = control.then(|| character.escape_default());
        escaped.into_iter().flatten().chain((!control).then_some(character))
    });
    shown.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written, for the test to read.
    #[derive(Clone, Default)]
    pub(crate) struct Paper(pub(crate) Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printed(terminal: bool, print: impl FnOnce(&mut Output)) -> (String, String) {
        let (results, complaints) = (Paper::default(), Paper::default());
        let mut output = Output::new(Box::new(results.clone()), Box::new(complaints.clone()), terminal);
        print(&mut output);
        assert_eq!(output.finish(Ok(())), ExitCode::SUCCESS);
        (results.text(), complaints.text())
    }

    fn row(cells: [&str; 2]) -> [String; 2] {
        cells.map(str::to_owned)
    }

    #[test]
    fn a_table_is_bare_in_a_pipe_and_ruled_on_a_terminal() {
        let print = |output: &mut Output| {
            output.table(["SLUG", "NAME"], [row(["acme", "Acme Ltd"]), row(["globex", "\x1b[31mred"])]);
        };
        let (results, complaints) = printed(false, print);
        assert_eq!(results, " SLUG    NAME\n acme    Acme Ltd\n globex  \\u{1b}[31mred\n");
        assert_eq!(complaints, "");
        let (results, _) = printed(true, print);
        let rule = "─".repeat(results.lines().map(|line| line.chars().count()).max().unwrap());
        assert_eq!(results.lines().collect::<Vec<_>>()[1], rule, "{results}");
        assert_eq!((results.lines().count(), results.matches(&rule).count()), (4, 1), "{results}");
        assert!(!results.contains('\x1b'), "{results}");
        let (results, _) = printed(true, |output| output.fields([row(["slug", "acme"]), row(["id", "1"])]));
        assert_eq!(results, " slug  acme\n id    1\n");
    }

    #[test]
    fn json_is_one_line_in_a_pipe() {
        let value = serde_json::json!([{"slug": "acme"}]);
        assert_eq!(printed(false, |output| output.json(&value)).0, "[{\"slug\":\"acme\"}]\n");
        assert!(printed(true, |output| output.json(&value)).0.lines().count() > 1);
        assert_eq!(printed(false, |output| output.data(false, &value, |output| output.line("x"))).0, "x\n");
    }

    #[test]
    fn complaints_stay_out_of_the_results() {
        let (results, complaints) = printed(false, |output| output.warn("careful"));
        assert_eq!((results.as_str(), complaints.as_str()), ("", "warning: careful\n"));
    }

    #[test]
    fn a_reader_that_left_is_no_failure_and_a_full_disk_is_one() {
        for (kind, code, told) in [
            (io::ErrorKind::BrokenPipe, ExitCode::SUCCESS, ""),
            (io::ErrorKind::StorageFull, ExitCode::from(1), "error: can't write the output"),
        ] {
            let complaints = Paper::default();
            let mut output = Output::new(Box::new(Broken(kind)), Box::new(complaints.clone()), false);
            output.line("one");
            output.line("two");
            assert_eq!(output.finish(Ok(())), code, "{kind}");
            assert!(complaints.text().starts_with(told), "{}", complaints.text());
            assert_eq!(complaints.text().is_empty(), told.is_empty());
        }
    }

    #[test]
    fn a_failure_is_told_with_its_code() {
        let complaints = Paper::default();
        let output = Output::new(Box::new(Paper::default()), Box::new(complaints.clone()), false);
        assert_eq!(output.finish(Err(Failure::usage("no").hint("yes"))), ExitCode::from(2));
        assert_eq!(complaints.text(), "error: no\nhint: yes\n");
    }
}
