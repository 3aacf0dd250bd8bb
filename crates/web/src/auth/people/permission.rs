//! What a user may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tenantry_db::TenantDb;
use tenantry_db::model::QueryError;

use super::{ContentType, GroupPermission, Permission, User, UserGroup, UserPermission};

/// A permission's name, `notes.add_note` for one: the application, and the permission's name in code.
///
/// ```
/// use tenantry_web::auth::people::PermissionName;
///
/// assert!("notes.add_note".parse::<PermissionName>().is_ok());
/// assert!("add_note".parse::<PermissionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PermissionName {
    app: String,
    codename: String,
}

/// Raised when a text is not a permission's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a permission: it has the form application.codename")]
pub struct PermissionNameError(String);

impl FromStr for PermissionName {
    type Err = PermissionNameError;

    fn from_str(text: &str) -> Result<Self, PermissionNameError> {
        match text.split_once('.') {
            Some((app, codename)) if !app.is_empty() && !codename.is_empty() && !text.contains('\0') => {
                Ok(Self { app: app.to_owned(), codename: codename.to_owned() })
            }
            _ => Err(PermissionNameError(text.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for PermissionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.app, self.codename)
    }
}

/// Whether the user has the permission, in person or through a group. An inactive user has none; an active superuser
/// has every one, even one that does not exist.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub async fn has_perm(db: &TenantDb, user: &User, permission: &PermissionName) -> Result<bool, QueryError> {
    let (true, Some(id)) = (user.is_active, user.id.get()) else { return Ok(false) };
    if user.is_superuser {
        return Ok(true);
    }
    let of_app = Permission::CONTENT_TYPE_ID
        .in_rows(ContentType::ID, ContentType::APP_LABEL.eq(permission.app.as_str()));
    let in_person = Permission::ID.in_rows(UserPermission::PERMISSION_ID, UserPermission::USER_ID.eq(id));
    let of_groups = GroupPermission::GROUP_ID.in_rows(UserGroup::GROUP_ID, UserGroup::USER_ID.eq(id));
    let by_group = Permission::ID.in_rows(GroupPermission::PERMISSION_ID, of_groups);
    db.query::<Permission>()
        .filter(Permission::CODENAME.eq(permission.codename.as_str()))
        .filter(of_app)
        .filter(in_person.or(by_group))
        .exists()
        .await
}

/// Everything that a user may do, asked for once: for a page that shows what is permitted and leaves out the rest.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    every: bool,
    held: BTreeSet<(String, String)>,
}

impl Permissions {
    /// What the user may do now, in person and through groups: as [`has_perm`] would say of each permission.
    ///
    /// # Errors
    /// Raised when the tenant's data can't be used.
    pub async fn of(db: &TenantDb, user: &User) -> Result<Self, QueryError> {
        let (true, Some(id)) = (user.is_active, user.id.get()) else { return Ok(Self::default()) };
        if user.is_superuser {
            return Ok(Self { every: true, held: BTreeSet::new() });
        }
        let rows = db.raw(HELD, vec![id.into()]).await?;
        let held = rows.iter().map(|row| Ok((row.get("app")?, row.get("codename")?)));
        Ok(Self { every: false, held: held.collect::<Result<_, QueryError>>()? })
    }

    /// Whether the permission is among them.
    #[must_use]
    pub fn has(&self, app: &str, codename: &str) -> bool {
        self.every || self.held.contains(&(app.to_owned(), codename.to_owned()))
    }
}

const HELD: &str = "SELECT of.app_label AS app, may.codename AS codename FROM auth_permission AS may \
    JOIN django_content_type AS of ON of.id = may.content_type_id WHERE may.id IN \
    (SELECT permission_id FROM auth_user_user_permissions WHERE user_id = $1 UNION \
     SELECT by_group.permission_id FROM auth_group_permissions AS by_group JOIN auth_user_groups AS own \
     ON own.group_id = by_group.group_id WHERE own.user_id = $1)";
