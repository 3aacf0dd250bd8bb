//! Random tokens: what a cookie holds, and the hash by which the server knows it.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::random::{self, RandomError};

/// 256 random bits: whoever shows them is who they were given to. The server keeps only their [`TokenHash`].
///
/// ```
/// use tenantry_web::auth::Token;
///
/// let token = Token::generate()?;
/// let shown: Token = token.reveal().parse()?;
/// assert_eq!(shown.hash(), token.hash());
/// assert_eq!(format!("{token:?}"), "Token(..)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; 32]>);

/// The SHA-256 of a [`Token`], as it is stored: from it, nobody gets back to the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

/// Raised when a text is not a token. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token that the server makes")]
pub struct TokenError;

impl Token {
    /// A new token.
    ///
    /// # Errors
    /// Raised when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(Zeroizing::new(random::bytes()?)))
    }

    /// The token in clear, 43 characters that need no quoting in a cookie or a URL: only for whom it is made.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64URL_NOPAD.encode(&*self.0)
    }

    /// What the server keeps of it. No salt is needed: 256 random bits are in no dictionary.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(*self.0).into())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError)?);
        let bytes = bytes.as_slice().try_into().map_err(|_| TokenError)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl TokenHash {
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_new_and_reads_back() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.reveal().parse::<Token>().unwrap().reveal(), one.reveal());
        assert_eq!(one.reveal().len(), 43);
    }

    #[test]
    fn a_hash_is_the_sha_256_of_the_bits_in_hexadecimal() {
        let zeros: Token = "A".repeat(43).parse().unwrap();
        let expected = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
        assert_eq!(zeros.hash().to_string(), expected);
    }

    #[test]
    fn nothing_but_a_token_parses() {
        let zeros = "A".repeat(43);
        let last_bits_set = "A".repeat(42) + "B";
        for text in ["", "A", &zeros[1..], &(zeros.clone() + "A"), &(zeros.clone() + "="), &last_bits_set] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
        assert!("é".repeat(43).parse::<Token>().is_err());
        assert!(zeros.replacen('A', "+", 1).parse::<Token>().is_err(), "the alphabet is the URL's");
    }
}
