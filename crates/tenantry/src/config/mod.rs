//! What the operator configured: flags, environment and `.env`, parsed once into typed settings.
//!
//! ```no_run
//! use tenantry::config::{Settings, Sources};
//!
//! let loaded = Settings::load(&Sources::from_process()?)?;
//! println!("listening on {}", loaded.settings.listen);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod choice;
mod database;
mod dotenv;
mod network;
mod problem;
mod quantity;
mod reference;
mod secret;
pub mod secret_key;
mod settings;
mod sources;
mod value;

pub use choice::LogFormat;
pub use database::{FilePath, administrator_url};
pub use dotenv::{Dotenv, DotenvError};
pub use network::ListenAddress;
pub use problem::{Problem, Problems};
pub use quantity::ByteSize;
pub use reference::reference;
pub use secret::Secret;
pub use settings::{Effective, Fallback, Loaded, SETTINGS, Setting, Settings};
pub use sources::{Origin, Sources};
pub use value::{Value, ValueError};
