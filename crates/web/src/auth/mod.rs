//! Who someone is and what they may do: passwords, tokens, people and their sessions. Nothing here knows of HTTP.

mod django;
mod form;
mod key;
mod password;
pub mod people;
mod random;
pub mod session;
mod throttle;
mod token;
mod validate;

pub use django::DjangoSessions;
pub use form::{FormTokens, Holder};
pub use key::{SecretKey, SecretKeyError};
pub use password::{HashError, HashForm, HashPolicy, Hasher, Password, PasswordHash, Verdict};
pub use random::RandomError;
pub use throttle::{Account, Attempt, Throttle, Throttled};
pub use token::{Token, TokenError, TokenHash};
pub use validate::{Attribute, Attributes, NewPassword, WeakPassword, Weakness};
