//! The log: to standard error, for people or one JSON object a line.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, Settings};

/// Sets the log up for the rest of the process. What panics is told there too: other lines would break a log of JSON.
pub(super) fn start(settings: &Settings) -> Result<(), TryInitError> {
    let filter = Targets::new().with_default(settings.log_level);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Human => {
            let ansi = io::stderr().is_terminal();
            registry
                .with(fmt::layer().with_target(false).with_ansi(ansi).with_writer(io::stderr))
                .try_init()?;
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()?;
        }
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let words = panic.payload_as_str().unwrap_or("without a word");
    let at = panic.location().map(tracing::field::display);
    // Only where `RUST_BACKTRACE` asks for it.
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(trace));
    tracing::error!(words, at, trace, "panicked");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = Mutex::new(file.reopen().unwrap());
        let log = fmt().json().flatten_event(true).with_writer(writer).finish();
        panic::set_hook(Box::new(log_panic));
        let caught = tracing::subscriber::with_default(log, || {
            let _request = tracing::info_span!("request", tenant = "acme").entered();
            panic::catch_unwind(|| panic!("two\nlines"))
        });
        drop(panic::take_hook());
        assert!(caught.is_err());
        let text = std::fs::read_to_string(file.path()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["words"]), (&"panicked".into(), &"two\nlines".into()), "{line}");
        assert_eq!((&line["level"], &line["span"]["tenant"]), (&"ERROR".into(), &"acme".into()), "{line}");
        assert!(line["at"].as_str().unwrap().contains("logging.rs:"), "{line}");
    }
}
