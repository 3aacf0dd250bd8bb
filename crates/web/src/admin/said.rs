//! What one page did and the next one says: "The note “Rent” was added."

use serde::{Deserialize, Serialize};

use super::text;

/// The most characters of a record's name in it: all of it has to fit into a cookie.
const NAME: usize = 80;

/// The most sentences for one page.
const MOST: usize = 5;

/// One sentence about what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// `done` or `warn`.
    pub(super) look: String,
    pub(super) before: String,
    /// The record's name, empty where there is none.
    pub(super) name: String,
    /// Where the record is; empty where it is nowhere any more.
    pub(super) link: String,
    pub(super) after: String,
}

impl Said {
    /// "The note “Rent” was added.", with a link on the name.
    pub(super) fn about(model: &str, name: &str, link: &str, after: &str) -> Self {
        Self {
            look: "done".to_owned(),
            before: format!("The {model} "),
            name: text::cut(name, NAME),
            link: link.to_owned(),
            after: after.to_owned(),
        }
    }

    /// A sentence by itself.
    pub(super) fn done(sentence: &str) -> Self {
        let nothing = String::new;
        Self {
            look: "done".to_owned(),
            before: sentence.to_owned(),
            name: nothing(),
            link: nothing(),
            after: nothing(),
        }
    }

    /// A sentence about what was not done.
    pub(super) fn warning(sentence: &str) -> Self {
        Self { look: "warn".to_owned(), ..Self::done(sentence) }
    }

    pub(super) fn write(said: &[Self]) -> String {
        serde_json::to_string(&said[..said.len().min(MOST)]).unwrap_or_default()
    }

    /// What [`Said::write`] wrote; nothing for anything else.
    pub(super) fn parse(text: &str) -> Vec<Self> {
        serde_json::from_str(text).unwrap_or_default()
    }
}
