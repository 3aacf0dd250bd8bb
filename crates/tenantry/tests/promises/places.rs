//! Where a tenant's data is: a place that there is, of a kind that can be, under no name that a user chose.

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;

use crate::common::{Server, command, ok, refused, two_tenants};

/// The names of all files and folders below a folder.
fn everything(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        names.push(entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            names.extend(everything(&entry.path()));
        }
    }
    // What SQLite keeps beside a database comes and goes.
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

#[tokio::test]
async fn a_tenant_in_a_database_that_is_not_configured_is_refused_when_made_and_named_at_start() {
    let folder = two_tenants();
    let folder = folder.path();
    let with_test = |words: &str| {
        command(folder).env("DB_TEST", "test.sqlite3").args(words.split_whitespace()).output().unwrap()
    };
    let before = (ok(folder, "tenant list --json"), everything(folder));
    // The alias is `test`, not the name of its setting.
    let mistaken = with_test("tenant create test --domain test.checkhost.local --database test_db");
    let complaint = String::from_utf8(mistaken.stderr).unwrap();
    assert!(!mistaken.status.success());
    assert!(complaint.contains("DB_TEST_DB is not configured"), "{complaint}");
    assert!(complaint.contains("DB_TEST"), "it names the ones that there are: {complaint}");
    assert_eq!((ok(folder, "tenant list --json"), everything(folder)), before);

    let made = with_test("tenant create test --domain test.checkhost.local --database test");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Then the setting is lost.
    let fault = "test can't be served: DB_TEST is not configured";
    let checked = command(folder).arg("check").output().unwrap();
    assert!(!checked.status.success());
    assert!(String::from_utf8(checked.stdout).unwrap().contains(fault));
    let mut serve = Command::new("sh");
    let program = command(folder);
    serve.args(["-c", "exec \"$0\" serve 2> said"]).arg(program.get_program()).current_dir(folder);
    let server = Server::run(serve.env("LISTEN", "127.0.0.1:0"));
    let said = std::fs::read_to_string(folder.join("said")).unwrap();
    assert!(said.contains(fault), "{said}");
    let its_own = server.get("test.checkhost.local", "/admin/login/", "").await;
    assert_eq!(its_own.status(), StatusCode::SERVICE_UNAVAILABLE, "it is no fault of the program");
    let other = server.get("acme.checkhost.local", "/admin/login/", "").await;
    assert_eq!(other.status(), StatusCode::OK, "it is that tenant's trouble alone");
    assert!(!folder.join("test.sqlite3-wal").exists() && !everything(folder).contains(&"test.db".to_owned()));
}

#[tokio::test]
async fn an_isolation_that_can_not_work_is_refused_when_asked_for_and_no_request_ever_meets_it() {
    let folder = two_tenants();
    let folder = folder.path();
    std::fs::write(folder.join("new.csv"), "slug,name,domains\nthird,Third,third.checkhost.local\n").unwrap();
    let before = (ok(folder, "tenant list --json"), everything(folder));
    for (isolation, words) in [
        ("schema", "tenant create third --domain third.checkhost.local --isolation schema"),
        ("row", "tenant create third --domain third.checkhost.local --isolation row"),
        ("schema", "tenant create third --isolation schema --server local"),
        ("row", "tenant create --from new.csv --isolation row"),
    ] {
        let complaint = refused(folder, words);
        assert!(
            complaint.contains(&format!("isolation {isolation} needs PostgreSQL")),
            "{words}: {complaint}"
        );
        assert!(complaint.contains("local is a folder of SQLite files"), "{words}: {complaint}");
    }
    assert_eq!((ok(folder, "tenant list --json"), everything(folder)), before);

    ok(folder, "tenant create third --domain third.checkhost.local --isolation database");
    let server = Server::start(folder);
    let session = format!("sessionid={}", "A".repeat(43));
    for host in ["acme.checkhost.local", "globex.checkhost.local", "third.checkhost.local"] {
        // With a session to look up, each asks the tenant's own data.
        let answer = server.get(host, "/admin/", &session).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{host}");
    }
}

/// Names that are SQL, paths, or something else when another letter or punctuation mark is read into them.
const HOSTILE: [&str; 12] = [
    "x'; DROP TABLE tenant; --",
    "x\"; DROP SCHEMA public; --",
    "acme-",
    "Acme",
    "ACME",
    "../acme",
    "a/b",
    "/etc/passwd",
    "acme\nglobex",
    "acme%00",
    "ac me",
    "äcme",
];

#[tokio::test]
async fn a_name_never_becomes_sql_or_a_path() {
    let folder = two_tenants();
    let folder = folder.path();
    let before = (ok(folder, "tenant list --json"), everything(folder));
    for name in HOSTILE {
        for words in [
            vec!["tenant", "create", name],
            vec!["tenant", "create", "third", "--domain", &format!("{name}.checkhost.local/")],
            vec!["tenant", "create", "third", "--database", name],
            vec!["tenant", "create", "third", "--server", name],
            vec!["tenant", "rename", "acme", name],
            vec!["migrate", "--tenant", name],
            vec!["createsuperuser", "--noinput", "--username", "eve", "--tenant", name],
        ] {
            let done = command(folder).args(&words).output().unwrap();
            assert!(!done.status.success(), "{words:?}");
        }
    }
    assert_eq!((ok(folder, "tenant list --json"), everything(folder)), before);

    // A hyphen is fine, what people call the tenant is theirs to say, and long slugs that begin alike stay two.
    let (one, two) = (format!("{}1", "my-shop-".repeat(4)), format!("{}2", "my-shop-".repeat(4)));
    for slug in ["my-shop", &one, &two] {
        let domain = format!("{slug}.checkhost.local");
        let words =
            ["tenant", "create", slug, "--domain", &domain, "--name", "Robert'); DROP TABLE tenant;-- <b>"];
        let done = command(folder).args(words).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let names = everything(folder);
    assert!(names.iter().all(|name| !name.contains("shop") && !name.contains("acme")), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.ends_with(".lock")).count(), 5, "{names:?}");
    let server = Server::start(folder);
    for slug in ["my-shop", &one, &two] {
        let answer = server.get(&format!("{slug}.checkhost.local"), "/admin/login/", "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.text().await.unwrap();
        assert!(page.contains("Robert&#39;); DROP TABLE tenant;-- &#60;b&#62;"), "{page}");
    }
    assert_eq!(server.get("acme.checkhost.local", "/admin/login/", "").await.status(), StatusCode::OK);
}
