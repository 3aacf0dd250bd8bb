//! Whether a new password is hard enough to guess: Django's four rules, in Django's words.

use std::collections::HashMap;
use std::fmt;

use zxcvbn::{Score, zxcvbn};

use super::Password;

/// A password that someone may be given.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

/// What is known of the person whose password it is going to be. What isn't known is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// The user name.
    pub username: &'a str,
    /// The first name.
    pub first_name: &'a str,
    /// The last name.
    pub last_name: &'a str,
    /// The e-mail address.
    pub email: &'a str,
}

/// Something about a person that a password may resemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The user name.
    Username,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The e-mail address.
    Email,
}

/// One thing that is wrong with a password. Its text is for the person who chose it: the seed's forms said the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Weakness {
    /// It resembles something that others know about the person.
    #[error("The password is too similar to the {0}.")]
    TooSimilar(Attribute),
    /// It has fewer than eight characters.
    #[error("This password is too short. It must contain at least {MIN_LENGTH} characters.")]
    TooShort,
    /// It would be found within the first million guesses.
    #[error("This password is too common.")]
    TooCommon,
    /// It has no letter and no sign in it.
    #[error("This password is entirely numeric.")]
    EntirelyNumeric,
}

/// Raised when a password is too easily guessed, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeakPassword(Vec<Weakness>);

const MIN_LENGTH: usize = 8;
/// The similarity, in tenths, from which on a password is too similar.
const MAX_SIMILARITY: usize = 7;
/// The longest password, in characters, that is looked for among the common ones: almost no common one is longer, and
/// the search, 30 microseconds as a rule, takes 30 milliseconds for the worst text of this length.
const MAX_COMMON_LENGTH: usize = 24;

impl NewPassword {
    /// The password, once all four rules let it through.
    ///
    /// ```
    /// use tenantry_web::auth::{Attributes, NewPassword, Password, Weakness};
    ///
    /// let ada = Attributes { username: "ada", email: "ada@example.com", ..Attributes::default() };
    /// assert!(NewPassword::checked(Password::from("Tenant-pass-1".to_owned()), &ada).is_ok());
    ///
    /// let weak = NewPassword::checked(Password::from("12345".to_owned()), &ada).unwrap_err();
    /// assert_eq!(weak.weaknesses(), [Weakness::TooShort, Weakness::TooCommon, Weakness::EntirelyNumeric]);
    /// ```
    ///
    /// # Errors
    /// Raised when the password is too short, too common, entirely numeric or too similar to an attribute, with each
    /// of these that holds.
    pub fn checked(password: Password, person: &Attributes<'_>) -> Result<Self, WeakPassword> {
        let weaknesses = weaknesses(password.expose(), person);
        if weaknesses.is_empty() { Ok(Self(password)) } else { Err(WeakPassword(weaknesses)) }
    }

    /// The password as it is: for whoever was told what is wrong with it and wants it all the same.
    #[must_use]
    pub fn unchecked(password: Password) -> Self {
        Self(password)
    }

    pub(super) fn password(&self) -> &Password {
        &self.0
    }
}

fn weaknesses(password: &str, person: &Attributes<'_>) -> Vec<Weakness> {
    [
        similar_attribute(password, person).map(Weakness::TooSimilar),
        (password.chars().count() < MIN_LENGTH).then_some(Weakness::TooShort),
        is_common(password).then_some(Weakness::TooCommon),
        (!password.is_empty() && password.chars().all(char::is_numeric)).then_some(Weakness::EntirelyNumeric),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first attribute that the password resembles, as a whole or in one of its words.
fn similar_attribute(password: &str, person: &Attributes<'_>) -> Option<Attribute> {
    let password = password.to_lowercase();
    let resembles = |value: &str| {
        let value = value.to_lowercase();
        let words = value.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.chain([value.as_str()]).any(|part| is_similar(&password, part))
    };
    [
        (Attribute::Username, person.username),
        (Attribute::FirstName, person.first_name),
        (Attribute::LastName, person.last_name),
        (Attribute::Email, person.email),
    ]
    .into_iter()
    .find_map(|(attribute, value)| resembles(value).then_some(attribute))
}

/// Whether twice the characters in common, in whatever order, are a large enough part of both texts together.
///
/// It is Python's `SequenceMatcher.quick_ratio`, by which Django judges.
fn is_similar(password: &str, value: &str) -> bool {
    let (password_length, value_length) = (password.chars().count(), value.chars().count());
    // A word this much shorter can't come near; Django leaves it out too.
    if value.is_empty() || password_length >= 10 * value_length {
        return false;
    }
    let mut left = HashMap::<char, usize>::new();
    for c in value.chars() {
        *left.entry(c).or_default() += 1;
    }
    let mut common = 0;
    for c in password.chars() {
        if let Some(count) = left.get_mut(&c).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    10 * 2 * common >= MAX_SIMILARITY * (password_length + value_length)
}

/// Whether the password is among the first million that anyone would try.
fn is_common(password: &str) -> bool {
    let password = password.trim().to_lowercase();
    password.chars().count() <= MAX_COMMON_LENGTH && zxcvbn(&password, &[]).score() <= Score::One
}

impl WeakPassword {
    /// What is wrong with it: at least one thing.
    #[must_use]
    pub fn weaknesses(&self) -> &[Weakness] {
        &self.0
    }
}

impl fmt::Display for WeakPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, weakness) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{weakness}")?;
        }
        Ok(())
    }
}

impl std::error::Error for WeakPassword {}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::FirstName => "first name",
            Self::LastName => "last name",
            Self::Email => "email address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_passwords_are_found_where_django_finds_them() {
        let ada = Attributes {
            username: "ada.lovelace",
            first_name: "Augusta Ada",
            last_name: "King-Noel",
            email: "countess@ockham.example",
        };
        let table = [
            ("ada.lovelace", Some(Attribute::Username)),
            ("ADA.LOVELACE", Some(Attribute::Username)),
            ("lovelace1843", Some(Attribute::Username)),
            ("ecalevol-99", Some(Attribute::Username)),
            ("Augusta!", Some(Attribute::FirstName)),
            ("noel-king", Some(Attribute::LastName)),
            ("countess-x", Some(Attribute::Email)),
            ("ockham.example", Some(Attribute::Email)),
            ("my-augusta-sings-well", None),
            ("Tenant-pass-1", None),
        ];
        for (password, expected) in table {
            let found = weaknesses(password, &ada);
            let similar = found.iter().find(|weakness| matches!(weakness, Weakness::TooSimilar(_)));
            assert_eq!(similar, expected.map(Weakness::TooSimilar).as_ref(), "{password}");
        }
    }

    #[test]
    fn seven_tenths_is_too_similar_and_less_is_not() {
        // 2 * 7 of 20 characters, and 2 * 7 of 21.
        assert!(is_similar("abcdefg123", "abcdefg456"));
        assert!(!is_similar("abcdefg1239", "abcdefg456"));
        // A character counts as often as both have it.
        assert!(!is_similar("aaaaaaaa", "abcdefgh"));
        assert!(!is_similar("", ""), "an empty attribute resembles nothing");
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        let nobody = Attributes::default();
        assert!(weaknesses("äöüßéè1", &nobody).contains(&Weakness::TooShort), "seven, in 13 bytes");
        assert!(!weaknesses("äöüßéè1x", &nobody).contains(&Weakness::TooShort));
    }

    #[test]
    fn common_passwords_are_found_and_others_are_not() {
        let nobody = Attributes::default();
        let common =
            ["password1", "Qwertyuiop", " iloveyou2 ", "trustno1", "p@ssw0rd", "aaaaaaaaaaaa", "abcdefgh"];
        for password in common {
            assert!(weaknesses(password, &nobody).contains(&Weakness::TooCommon), "{password}");
        }
        for password in ["Tenant-pass-1", "correct horse battery", "jK8#mQ2x", "blue-kettle-42"] {
            assert_eq!(weaknesses(password, &nobody), [], "{password}");
        }
    }

    #[test]
    fn digits_of_any_script_are_digits() {
        let nobody = Attributes::default();
        for password in ["8305917264", "٨٣٠٥٩١٧٢٦٤"] {
            assert_eq!(weaknesses(password, &nobody), [Weakness::EntirelyNumeric], "{password}");
        }
        assert_eq!(weaknesses("8305917264x", &nobody), []);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let person = Attributes { username: "12345", ..Attributes::default() };
        let weak = NewPassword::checked(Password::from("12345".to_owned()), &person).unwrap_err();
        assert_eq!(
            weak.to_string(),
            "The password is too similar to the username. This password is too short. It must contain at least 8 \
             characters. This password is too common. This password is entirely numeric."
        );
    }

    #[test]
    fn an_empty_password_is_only_short_and_common() {
        let found = weaknesses("", &Attributes::default());
        assert_eq!(found, [Weakness::TooShort, Weakness::TooCommon]);
    }

    #[test]
    fn long_texts_are_checked_in_no_time() {
        let long = "4@8({[<369&#!1/|0$5+7%2".repeat(1_000);
        assert_eq!(weaknesses(&long, &Attributes { username: &long[1..], ..Attributes::default() }).len(), 1);
    }
}
