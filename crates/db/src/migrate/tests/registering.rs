//! Registering: what is refused before any file is touched, and checksums.

use super::*;
use crate::migrate::builtin;
use crate::migrate::checksum::checksum;
use crate::migrate::{Column, Index, RegistryError, Sql, Table};
use crate::model::OnDelete;

fn refusal(migration: Migration) -> String {
    let registry = Registry { models: Vec::new(), migrations: vec![migration] };
    History::new(registry).unwrap_err().to_string()
}

fn migration() -> Migration {
    Migration::new("notes", "0001_initial")
}

fn table() -> Table {
    Table::new("notes_note").column(Column::id())
}

/// Our own migrations never change: a tenant's data made by any release must match.
#[test]
fn the_checksums_of_our_own_migrations_are_what_they_have_always_been() {
    let found: Vec<_> = builtin::migrations()
        .iter()
        .map(|migration| format!("{} {}", migration.id(), checksum(migration)))
        .collect();
    assert_eq!(found, include_str!("builtin_checksums.txt").lines().collect::<Vec<_>>());
}

#[test]
fn whatever_a_migration_says_is_part_of_its_checksum() {
    let sql = |sqlite, postgres| migration().run_sql(Sql { sqlite, postgres });
    let with = |column: Column| migration().create_table(table().column(column));
    let different = [
        migration(),
        migration().create_table(table()),
        migration().drop_table("notes_note"),
        with(Column::text("title")),
        with(Column::text("title").null()),
        with(Column::text("title").unique()),
        with(Column::text("title").index()),
        with(Column::text("title").index_named("by_title")),
        with(Column::text("title").default("")),
        with(Column::text("title").default("x")),
        with(Column::varchar("title", 200)),
        with(Column::varchar("title", 201)),
        with(Column::int("title")),
        with(Column::int("title").not_negative()),
        with(Column::int("title").references("notes_note", "id", OnDelete::Cascade)),
        with(Column::int("title").references("notes_note", "id", OnDelete::Protect)),
        with(Column::text("title")).create_index("notes_note", Index::on(["title"])),
        with(Column::text("title")).create_index("notes_note", Index::on(["title"]).unique()),
        sql("a", "bc"),
        sql("ab", "c"),
        migration().run_rust("first", |_| Box::pin(async { Ok(()) })),
        migration().run_rust("second", |_| Box::pin(async { Ok(()) })),
    ];
    let sums: std::collections::BTreeSet<_> = different.iter().map(checksum).collect();
    assert_eq!(sums.len(), different.len());
}

#[test]
fn the_version_changes_with_every_migration() {
    let one = history(vec![migration()]);
    let same = history(vec![migration()]);
    let two = history(vec![migration(), Migration::new("notes", "0002_more")]);
    assert_eq!(one.version(), same.version());
    assert_ne!(one.version(), two.version());
}

#[test]
fn a_migration_that_breaks_a_rule_is_refused_with_the_rule() {
    let with = |column: Column| migration().create_table(table().column(column));
    let cases = [
        (Migration::new("Notes", "0001_initial"), "can't be the name of an application"),
        (Migration::new("notes", "0001 initial"), "can't be the name of a migration"),
        (migration().drop_table("x; DROP TABLE auth_user"), "can't be the name of a table"),
        (with(Column::text("a\"b")), "can't be the name of a column"),
        (with(Column::text("")), "can't be the name of a column"),
        (with(Column::text("a").index_named("Über")), "can't be the name of an index"),
        (with(Column::int("a_id").references("x y", "id", OnDelete::Cascade)), "the name of a table"),
        (migration().create_table(Table::new("auth_note").column(Column::id())), "auth_note is frozen"),
        (migration().drop_table("django_session"), "django_session is frozen"),
        (migration().rename_table("notes_note", "tenantry_note"), "tenantry_note is frozen"),
        (migration().add_column("auth_user", Column::text("a").null()), "auth_user is frozen"),
        (with(Column::int("tenant_id")), "tenant's own column"),
        (migration().create_table(Table::new("notes_note").column(Column::text("a"))), "exactly one column"),
        (with(Column::uuid("other").primary_key()), "exactly one column"),
        (with(Column::text("id")), "column id is there twice"),
        (migration().create_table(table().index(["nothing"])), "not over columns of that table"),
        (migration().create_table(table().unique(["id", "id"])), "column id is there twice"),
        (with(Column::decimal("a", 19, 2)), "1 to 18 digits"),
        (with(Column::decimal("a", 2, 3)), "1 to 18 digits"),
        (with(Column::varchar("a", 0)), "room for no character"),
        (with(Column::text("a").not_negative()), "is no integer"),
        (with(Column::text("a").default(1)), "default that is no value of its kind"),
        (with(Column::float("a").default(f64::NAN)), "default that is no value of its kind"),
        (with(Column::varchar("a", 2).default("abc")), "no value of its kind"),
        (with(Column::json("a").default("{")), "no value of its kind"),
        (with(Column::int("a_id").references("auth_user", "id", OnDelete::SetNull)), "must allow NULL"),
        (migration().add_column("notes_note", Column::text("a")), "needs a default or must allow NULL"),
        (migration().add_column("notes_note", Column::text("a").null().unique()), "create a unique index"),
        (migration().rename_column("notes_note", "a", "b").additive(), "declared additive"),
        (migration().create_index("notes_note", Index::on(["a"]).unique()).additive(), "declared additive"),
        (migration().additive().drop_table("notes_note"), "declared additive"),
    ];
    for (migration, expected) in cases {
        let said = refusal(migration);
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn a_name_is_registered_once_and_ours_not_at_all() {
    let twice = Registry { models: Vec::new(), migrations: vec![migration(), migration()] };
    assert_eq!(History::new(twice).unwrap_err(), RegistryError::Twice(migration().id()));
    let taken = Migration::new("tenantry", "0009_mine");
    let said = refusal(taken);
    assert!(said.contains("tenantry.0009_mine can't be registered"), "{said}");
}
