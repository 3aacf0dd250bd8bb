//! The admin in a real browser: what people do there, by mouse and keys, and pictures of its pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod driver;
#[path = "../admin/shop.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod shop;

mod pictures;
mod work;

use common::columns::Ground;
use common::{Setup, Site, admin_of, start_with};
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::lifecycle::NewTenant;
use tenantry_db::model::Auto;
use tenantry_web::auth::people::{NewSuperuser, Permission, User, UserPermission, create_superuser};
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password};

use shop::{models, registry};

const PASSWORD: &str = "Tenant-pass-1";

/// A site whose tenant `acme` a browser finds at `acme.localhost`, with `ada` as its superuser.
async fn site() -> (Site, TenantDb) {
    let setup = Setup { app: admin_of(models()), ..Setup::default() };
    let site = start_with(Ground::files(), setup, registry(), 64);
    let new = NewTenant {
        slug: "acme".parse().unwrap(),
        name: Some("Acme & Sons".parse().unwrap()),
        domains: vec!["acme.localhost".parse().unwrap()],
        home: site.home(0),
    };
    site.instance.create_tenant(new).await.unwrap();
    let record = site.instance.directory().record(&"acme".parse().unwrap()).unwrap();
    let db = site.instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap();
    user(&db, "ada").await;
    (site, db)
}

async fn user(db: &TenantDb, name: &str) -> User {
    let new = NewSuperuser {
        username: name.parse().unwrap(),
        email: "".parse().unwrap(),
        password: Some(NewPassword::unchecked(Password::from(PASSWORD.to_owned()))),
    };
    create_superuser(db, &Hasher::default(), HashPolicy::Own, new).await.unwrap()
}

/// Someone of the staff who may only look at books.
async fn viewer(db: &TenantDb, name: &str) {
    let user = User { is_superuser: false, ..user(db, name).await };
    db.update(&user).await.unwrap();
    let view = db.query::<Permission>().filter(Permission::CODENAME.eq("view_book")).one().await.unwrap();
    let (user_id, permission_id) = (user.id.get().unwrap(), view.id.get().unwrap());
    db.insert(UserPermission { id: Auto::unset(), user_id, permission_id }).await.unwrap();
}
