//! Accounts are made, and get new passwords.

use jiff::Timestamp;
use tenantry_db::TenantDb;
use tenantry_db::migrate::is_adopted;
use tenantry_db::model::{Auto, QueryError};

use super::{Email, User, Username};
use crate::auth::{HashError, HashPolicy, Hasher, NewPassword, PasswordHash};

/// A superuser to be made.
#[derive(Clone, Debug)]
pub struct NewSuperuser {
    /// The name to sign in with.
    pub username: Username,
    /// The e-mail address, which may be empty.
    pub email: Email,
    /// The password. Without one, the superuser can't sign in until there is one.
    pub password: Option<NewPassword>,
}

/// Raised when a user can't be made. None has been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateUserError {
    /// Another user of the tenant has the name.
    #[error("the username {0} is taken")]
    Taken(Username),
    /// The password can't be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The tenant's data can't be used.
    #[error("the tenant's data can't be used")]
    Query(#[from] QueryError),
}

/// Raised when a password can't be set. The old one is still good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetPasswordError {
    /// The user was deleted, or never inserted.
    #[error("there is no such user")]
    NoSuchUser,
    /// The password can't be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The tenant's data can't be used.
    #[error("the tenant's data can't be used")]
    Query(#[from] QueryError),
}

/// Which hashes this tenant's data may hold: any where this instance made the data, and where it is adopted from
/// Django, those that stock Django reads, until `upgrade` (`PASSWORD_UPGRADE=true`) says that it needn't any more.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn hash_policy(db: &TenantDb, upgrade: bool) -> Result<HashPolicy, QueryError> {
    Ok(match (is_adopted(db).await?, upgrade) {
        (false, _) => HashPolicy::Own,
        (true, false) => HashPolicy::Adopted,
        (true, true) => HashPolicy::Upgrading,
    })
}

/// Makes an active user with every permission.
///
/// # Errors
/// Raised when the name is taken, the password can't be hashed, or the tenant's data can't be used.
pub async fn create_superuser(
    db: &TenantDb,
    hasher: &Hasher,
    policy: HashPolicy,
    new: NewSuperuser,
) -> Result<User, CreateUserError> {
    let password = match &new.password {
        Some(password) => hasher.hash(password.password(), policy).await?,
        None => PasswordHash::unusable().map_err(HashError::from)?,
    };
    let user = User {
        id: Auto::unset(),
        password,
        last_login: None,
        is_superuser: true,
        username: new.username.to_string(),
        last_name: String::new(),
        email: new.email.to_string(),
        is_staff: true,
        is_active: true,
        date_joined: Timestamp::now(),
        first_name: String::new(),
    };
    db.insert(user).await.map_err(|error| match error {
        QueryError::Unique { columns } if columns == ["username"] => CreateUserError::Taken(new.username),
        other => other.into(),
    })
}

/// Gives the user a new password, and ends every session that was begun with the old one.
///
/// # Errors
/// Raised when there is no such user any more, the password can't be hashed, or the tenant's data can't be used.
pub async fn set_password(
    db: &TenantDb,
    hasher: &Hasher,
    policy: HashPolicy,
    user: &mut User,
    password: &NewPassword,
) -> Result<(), SetPasswordError> {
    let id = user.id.get().ok_or(SetPasswordError::NoSuchUser)?;
    let hash = hasher.hash(password.password(), policy).await?;
    let row = db.query::<User>().filter(User::ID.eq(id));
    if row.update([User::PASSWORD.set(hash.clone())]).await? == 0 {
        return Err(SetPasswordError::NoSuchUser);
    }
    user.password = hash;
    Ok(())
}
