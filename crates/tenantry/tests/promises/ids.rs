//! Ids that belong to one tenant: what they name is asked for in that tenant's own data, each time.

use tempfile::TempDir;
use tenantry::core::Alias;
use tenantry::db::lifecycle::Home;
use tenantry::db::migrate::Registry;
use tenantry::db::model::Value;
use tenantry::prelude::*;
use tenantry::web::auth::people::{PermissionName, User, has_perm};

use crate::site::{door, instance, make, make_in};

#[derive(Model)]
#[model(app = "notes")]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 200)]
    title: String,
}

/// A model of an earlier program.
#[derive(Model)]
#[model(app = "early")]
struct Early {
    #[field(primary_key)]
    id: Auto<i64>,
}

fn notes() -> Registry {
    let table = Table::new("notes_note").column(Column::id()).column(Column::varchar("title", 200));
    let made = Migration::new("notes", "0001_initial").create_table(table);
    Registry { models: vec![Note::META], migrations: vec![made] }
}

/// A database that an earlier program made: what is the content type of notes elsewhere is that of `Early` here.
async fn early_database(folder: &TempDir) {
    let elsewhere = tempfile::tempdir().unwrap();
    let early = instance(elsewhere.path(), Registry { models: vec![Early::META], migrations: vec![] });
    let legacy: Alias = "legacy".parse().unwrap();
    make_in(&early, "early", Home::Database(legacy)).await;
    early.close().await;
    std::fs::copy(elsewhere.path().join("legacy.sqlite3"), folder.path().join("legacy.sqlite3")).unwrap();
}

async fn id_of(db: &TenantDb, app: &str, codename: &str) -> i64 {
    let sql = "SELECT permission.id AS id FROM auth_permission AS permission JOIN django_content_type AS of \
               ON of.id = permission.content_type_id WHERE of.app_label = ? AND permission.codename = ?";
    let rows = db.raw(sql, vec![app.into(), codename.into()]).await.unwrap();
    rows[0].get("id").unwrap()
}

/// A user with the one permission that has this id.
async fn user_with(db: &TenantDb, permission: i64) -> User {
    let user = User {
        id: Auto::unset(),
        password: String::new().into(),
        last_login: None,
        is_superuser: false,
        username: "ann".to_owned(),
        last_name: String::new(),
        email: String::new(),
        is_staff: true,
        is_active: true,
        date_joined: Timestamp::now(),
        first_name: String::new(),
    };
    let user = db.insert(user).await.unwrap();
    let give = "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (?, ?)";
    let values: Vec<Value> = vec![user.id.get().unwrap().into(), permission.into()];
    db.raw_execute(give, values).await.unwrap();
    user
}

#[tokio::test]
async fn an_id_of_one_tenant_names_nothing_in_another() {
    let folder = tempfile::tempdir().unwrap();
    early_database(&folder).await;
    let instance = instance(folder.path(), notes());
    make(&instance, "acme").await;
    make_in(&instance, "globex", Home::Database("legacy".parse().unwrap())).await;
    let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));

    let id = id_of(&acme, "notes", "add_note").await;
    assert_eq!(id_of(&globex, "early", "add_early").await, id, "one id, two meanings");
    assert_ne!(id_of(&globex, "notes", "add_note").await, id);
    let (ann, namesake) = (user_with(&acme, id).await, user_with(&globex, id).await);
    assert_eq!(ann.id, namesake.id);

    let add_note: PermissionName = "notes.add_note".parse().unwrap();
    let add_early: PermissionName = "early.add_early".parse().unwrap();
    // In turn, so that what is remembered of one would be used for the other.
    for round in 0..3 {
        for (db, user, expected) in [(&acme, &ann, [true, false]), (&globex, &namesake, [false, true])] {
            let may =
                [has_perm(db, user, &add_note).await.unwrap(), has_perm(db, user, &add_early).await.unwrap()];
            assert_eq!(may, expected, "{} in round {round}", db.tenant().slug());
        }
    }
}
