//! A password as someone typed it.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A password as someone typed it, to the character: never trimmed, never normalised.
///
/// It is wiped from memory when the last clone is dropped, and shows nothing of itself when it is formatted.
///
/// ```
/// use tenantry_web::auth::Password;
///
/// assert_eq!(format!("{:?}", Password::from("correct horse".to_owned())), "Password(..)");
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Password(Arc<Zeroizing<String>>);

impl Password {
    /// The password in clear.
    pub(in crate::auth) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        Self(Arc::new(Zeroizing::new(typed)))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
