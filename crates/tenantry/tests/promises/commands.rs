//! What commands do to the tenants that they name, and to no other.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Stdio;

use reqwest::StatusCode;
use tenantry::core::Placement;
use tenantry::db::lifecycle::Target;
use tenantry::db::migrate::Registry;
use tenantry::prelude::*;

use crate::common::{PASSWORD, Server, command, ok, refused, run, two_tenants};
use crate::site::{door, instance};

/// Runs a command with `DB_LEGACY` configured; whether it succeeded, and what it said.
fn with_legacy(folder: &Path, words: &str) -> (bool, String) {
    let mut command = command(folder);
    let done = command.env("DB_LEGACY", "legacy.sqlite3").args(words.split_whitespace()).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(said).unwrap())
}

/// Every tenant's users, as `SLUG/USERNAME`.
async fn users(folder: &Path) -> Vec<String> {
    users_of(&instance(folder, Registry::default())).await
}

/// The same, by a newer program that brings all of them up to itself.
async fn users_in_future(folder: &Path) -> Vec<String> {
    let instance = instance(folder, of_the_future(false));
    let all = instance.directory().records();
    let brought_up = instance.migrate(all, NonZeroUsize::MIN, |_| {}).await.unwrap();
    assert!(brought_up.failed.is_empty(), "{:?}", brought_up.failed);
    users_of(&instance).await
}

async fn users_of(instance: &Instance) -> Vec<String> {
    let mut users = Vec::new();
    for record in instance.directory().records() {
        let db = door(instance, record.slug.as_str());
        let found = db.raw("SELECT username FROM auth_user ORDER BY id", vec![]);
        let names = found.await.unwrap().into_iter().map(|row| row.get::<String>("username").unwrap());
        users.extend(names.map(|name| format!("{}/{name}", record.slug)));
    }
    instance.close().await;
    users
}

#[tokio::test]
async fn a_superuser_is_made_in_the_tenant_that_was_named_or_nowhere() {
    let folder = two_tenants();
    let folder = folder.path();
    let (made, said) =
        with_legacy(folder, "tenant create legacy --domain legacy.checkhost.local --database legacy");
    assert!(made, "{said}");
    let before = users(folder).await;
    assert_eq!(before, ["acme/ann", "globex/ann"]);
    for words in [
        // Nobody is named, nothing there has the name, the command stands where the database belongs, two names disagree.
        "createsuperuser --noinput --username eve",
        "createsuperuser --noinput --username eve --tenant nobody",
        "createsuperuser --noinput --username eve --database nowhere",
        "createsuperuser --noinput --username eve --database legacy_db",
        "manage createsuperuser",
        "manage createsuperuser --noinput --username eve",
        "manage nowhere createsuperuser --noinput --username eve",
        "manage legacy createsuperuser --noinput --username eve --database other",
        "manage legacy createsuperuser --noinput --username eve --tenant acme",
    ] {
        let (made, said) = with_legacy(folder, words);
        assert!(!made && !said.contains("superuser of"), "{words}: {said}");
        assert!(!said.trim().is_empty(), "{words}");
    }
    assert_eq!(users(folder).await, before);

    for (words, slug) in [
        ("manage legacy createsuperuser --noinput --username one", "legacy"),
        ("manage legacy createsuperuser --database=legacy --noinput --username two", "legacy"),
        ("createsuperuser --database legacy --noinput --username three", "legacy"),
        ("createsuperuser --tenant acme --noinput --username four", "acme"),
    ] {
        let (made, said) = with_legacy(folder, words);
        assert!(made && said.contains(&format!("is a superuser of {slug} now")), "{words}: {said}");
    }
    let after = ["acme/ann", "acme/four", "globex/ann", "legacy/one", "legacy/two", "legacy/three"];
    assert_eq!(users(folder).await, after);
}

/// A migration that this program does not know; whether it says that older programs may go on serving.
fn of_the_future(additive: bool) -> Registry {
    let table = Table::new("notes_tag").column(Column::id());
    let migration = Migration::new("notes", "0002_future").create_table(table);
    Registry { models: vec![], migrations: vec![if additive { migration.additive() } else { migration }] }
}

/// Has a newer program migrate one tenant.
async fn migrate_ahead(folder: &Path, slug: &str, registry: Registry) {
    let instance = instance(folder, registry);
    let tenant = instance.behind(&Target::Tenant(slug.parse().unwrap())).await.unwrap();
    let summary = instance.migrate(tenant, NonZeroUsize::MIN, |_| {}).await.unwrap();
    assert_eq!((summary.done, summary.failed.len()), (1, 0));
    instance.close().await;
}

#[tokio::test]
async fn a_fleet_goes_on_past_a_tenant_that_fails_and_names_it_and_a_name_is_never_run() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant create initech --domain initech.checkhost.local");
    migrate_ahead(folder, "acme", of_the_future(true)).await;
    migrate_ahead(folder, "globex", of_the_future(false)).await;
    migrate_ahead(folder, "initech", of_the_future(true)).await;

    // The second of three can't be migrated by this program. The third is, and next time only the second is asked.
    for (alias, count) in [("migrate", "1 of 3 tenants"), ("migrate_schemas", "1 of 1 tenant")] {
        let done = run(folder, &format!("{alias} --jobs 1"));
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(!done.status.success(), "{said}");
        assert!(said.contains(&format!("{count} could not be migrated")), "{said}");
        assert!(said.contains("globex") && said.contains("notes.0002_future is not known here"), "{said}");
    }
    assert!(ok(folder, "tenant show initech").contains("up to date"));
    assert!(ok(folder, "tenant show acme").contains("up to date"));
    assert!(!ok(folder, "tenant show globex").contains("up to date"));

    let before = users_in_future(folder).await;
    for words in [
        ["migrate", "--tenant", "acme; DROP TABLE auth_user"],
        ["migrate", "--tenant", "acme' OR '1'='1"],
        ["migrate_schemas", "--tenant", "public; DROP SCHEMA public CASCADE"],
        ["migrate", "--database", "default\"; DROP TABLE auth_user; --"],
    ] {
        let done = command(folder).args(words).output().unwrap();
        assert!(!done.status.success(), "{words:?}");
    }
    assert_eq!(users_in_future(folder).await, before);
}

#[tokio::test]
async fn nothing_is_written_into_data_that_is_behind_or_ahead_and_its_site_is_being_updated() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant create initech --domain initech.checkhost.local");
    ok(folder, "tenant create umbrella --domain umbrella.checkhost.local");
    migrate_ahead(folder, "acme", of_the_future(false)).await;
    migrate_ahead(folder, "umbrella", of_the_future(true)).await;
    let data = folder.join("data/tenants");
    let initech = instance(folder, Registry::default());
    let initech = initech.directory().record(&"initech".parse().unwrap()).unwrap();
    let Placement::Made { name, .. } = &initech.placement else { panic!("{initech:?}") };
    let initech = data.join(format!("{name}.db"));
    back_to_before_sessions(&initech);

    for (words, why) in [
        (
            "createsuperuser --tenant acme --noinput --username eve",
            "acme: the tenant's data is ahead of this program: migration notes.0002_future is not known here\n\
             hint: use the newer program that migrated it",
        ),
        ("changepassword --tenant acme ann", "ahead of this program"),
        (
            "createsuperuser --tenant initech --noinput --username eve",
            "initech: the tenant's data is behind this program: migration tenantry.0002_sessions was not applied to \
             it\nhint: `migrate --tenant initech` brings it up to date",
        ),
        ("changepassword --tenant initech ann", "behind this program"),
    ] {
        let said = refused(folder, words);
        assert!(said.contains(why), "{words}: {said}");
    }
    ok(folder, "createsuperuser --tenant umbrella --noinput --username eve");
    let server = Server::start(folder);
    for (slug, status) in [
        ("acme", StatusCode::SERVICE_UNAVAILABLE),
        ("globex", StatusCode::OK),
        ("initech", StatusCode::SERVICE_UNAVAILABLE),
        ("umbrella", StatusCode::OK),
    ] {
        let answer = server.get(&format!("{slug}.checkhost.local"), "/admin/login/", "").await;
        assert_eq!(answer.status(), status, "{slug}");
        let page = answer.text().await.unwrap();
        assert_eq!(page.contains("is being updated"), status != StatusCode::OK, "{slug}: {page}");
    }
    ok(folder, "migrate --tenant initech");
    server.until("initech.checkhost.local", StatusCode::OK).await;
    ok(folder, "createsuperuser --tenant initech --noinput --username zoe");
    drop(server);
    let after = ["acme/ann", "globex/ann", "initech/zoe", "umbrella/eve"];
    assert_eq!(users_in_future(folder).await, after);
}

/// What an older program would have left: without the last of the migrations that every tenant has.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
fn back_to_before_sessions(file: &Path) {
    let db = rusqlite::Connection::open(file).unwrap();
    db.execute_batch(
        "DROP TABLE tenantry_session; DELETE FROM tenantry_migration WHERE name = '0002_sessions'",
    )
    .unwrap();
}

/// Types the slug where a command asks for it.
fn typed(folder: &Path, words: &str, slug: &str) {
    let mut process = command(folder).args(words.split_whitespace()).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), format!("{slug}\n").as_bytes()).unwrap();
    assert!(process.wait().unwrap().success(), "{words}");
}

#[tokio::test]
async fn a_tenants_whole_life_is_commands_and_a_server_beside_them_follows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ok(folder, "tenant create bystander --domain bystander.checkhost.local");
    let server = Server::start(folder);
    let (first, second) = ("acme.checkhost.local", "acme.example");

    ok(folder, "tenant create acme --domain acme.checkhost.local");
    ok(folder, "createsuperuser --tenant acme --noinput --username ann");
    server.until(first, StatusCode::OK).await;
    let (_, session) = server.sign_in(first, "ann", PASSWORD).await;
    let session = session.unwrap();
    assert!(ok(folder, "tenant list").contains("acme.checkhost.local"));

    ok(folder, "tenant domain add acme acme.example");
    server.until(second, StatusCode::OK).await;
    ok(folder, "tenant domain primary acme acme.example");
    ok(folder, "tenant domain remove acme acme.checkhost.local");
    server.until(first, StatusCode::BAD_REQUEST).await;
    assert!(refused(folder, "tenant create third --domain acme.example").contains("is taken"));

    ok(folder, "tenant rename acme apex");
    assert!(refused(folder, "tenant show acme").contains("there is no tenant acme"));
    assert_eq!(
        server.get(second, "/admin/", &session).await.status(),
        StatusCode::OK,
        "its data goes with it"
    );
    for (words, status) in [
        ("tenant suspend apex", StatusCode::SERVICE_UNAVAILABLE),
        ("tenant activate apex", StatusCode::OK),
        ("tenant maintain apex", StatusCode::SERVICE_UNAVAILABLE),
        ("tenant activate apex", StatusCode::OK),
    ] {
        ok(folder, words);
        server.until(second, status).await;
    }

    typed(folder, "tenant delete apex", "apex");
    server.until(second, StatusCode::BAD_REQUEST).await;
    ok(folder, "tenant undelete apex");
    server.until(second, StatusCode::OK).await;
    assert_eq!(server.get(second, "/admin/", &session).await.status(), StatusCode::OK, "nothing is lost");
    assert!(refused(folder, "tenant purge apex").contains("delete it first"));
    typed(folder, "tenant delete apex", "apex");
    typed(folder, "tenant purge apex", "apex");
    assert_eq!(std::fs::read_dir(folder.join("data/tenants")).unwrap().filter(is_a_tenants).count(), 1);
    server.until(second, StatusCode::BAD_REQUEST).await;

    // Its slug and its domain are free again, and whoever gets them gets nothing of it.
    ok(folder, "tenant create apex --domain acme.example");
    server.until(second, StatusCode::OK).await;
    assert_eq!(server.get(second, "/admin/", &session).await.status(), StatusCode::FOUND);
    assert_eq!(server.sign_in(second, "ann", PASSWORD).await.1, None);
    let bystander = server.get("bystander.checkhost.local", "/admin/login/", "").await;
    assert_eq!(bystander.status(), StatusCode::OK);
}

fn is_a_tenants(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "db")
}
