//! What a user may do.

use std::fmt;
use std::str::FromStr;

use tenantry_db::TenantDb;
use tenantry_db::model::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use tenantry_db::model::{Column, Model, QueryError};

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
    let of_app = ids(ContentType::ID, ContentType::APP_LABEL.expr().eq(permission.app.as_str()));
    let in_person = ids(UserPermission::PERMISSION_ID, UserPermission::USER_ID.expr().eq(id));
    let groups = ids(UserGroup::GROUP_ID, UserGroup::USER_ID.expr().eq(id));
    let by_group = ids(GroupPermission::PERMISSION_ID, GroupPermission::GROUP_ID.expr().in_subquery(groups));
    let own = |selected| Permission::ID.expr().in_subquery(selected);
    db.query::<Permission>()
        .filter(Permission::CODENAME.eq(permission.codename.as_str()))
        .filter_expr(Permission::CONTENT_TYPE_ID.expr().in_subquery(of_app))
        .filter_expr(own(in_person).or(own(by_group)))
        .exists()
        .await
}

/// The values of one column in the rows of its table for which a condition holds.
fn ids<M: Model, T>(column: Column<M, T>, condition: Expr) -> SelectStatement {
    Query::select().expr(column.expr()).from(M::TABLE).and_where(condition).take()
}
