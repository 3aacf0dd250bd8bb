//! Adoption: databases that the real Django 4.1 made, and ours as Django sees them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::migrate::{Column, State, Table, Unrecognised, is_adopted};
use crate::model::OnDelete;

/// Runs `with_django.py` beside this file with the Python of `TENANTRY_TEST_PYTHON`, and returns what it prints.
#[expect(clippy::disallowed_methods, reason = "which Python to test with is no setting of the program")]
fn django(command: &str, database: &Path) -> String {
    let python = std::env::var_os("TENANTRY_TEST_PYTHON").expect(
        "TENANTRY_TEST_PYTHON must name a Python that has Django 4.1 (`cargo xtask test` sets one up by itself)",
    );
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/migrate/tests/with_django.py");
    let output = Command::new(&python).arg(script).arg(command).arg(database).output();
    let output = output.unwrap_or_else(|error| panic!("TENANTRY_TEST_PYTHON can't be run: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "with_django.py {command} failed:\n{told}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A file that Django made and migrated, with the superuser `admin` and one group.
fn made_by_django() -> Fixture {
    let fixture = Fixture::empty();
    std::fs::remove_file(fixture.path()).unwrap();
    django("make", fixture.path());
    fixture
}

fn is_frozen(table: &str) -> bool {
    table.starts_with("auth_") || table.starts_with("django_")
}

fn notes() -> Migration {
    Migration::new("notes", "0001_initial").create_table(
        Table::new("notes_note").column(Column::id()).column(Column::big_int("author_id").references(
            "auth_user",
            "id",
            OnDelete::Cascade,
        )),
    )
}

#[tokio::test]
async fn a_database_that_django_made_is_taken_over_without_a_change_to_djangos_tables() {
    let fixture = made_by_django();
    let before = fixture.dump(is_frozen);
    let history = history(vec![notes()]);
    let plan = fixture.plan(&history).await.unwrap();
    assert!(plan.adopted());
    assert_eq!(plan.migrations[1].state, State::ToAdopt);

    let applied = fixture.apply(&history).await.unwrap();
    assert_eq!(applied.migrations.len(), 4);
    assert_eq!(fixture.dump(is_frozen), before);
    let added: BTreeSet<_> = fixture.tables().into_iter().filter(|table| !is_frozen(table)).collect();
    let expected = ["notes_note", "sqlite_sequence", "tenantry_migration", "tenantry_session"];
    assert_eq!(added, expected.map(str::to_owned).into());

    let plan = fixture.plan(&history).await.unwrap();
    assert!(plan.adopted(), "the flag stays readable");
    assert!(is_adopted(&fixture.door()).await.unwrap());
    assert_eq!(plan.migrations[1].state, State::Adopted);
    assert_eq!(plan.pending().count(), 0);
    assert_eq!(django("check", fixture.path()), "admin signs in, nothing to migrate");
}

#[tokio::test]
async fn a_database_that_we_made_is_to_django_one_of_its_own() {
    let (ours, theirs) = (Fixture::empty(), made_by_django());
    ours.apply(&history(vec![])).await.unwrap();
    assert_eq!(ours.frozen_schema(), theirs.frozen_schema());
    let rows = |fixture: &Fixture| {
        ["django_content_type", "auth_permission"].map(|table| rows(&fixture.connection(), table))
    };
    assert_eq!(rows(&ours), rows(&theirs));
    assert!(!is_adopted(&ours.door()).await.unwrap());

    let before = ours.everything();
    assert_eq!(django("migrate", ours.path()), "nothing to migrate");
    assert_eq!(ours.everything(), before);
}

#[tokio::test]
async fn a_model_adds_its_permissions_to_djangos_and_changes_none_of_them() {
    let fixture = made_by_django();
    let before: BTreeSet<_> = fixture.dump(is_frozen).into_iter().collect();
    let registry = Registry { models: vec![&NOTE], migrations: vec![notes()] };
    fixture.apply(&Arc::new(History::new(registry).unwrap())).await.unwrap();
    let after: BTreeSet<_> = fixture.dump(is_frozen).into_iter().collect();
    assert!(after.is_superset(&before));
    let added: Vec<_> = after.difference(&before).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(added, ["auth_permission"; 4].into_iter().chain(["django_content_type"]).collect::<Vec<_>>());
    assert_eq!(django("check", fixture.path()), "admin signs in, nothing to migrate");
}

#[tokio::test]
async fn the_seeds_own_table_of_tenants_is_left_alone() {
    let fixture = made_by_django();
    let connection = fixture.connection();
    connection.execute_batch(
        "CREATE TABLE tenant_tenant (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(100) NOT NULL UNIQUE);
         INSERT INTO tenant_tenant (name) VALUES ('Acme');",
    ).unwrap();
    let before = fixture.dump(|table| table == "tenant_tenant");
    fixture.apply(&history(vec![])).await.unwrap();
    assert_eq!(fixture.dump(|table| table == "tenant_tenant"), before);
}

#[tokio::test]
async fn a_database_that_is_only_partly_djangos_is_refused_and_not_changed() {
    let cases = [
        ("DROP TABLE django_session", Unrecognised::Table("django_session")),
        (
            "ALTER TABLE auth_user DROP COLUMN email",
            Unrecognised::Column { table: "auth_user", column: "email" },
        ),
        (
            "ALTER TABLE auth_user DROP COLUMN email; ALTER TABLE auth_user ADD COLUMN email varchar(75) NULL",
            Unrecognised::Kind {
                table: "auth_user",
                column: "email",
                found: "varchar(75)".to_owned(),
                expected: "varchar(254) NOT NULL".to_owned(),
            },
        ),
        (
            "DROP INDEX auth_user_groups_user_id_group_id_94350c0c_uniq",
            Unrecognised::Unique { table: "auth_user_groups", columns: "user_id, group_id".to_owned() },
        ),
        (
            "PRAGMA foreign_keys = OFF; DROP TABLE auth_group; CREATE TABLE auth_group (id integer NOT NULL PRIMARY KEY, \
             name varchar(150) NOT NULL UNIQUE, colour text NOT NULL)",
            Unrecognised::Extra { table: "auth_group", column: "colour".to_owned() },
        ),
    ];
    for (damage, expected) in cases {
        let fixture = made_by_django();

        fixture.connection().execute_batch(damage).unwrap();
        let before = fixture.everything();
        let error = fixture.apply(&history(vec![notes()])).await.unwrap_err();
        assert!(matches!(&error, ApplyError::Unrecognised(found) if *found == expected), "{error}");
        assert_eq!(fixture.everything(), before, "{damage}");
    }
}
