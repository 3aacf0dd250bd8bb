//! Django's tables of people as models. Their names, columns and meanings are frozen.

#![allow(clippy::duplicated_attributes, reason = "each many-to-many relation names its own `from` and `to`")]

use jiff::Timestamp;
use tenantry_db::model::{Auto, Model};

use crate::auth::{Attributes, PasswordHash};

/// Someone who may sign in to a tenant.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "auth",
    crate = "tenantry_db",
    ordering("username"),
    many_to_many(groups = "auth_group", through = "auth_user_groups", from = "user_id", to = "group_id"),
    many_to_many(
        user_permissions = "auth_permission",
        through = "auth_user_user_permissions",
        from = "user_id",
        to = "permission_id"
    )
)]
pub struct User {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The password, in its stored form.
    #[field(max_length = 128)]
    pub password: PasswordHash,
    /// When the user last signed in, if ever.
    pub last_login: Option<Timestamp>,
    /// Whether the user has every permission, named or not.
    #[field(default = false)]
    pub is_superuser: bool,
    /// The name to sign in with: see [`Username`](super::Username).
    #[field(max_length = 150, unique)]
    pub username: String,
    /// The last name, or empty.
    #[field(max_length = 150)]
    pub last_name: String,
    /// The e-mail address, or empty: see [`Email`](super::Email).
    #[field(max_length = 254)]
    pub email: String,
    /// Whether the user may see the admin site.
    #[field(default = false)]
    pub is_staff: bool,
    /// Whether the user may sign in. A user who must not is made inactive rather than deleted.
    #[field(default = true)]
    pub is_active: bool,
    /// When the user was made.
    #[field(default = now)]
    pub date_joined: Timestamp,
    /// The first name, or empty.
    #[field(max_length = 150)]
    pub first_name: String,
}

/// Users who have permissions in common.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "auth",
    crate = "tenantry_db",
    ordering("name"),
    many_to_many(
        permissions = "auth_permission",
        through = "auth_group_permissions",
        from = "group_id",
        to = "permission_id"
    )
)]
pub struct Group {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// Its name.
    #[field(max_length = 150, unique)]
    pub name: String,
}

/// Something that a user may be allowed to do to the rows of one model.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "auth", crate = "tenantry_db", unique_together("content_type_id", "codename"))]
pub struct Permission {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The model.
    #[field(references(ContentType), on_delete = cascade)]
    pub content_type_id: i64,
    /// Its name in code, `add_note` for one.
    #[field(max_length = 100)]
    pub codename: String,
    /// Its name for people.
    #[field(max_length = 255)]
    pub name: String,
}

/// A model, as permissions and the log refer to it. Its key differs from tenant to tenant: never keep one.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "contenttypes",
    table = "django_content_type",
    crate = "tenantry_db",
    unique_together("app_label", "model")
)]
pub struct ContentType {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The application that the model belongs to.
    #[field(max_length = 100)]
    pub app_label: String,
    /// The model's name in lower case.
    #[field(max_length = 100)]
    pub model: String,
}

/// That a user is in a group.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "auth",
    table = "auth_user_groups",
    crate = "tenantry_db",
    unique_together("user_id", "group_id")
)]
pub struct UserGroup {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The user.
    #[field(references(User), on_delete = cascade)]
    pub user_id: i64,
    /// The group.
    #[field(references(Group), on_delete = cascade)]
    pub group_id: i64,
}

/// That a user has a permission in person.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "auth",
    table = "auth_user_user_permissions",
    crate = "tenantry_db",
    unique_together("user_id", "permission_id")
)]
pub struct UserPermission {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The user.
    #[field(references(User), on_delete = cascade)]
    pub user_id: i64,
    /// The permission.
    #[field(references(Permission), on_delete = cascade)]
    pub permission_id: i64,
}

/// That everyone in a group has a permission.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(
    app = "auth",
    table = "auth_group_permissions",
    crate = "tenantry_db",
    unique_together("group_id", "permission_id")
)]
pub struct GroupPermission {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The group.
    #[field(references(Group), on_delete = cascade)]
    pub group_id: i64,
    /// The permission.
    #[field(references(Permission), on_delete = cascade)]
    pub permission_id: i64,
}

impl User {
    /// What a new password of this user must not resemble.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes {
            username: &self.username,
            first_name: &self.first_name,
            last_name: &self.last_name,
            email: &self.email,
        }
    }
}
