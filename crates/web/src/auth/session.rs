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

/// How many sessions that are over are removed when one begins.
const REMOVED: u64 = 10;

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

/// Begins a session for a user who has just signed in. The token goes into the cookie, and is nowhere else. Some sessions
/// that are over by the clock go with it: more than one, so that there are never more than live ones and a few.
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
    let session = db.insert(session).await?;
    remove_some_expired(db, now).await;
    Ok((token, session))
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

/// Ends the session of this token, if there is one.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn end(db: &TenantDb, token: &Token) -> Result<(), QueryError> {
    db.delete::<Session>(token.hash().to_string()).await.map(drop)
}

/// Removes some of the sessions that ended before `now`. Whoever signs in stays signed in when that fails: on a full disk
/// for one, the next who signs in does it.
async fn remove_some_expired(db: &TenantDb, now: Timestamp) {
    let expired = db.query::<Session>().filter(Session::EXPIRES.le(now)).limit(REMOVED);
    let removed = async {
        let keys: Vec<String> = expired.all().await?.into_iter().map(|session| session.key_hash).collect();
        if !keys.is_empty() {
            db.query::<Session>().filter(Session::KEY_HASH.in_(keys)).delete().await?;
        }
        Ok::<_, QueryError>(())
    };
    if let Err(error) = removed.await {
        tracing::warn!(tenant = %db.tenant().slug(), %error, "sessions that are over were not removed");
    }
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
