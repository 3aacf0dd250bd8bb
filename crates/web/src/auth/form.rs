//! Form tokens: the proof that a form was made by this server, for this tenant and for this visitor.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tenantry_core::TenantId;

use super::Token;
use super::key::{DerivedKey, SecretKey};
use super::random::{self, RandomError};

/// Makes and checks form tokens: the proof that a form was made by this server, for this tenant and for this visitor.
/// Another site, a sibling subdomain included, can't make one, and one tenant's is worth nothing to another.
#[derive(Clone, Debug)]
pub struct FormTokens(DerivedKey);

/// The cookie that a form token is bound to, and with which it ends.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// The session of someone who is signed in.
    Session(&'a Token),
    /// The cookie of someone who isn't yet.
    Visitor(&'a Token),
}

const NONCE: usize = 16;
const LENGTH: usize = NONCE + 32;
/// The characters of a sealed text's proof.
const SEAL: usize = 43;

impl FormTokens {
    /// The form tokens that are made with this instance's secret.
    #[must_use]
    pub fn new(secret: &SecretKey) -> Self {
        Self(secret.derive("tenantry form token, 1"))
    }

    /// A new token, 64 characters that need no quoting in HTML. Each is different, so that a compressed page gives
    /// nothing of it away.
    ///
    /// # Errors
    /// Raised when the operating system gives no random bytes.
    pub fn issue(&self, tenant: TenantId, holder: Holder<'_>) -> Result<String, RandomError> {
        let nonce: [u8; NONCE] = random::bytes()?;
        let mac = self.mac(tenant, holder, &nonce).finalize().into_bytes();
        Ok(BASE64URL_NOPAD.encode(&[nonce.as_slice(), &mac].concat()))
    }

    /// Whether `token` was made for this tenant and this holder. What isn't a token at all is simply not.
    #[must_use]
    pub fn accepts(&self, token: &str, tenant: TenantId, holder: Holder<'_>) -> bool {
        let Ok(bytes) = BASE64URL_NOPAD.decode(token.as_bytes()) else { return false };
        let Some((nonce, mac)) = bytes.split_first_chunk::<NONCE>() else { return false };
        bytes.len() == LENGTH && self.mac(tenant, holder, nonce).verify_slice(mac).is_ok()
    }

    /// Twelve characters that stand for a stored value: they change with it, and tell nothing about it to anyone but this
    /// instance. `place` says what it is the value of.
    pub(crate) fn fingerprint(&self, tenant: TenantId, place: &str, value: &str) -> String {
        let mac = self
            .0
            .mac()
            .chain_update(b"f")
            .chain_update(tenant.get().to_be_bytes())
            .chain_update(place.len().to_be_bytes())
            .chain_update(place)
            .chain_update(value)
            .finalize()
            .into_bytes();
        BASE64URL_NOPAD.encode(&mac[..9])
    }

    /// A text that a visitor is to bring back unchanged: `text` itself with a proof in front.
    pub(crate) fn seal(&self, tenant: TenantId, holder: Holder<'_>, text: &str) -> String {
        let sealed = self.seal_mac(tenant, holder, text).finalize().into_bytes();
        format!("{}{}", BASE64URL_NOPAD.encode(&sealed), BASE64URL_NOPAD.encode(text.as_bytes()))
    }

    /// The text that was sealed for this tenant and this holder; `None` where it was not.
    pub(crate) fn unseal(&self, tenant: TenantId, holder: Holder<'_>, sealed: &str) -> Option<String> {
        let (mac, text) = sealed.split_at_checked(SEAL)?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        let text = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
        self.seal_mac(tenant, holder, &text).verify_slice(&mac).ok()?;
        Some(text)
    }

    /// What seals a text can't be taken for the proof of a form: that has another letter in front.
    fn seal_mac(&self, tenant: TenantId, holder: Holder<'_>, text: &str) -> Hmac<Sha256> {
        let (Holder::Session(token) | Holder::Visitor(token)) = holder;
        self.0
            .mac()
            .chain_update(b"t")
            .chain_update(tenant.get().to_be_bytes())
            .chain_update(token.hash().as_bytes())
            .chain_update(text)
    }

    /// Every part has a fixed length, so no two different inputs are the same bytes.
    fn mac(&self, tenant: TenantId, holder: Holder<'_>, nonce: &[u8; NONCE]) -> Hmac<Sha256> {
        let (kind, token) = match holder {
            Holder::Session(token) => (b's', token),
            Holder::Visitor(token) => (b'v', token),
        };
        self.0
            .mac()
            .chain_update([kind])
            .chain_update(tenant.get().to_be_bytes())
            .chain_update(token.hash().as_bytes())
            .chain_update(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: fn(i64) -> TenantId = TenantId::new;

    fn form_tokens(secret: &str) -> FormTokens {
        FormTokens::new(&SecretKey::try_from(secret.repeat(4)).unwrap())
    }

    #[test]
    fn a_token_serves_its_tenant_and_its_holder_only() {
        let tokens = form_tokens("abcdefg-");
        let (mine, theirs) = (Token::generate().unwrap(), Token::generate().unwrap());
        let issued = tokens.issue(TENANT(1), Holder::Session(&mine)).unwrap();

        assert!(tokens.accepts(&issued, TENANT(1), Holder::Session(&mine)));
        assert!(!tokens.accepts(&issued, TENANT(2), Holder::Session(&mine)), "another tenant's");
        assert!(!tokens.accepts(&issued, TENANT(1), Holder::Session(&theirs)), "another session's");
        assert!(!tokens.accepts(&issued, TENANT(1), Holder::Visitor(&mine)), "before signing in");
        let elsewhere = form_tokens("abcdefg_");
        assert!(!elsewhere.accepts(&issued, TENANT(1), Holder::Session(&mine)), "another instance's");
    }

    #[test]
    fn a_sealed_text_comes_back_to_its_tenant_and_its_holder_only() {
        let tokens = form_tokens("abcdefg-");
        let (mine, theirs) = (Token::generate().unwrap(), Token::generate().unwrap());
        let sealed = tokens.seal(TENANT(1), Holder::Session(&mine), "ä note");
        let open =
            |tenant, holder, sealed: &str| tokens.unseal(TENANT(tenant), Holder::Session(holder), sealed);
        assert_eq!(open(1, &mine, &sealed).as_deref(), Some("ä note"));
        assert_eq!(open(2, &mine, &sealed), None, "another tenant's");
        assert_eq!(open(1, &theirs, &sealed), None, "another session's");
        for at in 0..sealed.len() {
            let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut touched = sealed.clone();
            touched.replace_range(at..=at, other);
            assert_eq!(open(1, &mine, &touched), None, "character {at}");
        }
        for text in ["", "ä", "AAAA", &"é".repeat(30)] {
            assert_eq!(open(1, &mine, text), None, "{text}");
        }
    }

    #[test]
    fn a_fingerprint_changes_with_place_value_and_tenant() {
        let tokens = form_tokens("abcdefg-");
        let one = tokens.fingerprint(TENANT(1), "a", "bc");
        assert_eq!((one.len(), &one), (12, &tokens.fingerprint(TENANT(1), "a", "bc")));
        for (tenant, place, value) in [(2, "a", "bc"), (1, "ab", "c"), (1, "a", "bd")] {
            assert_ne!(one, tokens.fingerprint(TENANT(tenant), place, value), "{tenant} {place} {value}");
        }
        assert_ne!(one, form_tokens("abcdefg_").fingerprint(TENANT(1), "a", "bc"), "another instance's");
    }

    #[test]
    fn each_token_is_different_and_all_are_accepted() {
        let (tokens, visitor) = (form_tokens("abcdefg-"), Token::generate().unwrap());
        let issued = [(); 2].map(|()| tokens.issue(TENANT(1), Holder::Visitor(&visitor)).unwrap());
        assert_ne!(issued[0], issued[1]);
        assert!(issued.iter().all(|token| tokens.accepts(token, TENANT(1), Holder::Visitor(&visitor))));
    }

    #[test]
    fn a_token_that_was_touched_anywhere_is_refused() {
        let (tokens, visitor) = (form_tokens("abcdefg-"), Token::generate().unwrap());
        let issued = tokens.issue(TENANT(1), Holder::Visitor(&visitor)).unwrap();
        let accepts = |token: &str| tokens.accepts(token, TENANT(1), Holder::Visitor(&visitor));
        assert_eq!(issued.len(), 64);
        for at in 0..issued.len() {
            let other = if issued.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut touched = issued.clone();
            touched.replace_range(at..=at, other);
            assert!(!accepts(&touched), "character {at}");
            assert!(!accepts(&issued[..at]), "cut at {at}");
        }
        assert!(!accepts(&format!("{issued}AAAA")));
        assert!(!accepts("not base64 ✓"));
    }
}
