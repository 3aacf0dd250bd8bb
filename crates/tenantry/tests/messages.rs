//! What commands say to people: in the right number, of what is so, and with what helps.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod common;

use std::path::Path;

use common::{Server, command, files, ok, refused, two_tenants};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};

/// What a command that succeeds says beside its results.
fn beside(folder: &Path, words: &str) -> String {
    let done = command(folder).args(words.split_whitespace()).output().unwrap();
    assert!(done.status.success(), "{words}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn help_is_had_by_its_name_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(ok(folder, "help"), ok(folder, "--help"));
    assert_eq!(ok(folder, "help tenant create"), ok(folder, "tenant create --help"));
    assert!(refused(folder, "help nothing").contains("nothing"));
    assert_eq!(files(folder), Vec::<String>::new());
}

#[test]
fn what_only_reads_or_changes_makes_no_instance() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for words in [
        "tenant list",
        "tenant list --json",
        "tenant show acme",
        "tenant suspend acme",
        "tenant purge --expired",
        "showmigrations",
        "migrate --plan",
        "hosts",
        "reconcile",
        "operator list",
        "createsuperuser --noinput --username ann",
        "changepassword ann",
    ] {
        let said = refused(folder, words);
        assert!(
            said.starts_with("error: there is no instance in ./data yet\nhint: `tenant create SLUG"),
            "{said}"
        );
    }
    assert!(refused(folder, "--data elsewhere hosts").contains("no instance in elsewhere yet"));
    assert_eq!(ok(folder, "check"), "nothing is amiss\n");
    assert!(beside(folder, "check").contains("there is no instance in ./data yet"));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "nothing was made");

    assert!(refused(folder, "operator add root").contains("a password is needed"));
    assert_eq!(ok(folder, "hosts"), "");
    assert!(beside(folder, "hosts").contains("there is no tenant yet: tenant create SLUG --domain HOST"));
}

#[test]
fn a_change_is_told_as_what_it_is() {
    let folder = two_tenants();
    let folder = folder.path();
    for (words, said) in [
        ("tenant rename acme --name Acme", "acme is called Acme now\n"),
        ("tenant rename acme apex", "acme is apex now\n"),
        ("tenant rename apex acme --name Apex", "apex is acme now and is called Apex now\n"),
        ("tenant rename acme acme --name Ace", "acme is called Ace now\n"),
        ("tenant rename acme acme", "acme is called so already: nothing changed\n"),
        ("tenant rename acme acme --name Ace", "acme is called so already: nothing changed\n"),
        ("tenant suspend acme", "acme is suspended now\n"),
    ] {
        assert_eq!(ok(folder, words), said, "{words}");
    }
    for (words, said) in [
        ("tenant suspend acme", "error: acme: it is suspended already\n"),
        ("tenant activate globex", "error: globex: it is active already\n"),
        ("tenant undelete globex", "error: globex: a tenant that is active can't be undeleted\n"),
        ("tenant list --page 9 --per-page 1", "error: there is no page 9: the last one is 2\n"),
        ("tenant list --page 2 --search nobody", "error: there is no page 2: the last one is 1\n"),
    ] {
        assert_eq!(refused(folder, words), said, "{words}");
    }
    assert!(ok(folder, "tenant list").ends_with("page 1 of 1, 2 tenants\n"));
    assert!(ok(folder, "tenant list --search globex").ends_with("page 1 of 1, 1 tenant\n"));
    assert!(ok(folder, "tenant list --search nobody").ends_with("page 1 of 1, 0 tenants\n"));
    assert_eq!(ok(folder, "tenant purge --expired"), "0 tenants are gone\n");
    assert_eq!(ok(folder, "migrate --tenant globex"), "1 tenant is up to date now\n");
    assert!(ok(folder, "tenant show globex").starts_with(" slug        globex\n name "));

    std::fs::write(folder.join("three.csv"), "one\ntwo\nthree\n").unwrap();
    assert!(beside(folder, "tenant create --from three.csv").contains("create: 3 of 3\n"));
    assert!(!beside(folder, "tenant create four").contains("create:"));
}

#[test]
fn who_can_not_sign_in_is_told_how_and_no_password_is_asked_for_in_vain() {
    let folder = two_tenants();
    let folder = folder.path();
    let mut without = command(folder);
    without.env_remove("DJANGO_SUPERUSER_PASSWORD");
    let made = without.args(["createsuperuser", "--tenant", "acme", "--noinput", "--username", "eve"]);
    let made = made.output().unwrap();
    assert_eq!(String::from_utf8(made.stdout).unwrap(), "eve is a superuser of acme now\n");
    assert_eq!(
        String::from_utf8(made.stderr).unwrap(),
        "eve has no password and can't sign in: `changepassword --tenant acme eve` gives one\n"
    );
    assert_eq!(beside(folder, "createsuperuser --tenant acme --noinput --username zoe"), "");

    let named = command(folder).args(["operator", "add", "a b"]).output().unwrap();
    let said = String::from_utf8(named.stderr).unwrap();
    assert_eq!(said, "error: an operator's name is 1 to 150 letters, digits and @ . + - _\n");
}

#[test]
fn a_wrong_host_in_a_setting_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "ALLOWED_HOSTS=a b\n").unwrap();
    let said = refused(folder.path(), "check");
    let why = "\"a b\" is not an allowed host: a host name holds no spaces";
    assert_eq!(
        said,
        format!("error: the configuration can't be used:\n  ALLOWED_HOSTS=a b (.env:1): {why}\n")
    );
}

#[tokio::test]
async fn a_browser_finds_the_icon_and_the_admin_with_its_query() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    let icon = server.get("acme.checkhost.local", "/favicon.ico", "").await;
    assert_eq!(
        (icon.status(), &icon.headers()[CONTENT_TYPE]),
        (StatusCode::OK, &"image/svg+xml".parse().unwrap())
    );
    assert_eq!(icon.headers()[CACHE_CONTROL], "public, max-age=86400");
    assert!(!icon.headers().contains_key(SET_COOKIE));
    let drawn = icon.text().await.unwrap();
    assert!(drawn.contains("<svg") && !drawn.contains("acme"), "{drawn}");
    let other = server.get("evil.example", "/favicon.ico", "").await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);

    for (asked, led) in [("/admin", "/admin/"), ("/admin?x=y&next=%2F", "/admin/?x=y&next=%2F")] {
        let answer = server.get("acme.checkhost.local", asked, "").await;
        assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(answer.headers()[LOCATION], led);
    }
}

#[test]
fn what_is_refused_is_told_with_what_helps() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant suspend globex");
    let unknown = "error: there is no tenant nope\nhint: tenant list shows those there are\n";
    let nowhere = "error: DB_NOPE is not configured\n\
                   hint: tenant list shows the tenants and their places; --tenant SLUG names one by its slug\n";
    for (words, said) in [
        ("tenant show nope", unknown),
        ("migrate --tenant nope", unknown),
        ("migrate --plan --tenant nope", unknown),
        ("showmigrations --tenant nope", unknown),
        ("manage nope migrate", nowhere),
        ("manage nope createsuperuser --noinput --username ann", nowhere),
        (
            "createsuperuser --tenant globex --noinput --username eve",
            "error: globex: the tenant is not served: its status is suspended\nhint: tenant activate globex\n",
        ),
        (
            "createsuperuser --tenant acme --noinput",
            "error: Username is needed, and there is nobody to ask\nhint: give it with --username NAME\n",
        ),
    ] {
        assert_eq!(refused(folder, words), said, "{words}");
    }
    for words in ["migrate --jobs 0", "tenant list --page 0", "tenant list --per-page 0"] {
        let said = refused(folder, words);
        assert!(said.contains(": it must be a whole number, at least 1\n"), "{words}: {said}");
    }
    assert!(refused(folder, "tenant rename acme").contains("<NEW_SLUG|--name <NAME>>"));
}

#[test]
fn a_tenant_that_nothing_leads_to_any_more_is_told() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant domain add acme second.example");
    assert_eq!(beside(folder, "tenant domain remove acme second.example"), "");
    let said = beside(folder, "tenant domain remove acme acme.checkhost.local");
    assert_eq!(said, "no domain leads to acme any more: tenant domain add acme HOST\n");
    std::fs::write(folder.join(".env"), "BASE_DOMAIN=tenants.example\n").unwrap();
    let said = beside(folder, "tenant domain remove globex globex.checkhost.local");
    assert_eq!(said, "only globex.tenants.example leads to globex now: tenant domain add globex HOST\n");
}

#[test]
fn the_lines_of_a_hosts_file_are_data_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ok(folder, "tenant create acme --domain acme.localhost");
    assert_eq!(ok(folder, "hosts"), "");
    assert!(beside(folder, "hosts").starts_with("no line is needed: "));
    assert_eq!(ok(folder, "hosts --json"), "[]\n");
    ok(folder, "tenant domain add acme acme.example");
    assert_eq!(
        (ok(folder, "hosts"), beside(folder, "hosts")),
        ("127.0.0.1 acme.example\n".into(), String::new())
    );
    let line = r#"[{"address":"127.0.0.1","domain":"acme.example","tenant":"acme"}]"#;
    assert_eq!(ok(folder, "hosts --json"), format!("{line}\n"));
}

#[test]
fn migrations_that_can_t_be_read_are_not_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ok(folder, "tenant create acme");
    let tenants = folder.join("data/tenants");
    let names = files(&tenants);
    let data = names.iter().find(|name| name.ends_with(".db")).unwrap();
    std::fs::write(data, "Dear Sir or Madam, ".repeat(99)).unwrap();
    let done = command(folder).args(["showmigrations", "--tenant", "acme"]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains("acme") && !said.contains("nothing to do"), "{said}");
}
