//! Which tenant a host leads to: its own, or none.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use tempfile::TempDir;
use tenantry::core::{TenantId, TenantKey, Transition};
use tenantry::db::Instance;
use tenantry::db::migrate::Registry;

use crate::common::{PASSWORD, Server, command, ok, run, two_tenants};
use crate::site::{door, instance, make};

/// Two tenants, and a third that claims the database called `default`, whose superuser is `root`.
fn with_a_default_database() -> TempDir {
    let folder = two_tenants();
    let of_default = |words: &str| {
        let mut command = command(folder.path());
        let done =
            command.env("DB_DEFAULT", "default.sqlite3").args(words.split_whitespace()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    of_default("tenant create hooli --domain hooli.checkhost.local --database default");
    of_default("createsuperuser --tenant hooli --noinput --username root --email r@hooli.example");
    folder
}

/// The server over that folder, whose `ALLOWED_HOSTS` allows more hosts than lead to a tenant.
fn serve(folder: &Path) -> Server {
    let mut serve = command(folder);
    Server::run(
        serve.env("DB_DEFAULT", "default.sqlite3").env("ALLOWED_HOSTS", ".checkhost.local").arg("serve"),
    )
}

#[tokio::test]
async fn an_unknown_host_gets_no_default_tenant() {
    let folder = with_a_default_database();
    let server = serve(folder.path());
    let (_, session) = server.sign_in("hooli.checkhost.local", "root", PASSWORD).await;
    let session = session.unwrap();
    for (host, status) in [
        ("nobody.checkhost.local", StatusCode::NOT_FOUND),
        ("checkhost.local", StatusCode::NOT_FOUND),
        ("default.checkhost.local", StatusCode::NOT_FOUND),
        ("nobody.example", StatusCode::BAD_REQUEST),
        ("acme.checkhost.local.evil.example", StatusCode::BAD_REQUEST),
        ("localhost", StatusCode::BAD_REQUEST),
        ("127.0.0.1", StatusCode::BAD_REQUEST),
    ] {
        for path in ["/", "/admin", "/admin/", "/admin/login/"] {
            let answer = server.get(host, path, &session).await;
            assert_eq!(answer.status(), status, "{host}{path}");
            assert!(answer.headers().get("set-cookie").is_none(), "{host}{path}");
            let page = answer.text().await.unwrap();
            let told =
                ["acme", "globex", "hooli", "root", "csrfmiddlewaretoken"].map(|name| page.contains(name));
            assert_eq!(told, [false; 5], "{host}{path}: {page}");
        }
    }
    let own = server.get("hooli.checkhost.local", "/admin/", &session).await;
    assert_eq!(own.status(), StatusCode::OK, "the session is good where it belongs");
}

#[tokio::test]
async fn a_trailing_dot_leads_to_the_hosts_own_tenant_where_the_default_ones_superuser_is_nobody() {
    let folder = with_a_default_database();
    let server = serve(folder.path());
    for host in ["acme.checkhost.local.", "ACME.checkhost.local.:8000"] {
        let page = server.get(host, "/admin/login/", "").await.text().await.unwrap();
        assert!(page.contains("<h1>acme</h1>"), "{host}: {page}");
        let (refused, session) = server.sign_in(host, "root", PASSWORD).await;
        assert_eq!((refused.status(), session), (StatusCode::OK, None), "{host}");
        assert!(refused.text().await.unwrap().contains("Please enter the correct username and password"));
        let (answer, session) = server.sign_in(host, "ann", PASSWORD).await;
        assert_eq!(
            (answer.status(), &answer.headers()[LOCATION]),
            (StatusCode::FOUND, &"/admin/".parse().unwrap())
        );
        let page =
            server.get("acme.checkhost.local", "/admin/", &session.unwrap()).await.text().await.unwrap();
        assert!(page.contains("acme") && page.contains("ann"), "{page}");
    }
    for host in ["acme.checkhost.local..", ".acme.checkhost.local", "nobody.checkhost.local."] {
        let answer = server.get(host, "/admin/login/", "").await;
        assert!(answer.status().is_client_error(), "{host}: {}", answer.status());
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_active_is_not_served() {
    let folder = two_tenants();
    let folder = folder.path();
    let server = Server::start(folder);
    let host = "acme.checkhost.local";
    let (_, session) = server.sign_in(host, "ann", PASSWORD).await;
    let session = session.unwrap();
    let typed = |words: &str| {
        let mut process =
            command(folder).args(words.split_whitespace()).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut process.stdin.take().unwrap(), b"acme\n").unwrap();
        assert!(process.wait().unwrap().success(), "{words}");
    };
    for (stop, status, start) in [
        ("tenant suspend acme", StatusCode::SERVICE_UNAVAILABLE, "tenant activate acme"),
        ("tenant maintain acme", StatusCode::SERVICE_UNAVAILABLE, "tenant activate acme"),
        ("tenant delete acme", StatusCode::BAD_REQUEST, "tenant undelete acme"),
    ] {
        typed(stop);
        server.until(host, status).await;
        for path in ["/", "/admin/", "/admin/login/"] {
            let answer = server.get(host, path, &session).await;
            assert_eq!(answer.status(), status, "{stop}: {path}");
            let retry = answer.headers().contains_key("retry-after");
            assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE, "{stop}: {path}");
            let page = answer.text().await.unwrap();
            assert!(!page.contains("ann") && !page.contains("csrfmiddlewaretoken"), "{stop}: {page}");
        }
        let made = run(folder, "createsuperuser --tenant acme --noinput --username eve");
        assert!(!made.status.success(), "{stop}: a command is no way round it");
        let other = server.get("globex.checkhost.local", "/admin/login/", "").await;
        assert_eq!(other.status(), StatusCode::OK, "{stop}: it is that tenant's state alone");
        ok(folder, start);
        server.until(host, StatusCode::OK).await;
        let back = server.get(host, "/admin/", &session).await;
        assert_eq!(back.status(), StatusCode::OK, "{start}: nothing is lost");
    }
}

/// In what folder the other process makes its changes.
const FOLDER: &str = "TENANTRY_TEST_BUSY_FOLDER";

/// How often it makes each of them.
const ROUNDS: usize = 40;

/// The look-ups that the readers make at least.
const LOOK_UPS: usize = 20_000;

/// Nothing by itself: moves a domain to and fro, renames, and makes and purges tenants, in a process of its own.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the other process is told by its environment what to do")]
async fn the_busy_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let instance = instance(&PathBuf::from(folder), Registry::default());
    let directory = instance.directory();
    let id = |slug: &str| directory.record(&slug.parse().unwrap()).unwrap().id;
    let (acme, globex) = (id("acme"), id("globex"));
    let moving = || "moving.example".parse().unwrap();
    let rename =
        async |id: TenantId, slug: &str| directory.rename(id, slug.parse().unwrap(), None).await.unwrap();
    for _ in 0..ROUNDS {
        for owner in [acme, globex] {
            directory.add_domain(owner, moving()).await.unwrap();
            directory.remove_domain(owner, moving()).await.unwrap();
        }
        // The slug of one becomes the other's.
        rename(acme, "between").await;
        rename(globex, "acme").await;
        rename(acme, "globex").await;
        rename(acme, "between").await;
        rename(globex, "globex").await;
        rename(acme, "acme").await;
        make(&instance, "passing").await;
        directory.change_status(id("passing"), Transition::Delete).await.unwrap();
        instance.purge(id("passing")).await.unwrap();
    }
    instance.close().await;
}

fn busy_writer(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "hosts::the_busy_writer"]).env(FOLDER, folder).stdout(Stdio::null());
    command.spawn().unwrap()
}

/// Looks hosts up until it is over; how often one of them led somewhere, and how often the moving one to each tenant.
async fn look_up(instance: &Instance, ids: [TenantId; 2], over: &AtomicBool) -> (usize, [usize; 2]) {
    let (mut found, mut moving) = (0, [0; 2]);
    while !over.load(Ordering::Relaxed) || found < LOOK_UPS {
        for (host, owners) in
            [("acme.example", &ids[..1]), ("globex.example", &ids[1..]), ("moving.example", &ids)]
        {
            let Ok(tenant) = instance.directory().resolve(&TenantKey::Domain(host.parse().unwrap())) else {
                assert_eq!(host, "moving.example", "only this one is nobody's at times");
                continue;
            };
            assert!(owners.contains(&tenant.id()), "{host} led to {}", tenant.slug());
            assert!(tenant.domains().iter().any(|domain| domain.as_str() == host), "{host}: {tenant:?}");
            found += 1;
            if host == "moving.example" {
                moving[usize::from(tenant.id() == ids[1])] += 1;
            }
            // What lies behind it is that tenant's too, whatever its slug is just now.
            if found % 500 == 0 {
                let rows =
                    instance.tenant_db(&tenant).unwrap().raw("SELECT name FROM auth_group", vec![]).await;
                let expected = if tenant.id() == ids[0] { "of acme" } else { "of globex" };
                assert_eq!(rows.unwrap()[0].get::<String>("name").unwrap(), expected, "{host}");
            }
        }
        // Memory is brought up to date with every call, not only when it is time to look.
        instance.directory().operators().await.unwrap();
    }
    (found, moving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_never_leads_to_another_tenant_beside_a_busy_writer() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), Registry::default());
    let mut ids = Vec::new();
    for slug in ["acme", "globex"] {
        make(&instance, slug).await;
        let db = door(&instance, slug);
        let group = format!("of {slug}");
        db.raw_execute("INSERT INTO auth_group (name) VALUES (?)", vec![group.into()]).await.unwrap();
        ids.push(db.tenant().id());
    }
    let ids = [ids[0], ids[1]];
    let over = AtomicBool::new(false);
    let mut writer = busy_writer(folder.path());
    let ended = async {
        let ended = tokio::task::spawn_blocking(move || writer.wait().unwrap()).await.unwrap();
        over.store(true, Ordering::Relaxed);
        ended
    };
    let (ended, (found, moving)) = tokio::join!(ended, look_up(&instance, ids, &over));
    assert!(ended.success(), "the writer made all its changes");
    instance.directory().audit(None, 1).await.unwrap();
    for host in ["moving.example", "passing.example"] {
        let gone = instance.directory().resolve(&TenantKey::Domain(host.parse().unwrap()));
        assert!(gone.is_err(), "{host} is nobody's in the end, and led to {gone:?}");
    }
    assert!(found >= LOOK_UPS && moving.iter().all(|count| *count > 0), "{found}, {moving:?}");
}
