//! Whether someone is who they say they are.

use jiff::Timestamp;
use tenantry_db::TenantDb;
use tenantry_db::model::QueryError;

use super::{User, Username};
use crate::auth::{HashError, HashPolicy, Hasher, Password, Verdict};

/// Raised when someone can't sign in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// There is no such user, the password is wrong, or the user is inactive: which of them, nobody is told.
    #[error("the username or the password is wrong")]
    Refused,
    /// The password can't be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The tenant's data can't be used.
    #[error("the tenant's data can't be used")]
    Query(#[from] QueryError),
}

/// The most bytes of a name that are worth normalising: no stored name is as long in any encoding.
const LONGEST: usize = 4096;

/// The user with this name and this password, with the time noted down as that of the last sign-in. A hash that the
/// policy finds outdated is replaced, which ends the user's other sessions as a new password would.
///
/// An unknown user, a wrong password and an inactive user take the same work and get the same answer.
///
/// # Errors
/// Raised when the name or the password is wrong or the user inactive, the password can't be checked, or the tenant's
/// data can't be used.
pub async fn authenticate(
    db: &TenantDb,
    hasher: &Hasher,
    policy: HashPolicy,
    username: &str,
    password: &Password,
) -> Result<User, SignInError> {
    let hasher = hasher.of_tenant(db.tenant().id());
    let user = find(db, username).await?;
    let stored = user.as_ref().map(|user| &user.password);
    let verdict = hasher.verify(password, stored, policy).await?;
    let (Some(user), Verdict::Right { outdated }) = (user, verdict) else { return Err(SignInError::Refused) };
    if !user.is_active {
        return Err(SignInError::Refused);
    }
    let hash = if outdated { hasher.hash(password, policy).await? } else { user.password.clone() };
    let signed_in = User { last_login: Some(Timestamp::now()), password: hash, ..user.clone() };
    note_down(db, &user, signed_in).await
}

async fn find(db: &TenantDb, username: &str) -> Result<Option<User>, QueryError> {
    if username.contains('\0') || username.len() > LONGEST {
        return Ok(None);
    }
    let name = Username::normalised(username).into_owned();
    db.query::<User>().filter(User::USERNAME.eq(name)).first().await
}

/// Stores what signing in changes, unless the password or the right to sign in went while the password was checked.
async fn note_down(db: &TenantDb, before: &User, signed_in: User) -> Result<User, SignInError> {
    let id = before.id.get().ok_or(SignInError::Refused)?;
    let unchanged =
        User::ID.eq(id).and(User::PASSWORD.eq(before.password.clone())).and(User::IS_ACTIVE.eq(true));
    let changes =
        [User::LAST_LOGIN.set(signed_in.last_login), User::PASSWORD.set(signed_in.password.clone())];
    match db.query::<User>().filter(unchanged).update(changes).await? {
        0 => Err(SignInError::Refused),
        _ => Ok(signed_in),
    }
}
