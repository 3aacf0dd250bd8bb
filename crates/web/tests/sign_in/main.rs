//! Sign-in over real sockets: who gets in, by which cookies, from where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod browser;
mod cookies;
mod forgery;
mod next;
mod password;
mod sessions;
mod throttle;

use common::columns::{Ground, in_every_column};
use common::{Setup, Site, header, start_on};
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_web::admin::{AdminSite, Models};
use tenantry_web::auth::people::{NewSuperuser, User, create_superuser};
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password, SecretKey, Token};

use browser::Browser;

const PASSWORD: &str = "Tenant-pass-1";
const LOGIN: &str = "/admin/login/?next=/admin/";
const NEVER_CACHED: &str = "max-age=0, no-cache, no-store, must-revalidate, private";
const REFUSED: &str = "Please enter the correct username and password for a staff account.";

/// A site where `ada` is a superuser of each tenant, with another password in each.
async fn site() -> Site {
    site_with(true).await
}

async fn site_with(plain_http: bool) -> Site {
    site_on(Ground::files(), plain_http).await
}

async fn site_on(ground: Ground, plain_http: bool) -> Site {
    site_of(Hasher::default(), ground, plain_http).await
}

async fn site_of(hasher: Hasher, ground: Ground, plain_http: bool) -> Site {
    let key = SecretKey::try_from(Token::generate().unwrap().reveal()).unwrap();
    let admin = AdminSite { hasher, plain_http, ..AdminSite::new(&key, Models::new()) };
    let site = start_on(ground, Setup { app: admin.routes(), ..Setup::default() }).await;
    user(&door(&site, "acme"), "ada", PASSWORD).await;
    user(&door(&site, "globex"), "ada", "Globex-pass-1").await;
    site
}

fn door(site: &Site, slug: &str) -> TenantDb {
    let record = site.instance.directory().record(&slug.parse().unwrap()).unwrap();
    site.instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
}

fn new_password(text: &str) -> NewPassword {
    NewPassword::unchecked(Password::from(text.to_owned()))
}

async fn user(db: &TenantDb, name: &str, password: &str) -> User {
    let new = NewSuperuser {
        username: name.parse().unwrap(),
        email: "".parse().unwrap(),
        password: Some(new_password(password)),
    };
    create_superuser(db, &Hasher::default(), HashPolicy::Own, new).await.unwrap()
}

in_every_column!(
    the_way_in_and_out_is_what_it_was,
    whoever_is_not_let_in_is_told_the_same_whatever_the_reason,
    a_tenant_s_name_is_text_on_its_pages,
);

async fn the_way_in_and_out_is_what_it_was(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut ada = Browser::http(&site, "acme.example");
    let moved = ada.get("/admin").await;
    assert_eq!((moved.status().as_u16(), header(&moved, "location")), (301, "/admin/"));
    let anonymous = ada.get("/admin/").await;
    assert_eq!((anonymous.status().as_u16(), header(&anonymous, "location")), (302, LOGIN));
    assert_eq!(header(&anonymous, "cache-control"), NEVER_CACHED);

    let form = ada.get(LOGIN).await;
    assert_eq!(form.status(), 200);
    assert_eq!(header(&form, "cache-control"), NEVER_CACHED);
    let page = form.text().await.unwrap();
    for part in
        ["<h1>Acme</h1>", "name=\"username\"", "name=\"password\" type=\"password\"", "method=\"post\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(REFUSED) && !page.contains("Globex"), "{page}");

    let entered = ada.sign_in("ada", PASSWORD).await;
    assert_eq!((entered.status().as_u16(), header(&entered, "location")), (302, "/admin/"));
    assert_eq!(header(&entered, "cache-control"), NEVER_CACHED);
    let index = ada.get("/admin/").await;
    assert_eq!((index.status().as_u16(), header(&index, "cache-control")), (200, NEVER_CACHED));
    let page = index.text().await.unwrap();
    assert!(page.contains("<span>Acme</span>") && page.contains("<span class=\"who\">ada</span>"), "{page}");

    let left = ada.sign_out().await;
    assert_eq!((left.status().as_u16(), header(&left, "location")), (302, LOGIN));
    assert_eq!(header(&left, "cache-control"), NEVER_CACHED);
    assert!(!ada.is_signed_in().await);
}

async fn whoever_is_not_let_in_is_told_the_same_whatever_the_reason(ground: Ground) {
    let site = site_on(ground, true).await;
    let acme = door(&site, "acme");
    let gone = user(&acme, "gone", PASSWORD).await;
    acme.update(&User { is_active: false, ..gone }).await.unwrap();
    let visitor = user(&acme, "visitor", PASSWORD).await;
    acme.update(&User { is_staff: false, is_superuser: false, ..visitor }).await.unwrap();

    let mut pages = Vec::new();
    for (username, password) in [
        ("ada", "Tenant-pass-2"),
        ("ada", "Globex-pass-1"),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("gone", PASSWORD),
        ("visitor", PASSWORD),
        ("<script>ada</script>", PASSWORD),
    ] {
        let mut browser = Browser::http(&site, "acme.example");
        let answer = browser.sign_in(username, password).await;
        assert_eq!(answer.status(), 200, "{username}");
        assert_eq!(header(&answer, "cache-control"), NEVER_CACHED, "{username}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(REFUSED) && !page.contains("<script>"), "{username}: {page}");
        assert!(!browser.is_signed_in().await, "{username}");
        // The name that was typed is typed in again, whatever it is.
        let (before, typed) = page.split_once("name=\"username\" value=\"").unwrap();
        let page = format!("{before}{}", typed.split_once('"').unwrap().1);
        let page = page.replace(&browser::hidden(&page, "csrfmiddlewaretoken"), "");
        // The page puts the cursor where something is missing.
        pages.push(page.replace(" autofocus", ""));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
    assert_eq!(acme.query::<tenantry_web::auth::session::Session>().count().await.unwrap(), 0);

    // The page that refuses is a form that may be sent again.
    let mut ada = Browser::http(&site, "acme.example");
    let page = ada.sign_in("ada", "Tenant-pass-2").await.text().await.unwrap();
    let token = browser::hidden(&page, "csrfmiddlewaretoken");
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "/admin/")];
    assert_eq!(ada.post(LOGIN, &token, &fields).await.status(), 302);
}

async fn a_tenant_s_name_is_text_on_its_pages(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut ada = Browser::http(&site, "globex.example");
    let form = ada.get(LOGIN).await.text().await.unwrap();
    ada.sign_in("ada", "Globex-pass-1").await;
    let index = ada.get("/admin/").await.text().await.unwrap();
    for (page, element) in [(form, "h1"), (index, "span")] {
        assert!(page.contains(&format!("<{element}>Globex &#38; Sons</{element}>")), "{page}");
        assert!(!page.contains("Globex & Sons"), "{page}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_and_other_methods_are_refused() {
    let site = site().await;
    let mut ada = Browser::http(&site, "acme.example");
    for signed_in in [false, true] {
        for (path, anonymous, known) in
            [("/admin", 301, 301), ("/admin/", 302, 200), (LOGIN, 200, 200), ("/admin/logout/", 405, 405)]
        {
            let status = if signed_in { known } else { anonymous };
            let got = ada.get(path).await;
            let head = ada.send(ada.request(reqwest::Method::HEAD, path)).await;
            assert_eq!((got.status().as_u16(), head.status().as_u16()), (status, status), "{path}");
            for name in ["location", "content-type", "cache-control", "content-length", "allow"] {
                assert_eq!(header(&head, name), header(&got, name), "{path} {name}");
            }
            assert!(header(&head, "cache-control").contains("no-store"), "{path}");
            assert_eq!(head.text().await.unwrap(), "", "{path}");
        }
        ada.sign_in("ada", PASSWORD).await;
    }
    for (method, path, allowed) in [
        ("POST", "/admin", "GET,HEAD"),
        ("POST", "/admin/", "GET,HEAD"),
        ("PUT", LOGIN, "GET,HEAD,POST"),
        ("DELETE", "/admin/logout/", "POST"),
        ("GET", "/admin/logout/", "POST"),
    ] {
        let answer = ada.send(ada.request(method.parse().unwrap(), path)).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, allowed), "{method} {path}");
    }
    assert!(ada.is_signed_in().await, "nothing but the form signs out");
}
