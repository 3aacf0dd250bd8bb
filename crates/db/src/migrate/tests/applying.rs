//! Applying: order, atomicity, the ledger, and what models need.

use std::sync::Mutex;

use rusqlite::Connection;
use tokio::sync::Notify;

use super::*;
use crate::migrate::{Column, Index, LedgerError, MigrationId, Sql, State, StepDb, StepError, Table};
use crate::model::{OnDelete, Value};

fn notes() -> Migration {
    Migration::new("notes", "0001_initial").create_table(
        Table::new("notes_note")
            .column(Column::id())
            .column(Column::varchar("title", 200))
            .column(Column::big_int("author_id").null().references("auth_user", "id", OnDelete::SetNull))
            .column(Column::datetime("created").index())
            .unique(["author_id", "title"]),
    )
}

fn sql(sqlite: &'static str) -> Sql {
    Sql { sqlite, postgres: "SELECT 1" }
}

fn fails() -> Result<(), StepError> {
    Err("the step had enough".into())
}

fn one<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn id(app: &str, name: &str) -> MigrationId {
    MigrationId { app: app.to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn an_empty_file_gets_every_migration_in_order_and_the_second_time_none() {
    let fixture = Fixture::empty();
    let history = history(vec![notes()]);
    let plan = fixture.plan(&history).await.unwrap();
    assert!(plan.migrations.iter().all(|planned| planned.state == State::ToApply));
    assert!(!plan.adopted());

    let applied = fixture.apply(&history).await.unwrap();
    let order =
        ["tenantry.0001_ledger", "django.0001_initial", "tenantry.0002_sessions", "notes.0001_initial"];
    assert_eq!(names(&applied), order);

    let before = fixture.everything();
    assert_eq!(fixture.apply(&history).await.unwrap(), Applied::default());
    assert_eq!(fixture.everything(), before);
    let plan = fixture.plan(&history).await.unwrap();
    assert!(plan.migrations.iter().all(|planned| planned.state == State::Applied));
    assert_eq!(plan.pending().count(), 0);
}

#[tokio::test]
async fn a_table_has_the_columns_indexes_and_references_that_were_declared() {
    let fixture = Fixture::empty();
    fixture.apply(&history(vec![notes()])).await.unwrap();
    let schema = fixture.dump(|table| table == "notes_note").join("\n");
    for part in [
        r#""id" integer NOT NULL PRIMARY KEY AUTOINCREMENT"#,
        r#""title" varchar(200) NOT NULL"#,
        r#""author_id" integer NULL REFERENCES "auth_user" ("id") ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"#,
        r#"CREATE INDEX "notes_note_author_id_idx" ON "notes_note" ("author_id")"#,
        r#"CREATE INDEX "notes_note_created_idx" ON "notes_note" ("created")"#,
        r#"CREATE UNIQUE INDEX "notes_note_author_id_title_uniq" ON "notes_note" ("author_id", "title")"#,
    ] {
        assert!(schema.contains(part), "{part} is not in\n{schema}");
    }
}

#[tokio::test]
async fn every_kind_of_column_and_operation_is_rendered_so_that_sqlite_takes_it() {
    let fixture = Fixture::empty();
    let every_kind = Table::new("notes_kinds")
        .column(Column::uuid("id").primary_key())
        .column(Column::small_int("small").not_negative().default(3))
        .column(Column::int("int").default(-4))
        .column(Column::bool("flag").default(true))
        .column(Column::float("ratio").default(0.5))
        .column(Column::decimal("price", 10, 2))
        .column(Column::text("body").default("it's"))
        .column(Column::date("day").null())
        .column(Column::json("extra").null())
        .column(Column::binary("blob").null());
    let changes = Migration::new("notes", "0003_changes")
        .rename_table("notes_kinds", "notes_kind")
        .rename_column("notes_kind", "ratio", "share")
        .add_column("notes_kind", Column::varchar("colour", 20).default("red").index())
        .add_column(
            "notes_kind",
            Column::uuid("of_id").null().references("notes_kind", "id", OnDelete::Cascade),
        )
        .create_index("notes_kind", Index::on(["day", "flag"]).named("by_day"))
        .drop_index("notes_kind", Index::on(["day", "flag"]).named("by_day"))
        .drop_column("notes_kind", "blob")
        .drop_table("notes_note");
    let kinds = Migration::new("notes", "0002_kinds")
        .create_table(every_kind)
        .run_sql(sql("INSERT INTO notes_kinds (id, price) VALUES ('a', 1250); ; -- and no more"));
    fixture.apply(&history(vec![notes(), kinds, changes])).await.unwrap();

    let connection = fixture.connection();
    let row = "SELECT small || int || flag || share || price || body || colour FROM notes_kind";
    assert_eq!(one::<String>(&connection, row), "3-410.51250it'sred");
    assert!(connection.execute("UPDATE notes_kind SET small = -1", []).is_err(), "below zero");
    let gone = "SELECT count(*) FROM sqlite_master WHERE tbl_name = 'notes_note' OR name = 'by_day'";
    assert_eq!(one::<i64>(&connection, gone), 0);
}

#[tokio::test]
async fn a_migration_that_fails_in_the_middle_leaves_nothing_and_the_ones_before_it_stay() {
    let broken: [(Migration, &str); 4] = [
        (
            Migration::new("notes", "0002_broken")
                .create_table(Table::new("notes_tag").column(Column::id()))
                .run_sql(sql("UPDATE notes_note SET title = 'x'; INSERT INTO nowhere VALUES (1)")),
            "no such table: nowhere",
        ),
        (
            Migration::new("notes", "0002_broken")
                .create_table(Table::new("notes_tag").column(Column::id()))
                .run_rust("gives_up", |db| {
                    Box::pin(async move {
                        db.raw_execute("UPDATE notes_note SET title = 'x'", vec![]).await?;
                        fails()
                    })
                }),
            "the step had enough",
        ),
        (
            Migration::new("notes", "0002_broken")
                .create_table(Table::new("notes_tag").column(Column::id()))
                .run_sql(sql("UPDATE notes_note SET title = 'x'; COMMIT")),
            "the statement is not allowed",
        ),
        (
            Migration::new("notes", "0002_broken")
                .create_table(Table::new("notes_tag").column(Column::id()))
                .run_sql(sql("UPDATE notes_note SET title = 'x', author_id = 77")),
            "a row that this one refers to does not exist",
        ),
    ];
    for (migration, reason) in broken {
        let fixture = Fixture::empty();
        fixture.apply(&history(vec![notes()])).await.unwrap();
        let add = "INSERT INTO notes_note (title, created) VALUES ('mine', '2026-11-23 18:05:22')";
        fixture.connection().execute(add, []).unwrap();
        let before = fixture.everything();

        let error = fixture.apply(&history(vec![notes(), migration])).await.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("migration notes.0002_broken failed: ") && said.contains(reason), "{said}");
        assert_eq!(fixture.everything(), before, "{reason}");
    }
}

#[tokio::test]
async fn no_sql_of_a_migration_ends_its_transaction_or_sets_up_the_connection() {
    for forbidden in [
        "COMMIT",
        "/* first */ end transaction",
        "ROLLBACK",
        "SAVEPOINT here",
        "BEGIN",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA writable_schema = ON",
        "ATTACH 'other.sqlite3' AS other",
        "CREATE TEMP TABLE notes_note (id)",
    ] {
        let fixture = Fixture::empty();
        fixture.apply(&history(vec![notes()])).await.unwrap();
        let before = fixture.everything();
        let migration = Migration::new("notes", "0002_forbidden").run_sql(sql(forbidden));
        let error = fixture.apply(&history(vec![notes(), migration])).await.unwrap_err();
        assert!(error.to_string().contains("the statement is not allowed"), "{forbidden}: {error}");
        assert_eq!(fixture.everything(), before);
    }
}

#[tokio::test]
async fn a_door_that_a_step_kept_leads_nowhere_once_the_migration_is_over() {
    static KEPT: Mutex<Option<StepDb>> = Mutex::new(None);
    let keeps = Migration::new("notes", "0002_keeps").run_rust("keeps_its_door", |db| {
        *KEPT.lock().unwrap() = Some(db);
        Box::pin(async { Ok(()) })
    });
    let fixture = Fixture::empty();
    fixture.apply(&history(vec![notes(), keeps])).await.unwrap();
    let before = fixture.everything();
    let kept = KEPT.lock().unwrap().take().unwrap();
    assert!(kept.raw_execute("DELETE FROM tenantry_migration", vec![]).await.is_err());
    assert_eq!(fixture.everything(), before);
}

#[tokio::test]
async fn a_migration_that_is_dropped_half_way_leaves_nothing() {
    static REACHED: Notify = Notify::const_new();
    let hangs = Migration::new("notes", "0002_hangs")
        .create_table(Table::new("notes_tag").column(Column::id()))
        .run_rust("hangs", |db| {
            Box::pin(async move {
                db.raw_execute("DELETE FROM auth_permission", vec![]).await?;
                REACHED.notify_one();
                std::future::pending().await
            })
        });
    let fixture = Fixture::empty();
    fixture.apply(&history(vec![notes()])).await.unwrap();
    let before = fixture.everything();
    let history = history(vec![notes(), hangs]);
    tokio::select! {
        _ = fixture.apply(&history) => panic!("it hangs"),
        () = REACHED.notified() => {}
    }
    assert_eq!(fixture.everything(), before);
    assert_eq!(fixture.plan(&history).await.unwrap().pending().count(), 1);
    let write = "DELETE FROM auth_permission WHERE id = 1";
    fixture.connection().execute(write, []).expect("the file is free for other writers");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_migrate_one_file_at_once_do_each_migration_once() {
    let fixture = Fixture::empty();
    let history = history(vec![notes()]);
    let others = (0..4).map(|_| {
        let store = Store::Sqlite { file: Arc::clone(&fixture.file), pool: Pool::for_test() };
        let history = Arc::clone(&history);
        tokio::spawn(async move { apply(&store, None, &history).await })
    });
    let mut all = Vec::new();
    for other in others.collect::<Vec<_>>() {
        all.extend(names(&other.await.unwrap().unwrap()));
    }
    all.sort();
    let once =
        ["django.0001_initial", "notes.0001_initial", "tenantry.0001_ledger", "tenantry.0002_sessions"];
    assert_eq!(all, once);
}

#[tokio::test]
async fn a_step_changes_data_by_what_it_reads() {
    let fixture = Fixture::empty();
    let step = Migration::new("notes", "0002_shout").run_rust("shout", |db| {
        Box::pin(async move {
            for row in db.raw("SELECT id, title FROM notes_note", vec![]).await? {
                let [id, Value::Text(title)] = row.values() else { return fails() };
                let values = vec![Value::Text(title.to_uppercase()), id.clone()];
                db.raw_execute("UPDATE notes_note SET title = ?1 WHERE id = ?2", values).await?;
            }
            Ok(())
        })
    });
    fixture.apply(&history(vec![notes()])).await.unwrap();
    let add = "INSERT INTO notes_note (title, created) VALUES ('mine', '2026-11-23 18:05:22')";
    fixture.connection().execute(add, []).unwrap();
    let applied = fixture.apply(&history(vec![notes(), step])).await.unwrap();
    assert_eq!(names(&applied), ["notes.0002_shout"]);
    assert_eq!(one::<String>(&fixture.connection(), "SELECT title FROM notes_note"), "MINE");
}

#[tokio::test]
async fn a_past_that_differs_is_refused_by_name() {
    let second =
        Migration::new("notes", "0002_more").create_table(Table::new("notes_tag").column(Column::id()));
    let fixture = Fixture::empty();
    fixture.apply(&history(vec![notes(), second.clone()])).await.unwrap();
    let before = fixture.everything();

    let changed =
        Migration::new("notes", "0001_initial").create_table(Table::new("notes_note").column(Column::id()));
    let between = Migration::new("notes", "0001_more");
    let cases = [
        (vec![changed, second.clone()], LedgerError::Changed(id("notes", "0001_initial"))),
        (vec![notes()], LedgerError::Newer(id("notes", "0002_more"))),
        (
            vec![notes(), between, second],
            LedgerError::Gap { missing: id("notes", "0001_more"), applied: id("notes", "0002_more") },
        ),
    ];
    for (migrations, expected) in cases {
        let history = history(migrations);
        let refusals =
            [fixture.plan(&history).await.unwrap_err(), fixture.apply(&history).await.unwrap_err()];
        for refusal in refusals {
            assert!(matches!(&refusal, ApplyError::Ledger(error) if *error == expected), "{refusal}");
        }
    }
    assert_eq!(fixture.everything(), before);
}

#[tokio::test]
async fn data_that_is_ahead_by_additive_migrations_only_is_still_served() {
    let additive = Migration::new("notes", "0002_colour")
        .add_column("notes_note", Column::varchar("colour", 20).null())
        .additive();
    let fixture = Fixture::empty();
    fixture.apply(&history(vec![notes(), additive])).await.unwrap();
    let plan = fixture.plan(&history(vec![notes()])).await.unwrap();
    assert_eq!(plan.ahead, [id("notes", "0002_colour")]);
    assert_eq!(plan.pending().count(), 0);
}

#[tokio::test]
async fn models_get_their_permissions_in_each_file_under_the_ids_of_that_file() {
    let registry = Registry { models: vec![&NOTE], migrations: vec![notes()] };
    let history = Arc::new(History::new(registry).unwrap());
    let (first, second) = (Fixture::empty(), Fixture::empty());
    second.apply(&super::history(vec![notes()])).await.unwrap();
    let other = "INSERT INTO django_content_type (app_label, model) VALUES ('tenant', 'tenant')";
    second.connection().execute(other, []).unwrap();

    for fixture in [&first, &second] {
        fixture.apply(&history).await.unwrap();
        let before = fixture.everything();
        fixture.apply(&history).await.unwrap();
        assert_eq!(fixture.everything(), before, "asked again, nothing is added");
        let connection = fixture.connection();
        let permissions = "SELECT group_concat(codename || '=' || p.name, ', ') FROM auth_permission p \
                           JOIN django_content_type t ON t.id = p.content_type_id WHERE t.model = 'note'";
        assert_eq!(
            one::<String>(&connection, permissions),
            "add_note=Can add note, change_note=Can change note, delete_note=Can delete note, \
             view_note=Can view note"
        );
    }
    let id = "SELECT id FROM django_content_type WHERE model = 'note'";
    assert_eq!(one::<i64>(&first.connection(), id), 7);
    assert_eq!(one::<i64>(&second.connection(), id), 8);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_as_such() {
    let fixture = Fixture::empty();
    std::fs::write(fixture.path(), "by no means a database, but long enough to be taken for one".repeat(20))
        .unwrap();
    let error = fixture.apply(&history(vec![])).await.unwrap_err();
    assert!(error.to_string().contains("file is not a database"), "{error}");
}
