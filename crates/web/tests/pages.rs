//! The built-in pages as a browser gets them: what they say, link and keep to themselves.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{Setup, Site, admin, header, start};
use reqwest::{Method, Response};
use tenantry_web::admin::{AdminSite, Models};
use tenantry_web::auth::SecretKey;

const HOST: &str = "acme.example";

async fn site() -> Site {
    start(Setup { app: admin(), ..Setup::default() }).await
}

/// Tries to sign in, as a browser does whose page is this site's own.
async fn sign_in(site: &Site, username: &str) -> Response {
    let fields = [("username", username), ("password", "canary-password")];
    let request = site.request(Method::POST, HOST, "/admin/login/").header("sec-fetch-site", "same-origin");
    request.form(&fields).send().await.unwrap()
}

#[tokio::test]
async fn a_refused_sign_in_keeps_the_name_as_text_and_forgets_the_password() {
    let site = site().await;
    let response = sign_in(&site, r#"ann"><script>alert(1)</script>"#).await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    assert!(page.contains(r#"role="alert">Please enter the correct username and password"#), "{page}");
    assert!(page.contains(r#"value="ann&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;""#), "{page}");
    assert!(!page.contains("<script>") && !page.contains("canary"), "{page}");
    let fresh = site.get(HOST, "/admin/login/").await.text().await.unwrap();
    assert!(fresh.contains(r#"name="username" value="""#) && !fresh.contains("role=\"alert\""), "{fresh}");
}

#[tokio::test]
async fn where_signing_in_is_refused_the_page_says_why_and_what_to_do() {
    let key = SecretKey::try_from("a key for tests only, and long enough".to_owned()).unwrap();
    let strict = AdminSite::new(&key, Models::new());
    let site = start(Setup { app: strict.routes(), ..Setup::default() }).await;
    let response = site.get(HOST, "/admin/login/").await;
    assert_eq!((response.status().as_u16(), header(&response, "set-cookie")), (403, ""));
    let page = response.text().await.unwrap();
    assert!(page.contains("Logging in needs https") && page.contains("TRUSTED_PROXIES"), "{page}");
    assert!(!page.contains("<form"), "{page}");
    let https = site.request(Method::GET, HOST, "/admin/login/").header("x-forwarded-proto", "https");
    assert_eq!(https.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused_with_the_way_to_a_good_one() {
    let site = site().await;
    for from in ["same-site", "cross-site"] {
        let request = site.request(Method::POST, HOST, "/admin/login/").header("sec-fetch-site", from);
        let fields = [("username", "ann"), ("password", "canary-password")];
        let response = request.form(&fields).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "set-cookie")), (403, ""), "{from}");
        let page = response.text().await.unwrap();
        assert!(page.contains("load the page again") && !page.contains("canary"), "{from}: {page}");
    }
}

#[tokio::test]
async fn what_the_pages_link_is_there_on_every_host_and_may_be_kept() {
    let site = site().await;
    for (host, path) in [(HOST, "/admin/login/"), (HOST, "/nothing"), ("evil.example", "/")] {
        let page = site.get(host, path).await.text().await.unwrap();
        for (rel, kind) in [("stylesheet", "text/css; charset=utf-8"), ("icon", "image/svg+xml")] {
            let link = page.split("<link ").find(|link| link.contains(rel)).unwrap();
            let linked = link.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
            let response = site.get(host, linked).await;
            assert_eq!(response.status(), 200, "{host}{path} {rel}");
            assert_eq!(header(&response, "content-type"), kind, "{host}{path}");
            assert!(header(&response, "cache-control").contains("immutable"), "{host}{path} {rel}");
        }
    }
}
