//! Settings that are one of a few words.

use tenantry_db::Synchronous;
use tenantry_web::rest::TenantsAccess;

use super::{Value, ValueError};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

macro_rules! choice {
    ($type:ident, $kind:literal, $($word:literal => $variant:ident),+) => {
        impl Value for $type {
            const KIND: &'static str = $kind;

            fn parse(text: &str) -> Result<Self, ValueError> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ValueError::Choice(Self::KIND)),
                }
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => $word.to_owned(),)+ }
            }
        }
    };
}

choice!(TenantsAccess, "operators or public", "operators" => Operators, "public" => Public);
choice!(LogFormat, "human or json", "human" => Human, "json" => Json);
choice!(Synchronous, "full or normal", "full" => Full, "normal" => Normal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_choice_is_told_the_choices() {
        assert_eq!(TenantsAccess::parse("Public"), Ok(TenantsAccess::Public));
        assert_eq!(LogFormat::parse(" json "), Ok(LogFormat::Json));
        let error = Synchronous::parse("off").unwrap_err();
        assert_eq!(error.to_string(), "must be full or normal");
    }
}
