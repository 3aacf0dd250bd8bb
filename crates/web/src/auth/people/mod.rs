//! A tenant's people: its users, their groups, and what these permit. The tables are Django's, unchanged.

mod account;
mod models;
mod name;
mod permission;
mod sign_in;

pub use account::{
    CreateUserError, NewSuperuser, SetPasswordError, create_superuser, hash_policy, set_password,
};
pub use models::{ContentType, Group, GroupPermission, Permission, User, UserGroup, UserPermission};
pub use name::{Email, EmailError, Username, UsernameError};
pub use permission::{PermissionName, PermissionNameError, Permissions, has_perm};
pub use sign_in::{SignInError, authenticate};
