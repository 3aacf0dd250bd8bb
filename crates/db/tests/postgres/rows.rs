//! Tenants in shared tables: they never meet, and what is done to the tables reaches each of them.

use std::sync::Arc;

use tenantry_core::{Isolation, Placement, RowKey, TenantRecord, Transition};
use tenantry_db::lifecycle::CreateError;
use tenantry_db::migrate::{Column, Migration, Table};
use tenantry_db::model::sea_query::Expr;
use tenantry_db::model::{Auto, OnDelete, QueryError};
use tenantry_db::{Instance, Location, TenantDb};
use tokio::sync::oneshot;

use crate::common::*;
use crate::server::{ALIAS, TestServer, connect, on_each, on_server};

pub(crate) fn key(record: &TenantRecord) -> RowKey {
    match &record.placement {
        Placement::Made { name, isolation: Isolation::Row, .. } => RowKey::of(name),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn two(instance: &Instance) -> [Arc<TenantRecord>; 2] {
    let acme = instance.create_tenant(on_server("acme", Isolation::Row)).await.unwrap();
    let globex = instance.create_tenant(on_server("globex", Isolation::Row)).await.unwrap();
    [acme, globex]
}

/// How many rows a tenant has in all tables, its place in the registry included.
async fn rows_of(server: &TestServer, key: RowKey) -> i64 {
    let tables = "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
                  WHERE attname = 'tenant_id' AND relkind = 'r' AND relnamespace = 'tenantry_shared'::regnamespace";
    let tables = server.administrator.query(tables, &[]).await.unwrap();
    assert!(tables.len() > 10, "{} shared tables", tables.len());
    let mut all = server
        .count(&format!("SELECT count(*) FROM tenantry_shared.tenantry_tenant WHERE key = {key}"))
        .await;
    for table in tables {
        let table: String = table.get(0);
        all += server.count(&format!("SELECT count(*) FROM {table} WHERE tenant_id = {key}")).await;
    }
    all
}

async fn purge(instance: &Instance, record: &TenantRecord) {
    instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
    instance.purge(record.id).await.unwrap();
}

#[tokio::test]
async fn tenants_with_the_same_keys_and_names_never_meet() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let [of_acme, of_globex] = two(&instance).await;
        let doors = [("acme", &of_acme), ("globex", &of_globex)].map(|(slug, record)| {
            assert_eq!(record.placement.isolation(), Isolation::Row);
            (slug, door(&instance, slug))
        });
        for (slug, db) in &doors {
            db.insert(Note { id: Auto::from(1_000), title: format!("of {slug}") }).await.unwrap();
            let group = "INSERT INTO auth_group (id, name) VALUES (7, 'staff')";
            assert_eq!(db.raw_execute(group, vec![]).await.unwrap(), 1);
            match db.raw_execute("INSERT INTO auth_group (name) VALUES ('staff')", vec![]).await {
                Err(QueryError::Unique { columns }) => assert_eq!(columns, ["name"]),
                other => panic!("{other:?}"),
            }
            let again = db.transaction(async |tx| {
                tx.insert(Note { id: Auto::from(1_000), title: "again".to_owned() }).await
            });
            match again.await {
                Err(QueryError::Unique { columns }) => assert_eq!(columns, ["id"]),
                other => panic!("{other:?}"),
            }
        }
        let [(_, acme), (_, globex)] = &doors;
        let one = write(acme, "one").await.unwrap().id;
        let other = write(globex, "other").await.unwrap().id;
        assert_ne!(one, other, "one sequence gives the keys of all");
        for (slug, db) in &doors {
            let own = format!("of {slug}");
            assert_eq!(db.find::<Note>(1_000).await.unwrap().unwrap().title, own);
            assert_eq!(db.query::<Note>().count().await.unwrap(), 2);
            let raw = db.raw("SELECT title FROM notes_note WHERE id = 1000", vec![]).await.unwrap();
            assert_eq!((raw.len(), raw[0].get::<String>("title").unwrap()), (1, own));
        }
        let renamed = acme.query::<Note>().update([Note::TITLE.set("renamed")]).await.unwrap();
        assert_eq!(renamed, 2);
        assert_eq!(acme.raw_execute("UPDATE notes_note SET title = 'raw'", vec![]).await.unwrap(), 2);
        assert_eq!(titles(globex).await.unwrap(), ["other", "of globex"]);
        assert_eq!(acme.query::<Note>().delete().await.unwrap(), 2);
        assert_eq!(titles(globex).await.unwrap(), ["other", "of globex"]);

        let keys = [key(&of_acme), key(&of_globex)];
        assert!(rows_of(&server, keys[0]).await > 10);
        let theirs = rows_of(&server, keys[1]).await;
        purge(&instance, &of_acme).await;
        assert_eq!(rows_of(&server, keys[0]).await, 0);
        assert_eq!(rows_of(&server, keys[1]).await, theirs);
        assert_eq!(titles(globex).await.unwrap(), ["other", "of globex"]);
        assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn two_instances_share_the_tables_of_a_server() {
    on_each(async |server| {
        let sites = [server.site(), server.site()];
        let instances = sites.each_ref().map(Site::open);
        // Both find no tables, and one makes them.
        let make =
            async |instance: &Instance| instance.create_tenant(on_server("acme", Isolation::Row)).await;
        let (one, other) = tokio::join!(make(&instances[0]), make(&instances[1]));
        assert_eq!(
            [one, other].map(|made| made.unwrap().id.get()),
            [1, 1],
            "each directory counts by itself"
        );
        for (instance, title) in instances.iter().zip(["of the first", "of the second"]) {
            write(&door(instance, "acme"), title).await.unwrap();
        }
        for (instance, title) in instances.iter().zip(["of the first", "of the second"]) {
            assert_eq!(titles(&door(instance, "acme")).await.unwrap(), [title]);
        }
    })
    .await;
}

/// What the server itself sees to, whatever this program asks of it.
#[tokio::test]
async fn without_a_tenant_nothing_is_there() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let [acme, globex] = two(&instance).await.map(|record| key(&record));
        for slug in ["acme", "globex"] {
            write(&door(&instance, slug), slug).await.unwrap();
            let group = format!("INSERT INTO auth_group (id, name) VALUES ({}, 'staff')", slug.len());
            door(&instance, slug).raw_execute(group, vec![]).await.unwrap();
            let person = "INSERT INTO auth_user (id, password, is_superuser, username, last_name, email, is_staff, \
                          is_active, date_joined, first_name) VALUES (1, '', true, 'ann', '', '', true, true, now(), '')";
            door(&instance, slug).raw_execute(person, vec![]).await.unwrap();
        }
        let [serving, owner] = server.urls();
        let owner = connect(&owner).await;
        let view = "CREATE VIEW tenantry_shared.titles WITH (security_invoker = true) AS \
                    SELECT title FROM tenantry_shared.notes_note";
        owner.batch_execute(view).await.unwrap();
        let client = connect(&serving).await;
        client.batch_execute("SET search_path = tenantry_shared").await.unwrap();
        for client in [&client, &owner] {
            client.batch_execute("SET search_path = tenantry_shared").await.unwrap();
            for table in ["notes_note", "auth_user", "auth_permission", "titles"] {
                let seen = client.query(&format!("SELECT * FROM {table}"), &[]).await.unwrap();
                assert!(seen.is_empty(), "{table}");
            }
            assert_eq!(client.execute("UPDATE notes_note SET title = 'x'", &[]).await.unwrap(), 0);
            assert_eq!(client.execute("DELETE FROM notes_note", &[]).await.unwrap(), 0);
            let code = async |sql: &str| client.batch_execute(sql).await.unwrap_err().code().unwrap().clone();
            assert_eq!(code("INSERT INTO notes_note (title) VALUES ('x')").await.code(), "42501");
            let named = format!("INSERT INTO notes_note (tenant_id, title) VALUES ({acme}, 'x')");
            assert_eq!(code(&named).await.code(), "42501");
        }
        let code = async |sql: &str| client.batch_execute(sql).await.unwrap_err().code().unwrap().clone();
        for denied in [
            "TRUNCATE notes_note",
            "SELECT * FROM tenantry_tenant",
            "INSERT INTO tenantry_migration SELECT * FROM tenantry_migration",
            "DELETE FROM tenantry_migration",
            "ALTER TABLE notes_note DISABLE ROW LEVEL SECURITY",
            "CREATE TABLE theirs (id bigint)",
            "SELECT setval('notes_note_id_seq', 1)",
        ] {
            assert_eq!(code(denied).await.code(), "42501", "{denied}");
        }

        client.batch_execute(&format!("SET tenantry.tenant = '{acme}'")).await.unwrap();
        let seen = client.query("SELECT title FROM titles", &[]).await.unwrap();
        assert_eq!(seen.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["acme"]);
        let theirs = format!("INSERT INTO notes_note (tenant_id, title) VALUES ({globex}, 'x')");
        assert_eq!(code(&theirs).await.code(), "42501");
        let given = format!("UPDATE notes_note SET tenant_id = {globex}");
        assert_eq!(code(&given).await.code(), "42501");
        let joined = |group| format!("INSERT INTO auth_user_groups (user_id, group_id) VALUES (1, {group})");
        client.batch_execute(&joined(4)).await.unwrap();
        assert_eq!(code(&joined(6)).await.code(), "23503", "that group is globex's");
    })
    .await;
}

fn tasks() -> Migration {
    let note = |name, on_delete| Column::big_int(name).null().references("notes_note", "id", on_delete);
    Migration::new("notes", "0002_tasks").create_table(
        Table::new("notes_task")
            .column(Column::id())
            .column(note("kept_id", OnDelete::SetNull))
            .column(note("bound_id", OnDelete::Cascade))
            .column(note("held_id", OnDelete::Protect)),
    )
}

#[tokio::test]
async fn what_refers_to_a_row_that_goes_does_what_it_says_for_its_own_tenant() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.try_open(notes([tasks()])).unwrap();
        two(&instance).await;
        for slug in ["acme", "globex"] {
            let db = door(&instance, slug);
            for id in 1..=3 {
                db.insert(Note { id: Auto::from(id), title: id.to_string() }).await.unwrap();
            }
            let tasks = "INSERT INTO notes_task (kept_id, bound_id, held_id) VALUES (1, NULL, NULL), (NULL, 2, NULL), \
                         (NULL, NULL, 3)";
            db.raw_execute(tasks, vec![]).await.unwrap();
        }
        let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));
        let tasks = async |db: &TenantDb| {
            let sql = "SELECT count(*) AS n, count(kept_id) AS kept, count(tenant_id) AS own FROM notes_task";
            let rows = db.raw(sql, vec![]).await.unwrap();
            ["n", "kept", "own"].map(|column| rows[0].get::<i64>(column).unwrap())
        };
        assert!(acme.delete::<Note>(1).await.unwrap());
        assert_eq!(tasks(&acme).await, [3, 0, 3]);
        assert!(acme.delete::<Note>(2).await.unwrap());
        assert_eq!(tasks(&acme).await, [2, 0, 2]);
        assert!(matches!(acme.delete::<Note>(3).await, Err(QueryError::ForeignKey)));
        assert_eq!(tasks(&globex).await, [3, 1, 3]);
        assert_eq!(globex.query::<Note>().count().await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn an_application_s_own_sql_does_not_come_to_another_tenant_s_rows() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let [_, globex] = two(&instance).await.map(|record| key(&record));
        for slug in ["acme", "globex"] {
            write(&door(&instance, slug), slug).await.unwrap();
        }
        let acme = door(&instance, "acme");
        let denied = [
            format!("SELECT set_config('tenantry.tenant', '{globex}', true), title FROM notes_note"),
            format!("SELECT SET_CONFIG('tenantry.tenant', '{globex}', true)"),
            format!("SELECT query_to_xml('SELECT set_' || 'config(''tenantry.tenant'', ''{globex}'', true)', true, true, '')"),
            format!("ALTER ROLE CURRENT_USER SET tenantry.tenant = '{globex}'"),
            format!("CREATE FUNCTION pg_temp.other() RETURNS void SET tenantry.tenant = '{globex}' LANGUAGE sql AS ''"),
            "SELECT query FROM pg_stat_activity".to_owned(),
            "SELECT key FROM tenantry_tenant".to_owned(),
            "TRUNCATE notes_note".to_owned(),
            "LOCK TABLE notes_note".to_owned(),
        ];
        for sql in denied {
            let read = acme.raw(sql.clone(), vec![]).await;
            assert!(matches!(read, Err(QueryError::Denied)), "{sql}: {read:?}");
            let written = acme.transaction(async |tx| tx.raw_execute(sql.clone(), vec![]).await).await;
            assert!(matches!(written, Err(QueryError::Denied)), "{sql}: {written:?}");
        }
        let named = Expr::cust(format!("set_config('tenantry.tenant', '{globex}', true) <> ''"));
        let filtered = acme.query::<Note>().filter_expr(named).all().await;
        assert!(matches!(filtered, Err(QueryError::Denied)), "{filtered:?}");
        let own = acme.raw("SELECT DISTINCT tenant_id FROM notes_note", vec![]).await.unwrap();
        assert_eq!(own.len(), 1);
        assert_ne!(own[0].get::<i64>("tenant_id").unwrap(), globex.get());
        assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), ["globex"]);

        // What an administrator may do beyond that, since nothing here calls the function.
        let database = server.server.serving.database();
        let hardened = format!(
            "REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC; \
             REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"
        );
        server.administrator.batch_execute(&hardened).await.unwrap();
        let [serving, _] = server.urls();
        let client = connect(&serving).await;
        let refused = client.batch_execute("SELECT set_config('tenantry.tenant', '2', true)").await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501");
        let again = site.open();
        write(&door(&again, "acme"), "after").await.unwrap();
        assert_eq!(titles(&door(&again, "acme")).await.unwrap(), ["acme", "after"]);
        again.create_tenant(on_server("initech", Isolation::Row)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn shared_tables_need_an_owner_of_their_own() {
    on_each(async |mut server| {
        server.server.owner = None;
        let site = server.site();
        let instance = site.open();
        let refused = instance.create_tenant(on_server("acme", Isolation::Row)).await.unwrap_err();
        assert!(matches!(&refused, CreateError::NoOwner(alias) if alias.as_str() == ALIAS), "{refused:?}");
        assert!(refused.to_string().contains("set DB_MAIN_OWNER"), "{refused}");
        assert_eq!(instance.directory().records(), []);

        let mut site = server.site();
        let folder = site.path("files");
        site.databases.insert("files".parse().unwrap(), Location::Folder(folder));
        let mut wanted = on_server("acme", Isolation::Row);
        wanted.home = tenantry_db::lifecycle::Home::Server {
            alias: Some("files".parse().unwrap()),
            isolation: Some(Isolation::Row),
        };
        let refused = site.open().create_tenant(wanted).await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "isolation row needs PostgreSQL, and the server files is a folder of SQLite files"
        );
    })
    .await;
}

/// What had begun before the tenant was deleted may still write: its purge comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_behind_a_purge() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let [acme, _] = two(&instance).await;
        let (db, purging) = (door(&instance, "acme"), instance.clone());
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let writing = tokio::spawn(async move {
            db.transaction(async |tx| {
                begun.send(()).unwrap();
                may_go_on.await.unwrap();
                tx.insert(Note { id: Auto::unset(), title: "late".to_owned() }).await
            })
            .await
        });
        has_begun.await.unwrap();
        instance.directory().change_status(acme.id, Transition::Delete).await.unwrap();
        let id = acme.id;
        let purge = tokio::spawn(async move { purging.purge(id).await });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%virtualxid%' AND state = 'active' \
                     AND pid <> pg_backend_pid() AND datname = current_database()";
        until("the purge waits", async || server.count(waits).await == 1).await;
        go_on.send(()).unwrap();
        writing.await.unwrap().unwrap();
        purge.await.unwrap().unwrap();
        assert_eq!(rows_of(&server, key(&acme)).await, 0);
    })
    .await;
}

/// The policy and the condition beside it let the planner use the index that begins with the tenant.
#[tokio::test]
async fn a_list_reads_no_more_rows_than_it_shows() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let [acme, globex] = two(&instance).await.map(|record| key(&record));
        for (tenant, count) in [(acme, 200), (globex, 20_000)] {
            let sql = format!(
                "INSERT INTO tenantry_shared.notes_note (tenant_id, title) SELECT {tenant}, n::text \
                 FROM generate_series(1, {count}) AS n"
            );
            server.administrator.batch_execute(&sql).await.unwrap();
        }
        server.administrator.batch_execute("ANALYZE tenantry_shared.notes_note").await.unwrap();
        let sql = format!(
            "EXPLAIN SELECT id, title FROM tenantry_shared.notes_note WHERE tenant_id = {acme} ORDER BY id DESC LIMIT 20"
        );
        let plan = door(&instance, "acme").raw(sql, vec![]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("QUERY PLAN").unwrap()).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("Index Scan Backward using notes_note_pkey"), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    })
    .await;
}
