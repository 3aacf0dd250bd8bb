//! Databases of tenants are copies of a template, of which there is one for each version of the program.

use tenantry_core::Isolation;
use tenantry_db::Instance;
use tenantry_db::migrate::{Column, Migration};
use tokio::sync::Semaphore;

use crate::common::*;
use crate::server::{TestServer, connect, on_each, on_server};

/// The templates there are, the unfinished ones too.
async fn templates(server: &TestServer) -> Vec<String> {
    let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE 'tenantry\\_template\\_%' \
               AND datdba = (SELECT datdba FROM pg_database WHERE datname = current_database()) ORDER BY 1";
    let rows = server.administrator.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Puts something into a template that no migration puts there: who has it is a copy.
async fn mark(server: &TestServer, template: &str) {
    let allow = |allowed: bool| format!(r#"ALTER DATABASE "{template}" ALLOW_CONNECTIONS {allowed}"#);
    server.administrator.batch_execute(&allow(true)).await.unwrap();
    let [_, owner] = server.urls();
    let (place, _) = owner.rsplit_once('/').unwrap();
    let inside = connect(&format!("{place}/{template}")).await;
    inside.batch_execute("INSERT INTO notes_note (title) VALUES ('of the template')").await.unwrap();
    drop(inside);
    server.administrator.batch_execute(&allow(false)).await.unwrap();
}

async fn make(instance: &Instance, name: &str) {
    instance.create_tenant(on_server(name, Isolation::Database)).await.unwrap();
}

fn further() -> Migration {
    Migration::new("notes", "0002_body").add_column("notes_note", Column::text("body").null()).additive()
}

#[tokio::test]
async fn a_tenant_s_database_is_a_copy_of_a_template_that_nobody_enters() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        assert_eq!(templates(&server).await, [""; 0]);
        make(&instance, "acme").await;
        let made = templates(&server).await;
        let [template] = made.as_slice() else { panic!("{made:?}") };
        for url in server.urls() {
            let (place, _) = url.rsplit_once('/').unwrap();
            let entered =
                tokio_postgres::connect(&format!("{place}/{template}"), tokio_postgres::NoTls).await;
            assert!(entered.is_err(), "{url} leads into the template");
        }
        mark(&server, template).await;
        make(&instance, "globex").await;
        assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), ["of the template"]);
        assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), [""; 0], "it was made before");
        let (globex, acme) = (door(&instance, "globex"), door(&instance, "acme"));
        write(&globex, "of globex").await.unwrap();
        write(&acme, "of acme").await.unwrap();
        assert_eq!(titles(&acme).await.unwrap(), ["of acme"]);
        assert!(globex.raw_execute("DROP TABLE notes_note", vec![]).await.is_err(), "it is the owner's");

        // Started anew, it goes on with the template that is there, and finds nothing to end.
        let again = site.open();
        again.reconcile().await.unwrap();
        make(&again, "initech").await;
        assert_eq!(titles(&door(&again, "initech")).await.unwrap(), ["of the template"]);
        assert_eq!(templates(&server).await, made);
    })
    .await;
}

#[tokio::test]
async fn another_version_has_another_template_and_the_old_one_goes() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        make(&old, "acme").await;
        let of_old = templates(&server).await;
        let new = site.try_open(notes([further()])).unwrap();
        make(&new, "globex").await;
        door(&new, "globex").raw("SELECT body FROM notes_note", vec![]).await.unwrap();
        assert_eq!(templates(&server).await.len(), 2, "the older program may go on with its own");
        new.reconcile().await.unwrap();
        let of_new = templates(&server).await;
        assert!(of_new.len() == 1 && of_new != of_old, "{of_old:?}, then {of_new:?}");
        make(&old, "initech").await;
        assert!(door(&old, "initech").raw("SELECT body FROM notes_note", vec![]).await.is_err());
        assert_eq!(templates(&server).await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_that_need_the_template_at_once_make_one() {
    on_each(async |server| {
        let site = server.site();
        let names = ["acme", "globex", "initech", "hooli"];
        let instances = names.map(|_| site.open());
        let [a, b, c, d] = &instances;
        tokio::join!(make(a, names[0]), make(b, names[1]), make(c, names[2]), make(d, names[3]));
        let made = templates(&server).await;
        assert!(made.len() == 1 && !made[0].ends_with("_new"), "{made:?}");
        for (instance, name) in instances.iter().zip(names) {
            write(&door(instance, name), name).await.unwrap();
            assert_eq!(titles(&door(instance, name)).await.unwrap(), [name]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_template_that_was_not_finished_goes() {
    on_each(async |server| {
        let site = server.site();
        make(&site.open(), "acme").await;
        let [template] = templates(&server).await.try_into().unwrap();
        let [_, owner] = server.urls();
        let owner = connect(&owner).await;
        let (family, _) = template.rsplit_once('_').unwrap();
        let left = [format!("{template}_new"), format!("{family}_0123456789abcdef_new")];
        for name in &left {
            owner.batch_execute(&format!(r#"CREATE DATABASE "{name}""#)).await.unwrap();
        }
        let [_, url] = server.urls();
        let inside = connect(&format!("{}/{}", url.rsplit_once('/').unwrap().0, left[1])).await;
        site.open().reconcile().await.unwrap();
        assert_eq!(templates(&server).await, std::slice::from_ref(&template));
        assert!(inside.batch_execute("SELECT 1").await.is_err(), "nobody stays inside");

        server.administrator.batch_execute(&format!(r#"DROP DATABASE "{template}""#)).await.unwrap();
        owner.batch_execute(&format!(r#"CREATE DATABASE "{template}_new""#)).await.unwrap();
        make(&site.open(), "globex").await;
        assert_eq!(templates(&server).await, [template]);
        write(&door(&site.open(), "globex"), "of globex").await.unwrap();
    })
    .await;
}

/// How often the step may go on that waits in a template.
static MAY_GO_ON: Semaphore = Semaphore::const_new(0);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_template_that_another_process_is_making_is_left_to_it() {
    on_each(async |server| {
        let waits = Migration::new("notes", "0002_waits").run_rust("wait", |_| {
            Box::pin(async {
                MAY_GO_ON.acquire().await.unwrap().forget();
                Ok(())
            })
        });
        let site = server.site();
        let maker = site.try_open(notes([waits])).unwrap();
        let making = tokio::spawn(async move { make(&maker, "acme").await });
        until("it is being made", async || templates(&server).await.len() == 1).await;
        let unfinished = templates(&server).await;
        assert!(unfinished[0].ends_with("_new"), "{unfinished:?}");
        site.open().reconcile().await.unwrap();
        assert_eq!(templates(&server).await, unfinished);
        MAY_GO_ON.add_permits(1);
        making.await.unwrap();
        assert_eq!(templates(&server).await, [unfinished[0].trim_end_matches("_new")]);
    })
    .await;
}
