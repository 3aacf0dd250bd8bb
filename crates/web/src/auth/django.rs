//! Sessions that Django began in a database that was adopted from it: each is worth one of ours, once.

use data_encoding::BASE64URL_NOPAD;
use hmac::Mac;
use jiff::Timestamp;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::Deserialize;
use tenantry_db::TenantDb;
use tenantry_db::migrate::is_adopted;
use tenantry_db::model::Model;

use super::Token;
use super::key::{DerivedKey, SecretKey};
use super::people::User;
use super::session::{self, BeginError};

/// The most that a session's data may be once it is unpacked: a thousand times what signing in puts there.
const MOST_BYTES: usize = 256 * 1_024;

/// Knows the sessions that Django 4.1 began, by the `SECRET_KEY` that they were signed with.
#[derive(Clone, Debug)]
pub struct DjangoSessions {
    signer: DerivedKey,
    passwords: DerivedKey,
}

/// A row of Django's table of sessions.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "django", crate = "tenantry_db")]
struct Session {
    #[field(primary_key, max_length = 40)]
    session_key: String,
    session_data: String,
    expire_date: Timestamp,
}

/// What signing in with Django leaves in a session.
#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Content {
    #[serde(rename = "_auth_user_id")]
    user_id: String,
    #[serde(rename = "_auth_user_hash")]
    password_hash: String,
}

impl DjangoSessions {
    /// Those that a Django project with this key began.
    #[must_use]
    pub fn new(secret: &SecretKey) -> Self {
        Self {
            signer: secret.derive_as_django("django.contrib.sessions.SessionStoresigner"),
            passwords: secret
                .derive_as_django("django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"),
        }
    }

    /// Begins a session for whoever is signed in by Django's session of this key, which ends with that: so nobody who
    /// moves over signs in anew, and signing out is for good. `None` where it is nobody's: the data is not adopted, there
    /// is no such session, it is over, its signature is wrong, or its user is inactive or has another password by now.
    ///
    /// # Errors
    /// Raised when there are no random bytes, or the tenant's data can't be used.
    pub async fn exchange(&self, db: &TenantDb, key: &str) -> Result<Option<Token>, BeginError> {
        let well_formed =
            (8..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed || !is_adopted(db).await? {
            return Ok(None);
        }
        let row = db.find::<Session>(key.to_owned()).await?;
        let Some(row) = row.filter(|row| Timestamp::now() < row.expire_date) else { return Ok(None) };
        let Some(user) = self.user_of(db, &row).await? else { return Ok(None) };
        let (token, _) = session::begin(db, &user).await?;
        // Of two requests at once, one has it.
        if db.delete::<Session>(row.session_key).await? {
            return Ok(Some(token));
        }
        session::end(db, &token).await?;
        Ok(None)
    }

    async fn user_of(&self, db: &TenantDb, row: &Session) -> Result<Option<User>, BeginError> {
        let Some(content) = self.content(&row.session_data) else { return Ok(None) };
        let Ok(id) = content.user_id.parse::<i64>() else { return Ok(None) };
        let user = db.find::<User>(id).await?;
        Ok(user.filter(|user| user.is_active && self.is_of_password(&content, user.password.as_str())))
    }

    fn is_of_password(&self, content: &Content, password: &str) -> bool {
        let told = data_encoding::HEXLOWER.decode(content.password_hash.as_bytes()).unwrap_or_default();
        self.passwords.mac().chain_update(password).verify_slice(&told).is_ok()
    }

    /// What was signed, if it was: JSON, after a dot packed by zlib, in base64; `:`, when; `:`, the signature.
    fn content(&self, data: &str) -> Option<Content> {
        let (signed, signature) = data.rsplit_once(':')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        self.signer.mac().chain_update(signed).verify_slice(&signature).ok()?;
        let (packed, _when) = signed.rsplit_once(':')?;
        let json = match packed.strip_prefix('.') {
            Some(packed) => {
                let bytes = BASE64URL_NOPAD.decode(packed.as_bytes()).ok()?;
                decompress_to_vec_zlib_with_limit(&bytes, MOST_BYTES).ok()?
            }
            None => BASE64URL_NOPAD.decode(packed.as_bytes()).ok()?,
        };
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Django 4.1.13 stores with this key for user 7, with this password and these three bytes of 64.
    const KEY: &str = "a key for tests only, and long enough";
    const PASSWORD: &str = "pbkdf2_sha256$390000$salt$hash";
    const DATA: &str = ".eJxVjMsOwiAQRf-FtSEwvF269xsIDINUDU1KuzL-uzbpQrf3nHNfLKZtbXEbtMSpsDNz7PS75YQP6jso99RvM8e5r8uU-a7wgw5-nQs9L4f7d9DSaN\
                        9ags_eJ9BSBEvG6qyNBEInjCIE5at3hnSAKk0AylWJYDJQQVTW-cLeH7hWNyc:1xWD2e:1uNKK_anCOv1Gg4e1TOYotx2Dlt46eknJcBV4HyARZ4";
    const UNPACKED: &str = "eyJhIjoxfQ:1xWD2e:h3BTAU106DjiF1WAm_B1LhfLi4Z0VWrSo8X0GQdl3Gs";

    fn sessions(key: &str) -> DjangoSessions {
        DjangoSessions::new(&SecretKey::try_from(key.to_owned()).unwrap())
    }

    #[test]
    fn what_django_signed_is_read_and_nothing_else() {
        let sessions = sessions(KEY);
        let content = sessions.content(DATA).unwrap();
        assert_eq!(content.user_id, "7");
        assert!(sessions.is_of_password(&content, PASSWORD));
        assert!(!sessions.is_of_password(&content, "pbkdf2_sha256$390000$salt$other"));
        assert_eq!(sessions.content(UNPACKED), None, "nobody is signed in");
        assert!(self::sessions("another key for tests, and long enough").content(DATA).is_none());
        for at in 0..DATA.len() {
            let other = if DATA.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut touched = DATA.to_owned();
            touched.replace_range(at..=at, other);
            assert!(sessions.content(&touched).is_none(), "character {at}");
        }
        for text in ["", ":", "::", ".:a:b", "a"] {
            assert!(sessions.content(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn data_that_is_not_packed_is_read_too() {
        let sessions = sessions(KEY);
        let json = br#"{"_auth_user_id":"7","_auth_user_hash":"00"}"#;
        let signed = format!("{}:1xWD2e", BASE64URL_NOPAD.encode(json));
        let mac = sessions.signer.mac().chain_update(&signed).finalize().into_bytes();
        let content = sessions.content(&format!("{signed}:{}", BASE64URL_NOPAD.encode(&mac))).unwrap();
        assert_eq!((content.user_id.as_str(), content.password_hash.as_str()), ("7", "00"));
        assert!(!sessions.is_of_password(&content, PASSWORD));
    }
}
