//! The log: to standard error, for people or one JSON object a line.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, Settings};

/// Sets the log up for the rest of the process.
pub(super) fn start(settings: &Settings) -> Result<(), TryInitError> {
    let filter = Targets::new().with_default(settings.log_level);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.log_format {
        LogFormat::Human => {
            let ansi = io::stderr().is_terminal();
            registry.with(fmt::layer().with_target(false).with_ansi(ansi).with_writer(io::stderr)).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
        }
    }
}
