//! Sessions: how a tenant's data remembers who signed in, and for how long.
//!
//! They live in the tenant's own data: another tenant has no row for the same cookie. The table `tenantry_session` has
//! the columns of [`Session`].

use jiff::{SignedDuration, Timestamp};
use tenantry_db::TenantDb;
use tenantry_db::model::{Model, QueryError};

use super::people::User;
use super::{RandomError, Token};

/// How long after signing in a session ends, whatever happens: 14 days, as the seed's cookie.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long after it was last used a session ends: 7 days, so that a machine left behind is not open for longer, and a
/// week's pause is no new sign-in.
pub const IDLE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How old the note of the last use may get: reading a page is not to write each time.
const NOTED: SignedDuration = SignedDuration::from_mins(10);

/// That someone signed in.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "tenantry", crate = "tenantry_db")]
pub struct Session {
    /// The hash of the token in the cookie, as 64 hexadecimal digits.
    #[field(primary_key, max_length = 64)]
    pub key_hash: String,
    /// Who signed in.
    #[field(references(User), on_delete = cascade, index)]
    pub user_id: i64,
    /// What the user's password hash was known by then: with another password, the session is over.
    #[field(max_length = 64)]
    pub fingerprint: String,
    /// When the user signed in.
    pub created: Timestamp,
    /// When the session was last used, to within ten minutes.
    pub last_seen: Timestamp,
    /// When it ends, whatever happens.
    #[field(index)]
    pub expires: Timestamp,
}

/// Someone who is signed in: an active user with a session that is good.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedIn {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
}

/// Raised when a session can't be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// No token could be made.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The user was never inserted.
    #[error("a session is only for a user that is stored")]
    Unsaved,
    /// The tenant's data can't be used.
    #[error("the tenant's data can't be used")]
    Query(#[from] QueryError),
}

/// Begins a session for a user who has just signed in. The token goes into the cookie, and is nowhere else.
///
/// # Errors
/// Raised when there are no random bytes, or the tenant's data can't be used.
pub async fn begin(db: &TenantDb, user: &User) -> Result<(Token, Session), BeginError> {
    let token = Token::generate()?;
    let now = Timestamp::now();
    let session = Session {
        key_hash: token.hash().to_string(),
        user_id: user.id.get().ok_or(BeginError::Unsaved)?,
        fingerprint: user.password.fingerprint(),
        created: now,
        last_seen: now,
        expires: now + LIFETIME,
    };
    Ok((token, db.insert(session).await?))
}

/// Who is signed in by this token, if anybody is. A session that is over is removed on the way.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn load(db: &TenantDb, token: &Token) -> Result<Option<SignedIn>, QueryError> {
    let Some(session) = db.find::<Session>(token.hash().to_string()).await? else { return Ok(None) };
    let user = db.find::<User>(session.user_id).await?;
    let now = Timestamp::now();
    let Some(user) = user.filter(|user| session.is_good(user, now)) else {
        db.delete::<Session>(session.key_hash).await?;
        return Ok(None);
    };
    if now.duration_since(session.last_seen) > NOTED {
        note_use(db, &session, now).await;
    }
    Ok(Some(SignedIn { user, session }))
}

/// Replaces the token of a session, as is due when the user's password or rights change: whoever had the old token has
/// nothing. The session ends no later for it.
///
/// # Errors
/// Raised when there are no random bytes, the session has ended, or the tenant's data can't be used.
pub async fn rotate(db: &TenantDb, signed_in: &SignedIn) -> Result<Token, BeginError> {
    let token = Token::generate()?;
    let changes = [
        Session::KEY_HASH.set(token.hash().to_string()),
        Session::FINGERPRINT.set(signed_in.user.password.fingerprint()),
    ];
    let old = signed_in.session.key_hash.as_str();
    match db.query::<Session>().filter(Session::KEY_HASH.eq(old)).update(changes).await? {
        0 => Err(QueryError::NotFound { model: Session::TABLE }.into()),
        _ => Ok(token),
    }
}

/// Ends the session of this token, if there is one.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn end(db: &TenantDb, token: &Token) -> Result<(), QueryError> {
    db.delete::<Session>(token.hash().to_string()).await.map(drop)
}

/// Removes the sessions that are over by the clock, and says how many they were.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn remove_expired(db: &TenantDb) -> Result<u64, QueryError> {
    let now = Timestamp::now();
    let over = Session::EXPIRES.le(now).or(Session::LAST_SEEN.le(now - IDLE));
    db.query::<Session>().filter(over).delete().await
}

impl Session {
    fn is_good(&self, user: &User, now: Timestamp) -> bool {
        user.is_active
            && now < self.expires
            && now.duration_since(self.last_seen) < IDLE
            && self.fingerprint == user.password.fingerprint()
    }
}

/// Notes down that the session was used. Whoever is signed in stays so when that fails, on a full disk for one.
async fn note_use(db: &TenantDb, session: &Session, now: Timestamp) {
    let row = db.query::<Session>().filter(Session::KEY_HASH.eq(session.key_hash.as_str()));
    if let Err(error) = row.update([Session::LAST_SEEN.set(now)]).await {
        tracing::warn!(tenant = %db.tenant().slug(), %error, "the use of a session was not noted down");
    }
}
