//! Where someone goes after signing in: to a path of the same host, whatever was asked for.

use crate::browser::{Browser, hidden};
use crate::common::{Setup, header, start};
use crate::{LOGIN, PASSWORD, site};

/// What is asked for, and where it leads.
const TABLE: &[(&str, &str)] = &[
    ("/admin/", "/admin/"),
    ("/", "/"),
    ("/notes?q=a&p=1", "/notes?q=a&p=1"),
    ("/a//b", "/a//b"),
    ("/%2F%2Fevil.example", "/%2F%2Fevil.example"),
    ("", "/admin/"),
    ("notes", "/admin/"),
    ("//evil.example", "/admin/"),
    ("///evil.example", "/admin/"),
    ("/\\evil.example", "/admin/"),
    ("\\\\evil.example", "/admin/"),
    ("/a\\b", "/admin/"),
    ("http://evil.example/", "/admin/"),
    ("https:evil.example", "/admin/"),
    ("http:///evil.example", "/admin/"),
    ("javascript:alert(1)", "/admin/"),
    ("%2F%2Fevil.example", "/admin/"),
    (" /notes", "/admin/"),
    (" //evil.example", "/admin/"),
    ("/\t/evil.example", "/admin/"),
    ("/\n/evil.example", "/admin/"),
    ("\u{0}//evil.example", "/admin/"),
    ("/x\r\nSet-Cookie: sessionid=planted", "/admin/"),
    ("/\u{ff0f}evil.example", "/admin/"),
    ("/é", "/admin/"),
];

/// Where the form is that asks for this, every byte of it encoded.
fn login_form(next: &str) -> String {
    next.bytes().fold("/admin/login/?next=".to_owned(), |path, byte| format!("{path}%{byte:02X}"))
}

#[tokio::test]
async fn only_a_path_of_the_same_host_is_gone_to() {
    let site = site().await;
    for (asked, led) in TABLE.iter().copied() {
        let mut ada = Browser::http(&site, "acme.example");
        let form = ada.get(&login_form(asked)).await;
        assert_eq!(form.status(), 200, "{asked:?}");
        let page = form.text().await.unwrap();
        assert_eq!(hidden(&page, "next").replace("&#38;", "&"), led, "{asked:?} as the form has it");

        let token = hidden(&page, "csrfmiddlewaretoken");
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", asked)];
        let answer = ada.post("/admin/login/", &token, &fields).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "location")), (302, led), "{asked:?}");
        assert!(ada.cookies.values().all(|value| value != "planted"), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_asked_for_is_text_in_the_page() {
    let site = site().await;
    let mut ada = Browser::http(&site, "acme.example");
    let page = ada.get(&login_form("/\"><script>alert(1)</script>")).await.text().await.unwrap();
    assert!(page.contains("alert(1)") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn the_form_s_field_counts_and_not_the_address_that_it_was_sent_to() {
    let site = site().await;
    let mut ada = Browser::http(&site, "acme.example");
    let token = ada.form_token(LOGIN).await;
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "/notes")];
    let answer = ada.post("/admin/login/?next=/elsewhere", &token, &fields).await;
    assert_eq!(header(&answer, "location"), "/notes");
}

#[tokio::test]
async fn below_a_path_prefix_all_links_begin_with_the_tenant() {
    let hosts =
        tenantry_web::http::HostRules { base_domain: "base.example".parse().ok(), ..Setup::default().hosts };
    let resolvers = tenantry_web::http::Resolvers {
        path_prefix: Some("/t".parse().unwrap()),
        ..tenantry_web::http::Resolvers::default()
    };
    let site = start(Setup { hosts, resolvers, app: crate::common::admin(), ..Setup::default() }).await;
    crate::user(&crate::door(&site, "acme"), "ada", PASSWORD).await;
    let mut ada = Browser::http(&site, "base.example");
    assert_eq!(header(&ada.get("/t/acme/admin").await, "location"), "/t/acme/admin/");
    let login = "/t/acme/admin/login/?next=/admin/";
    assert_eq!(header(&ada.get("/t/acme/admin/").await, "location"), login);
    let page = ada.get(login).await.text().await.unwrap();
    assert!(page.contains("action=\"/t/acme/admin/login/\""), "{page}");
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "/admin/")];
    let answer = ada.post(login, &hidden(&page, "csrfmiddlewaretoken"), &fields).await;
    assert_eq!(header(&answer, "location"), "/t/acme/admin/");
    let index = ada.get("/t/acme/admin/").await;
    assert_eq!(index.status(), 200);
    let page = index.text().await.unwrap();
    assert!(page.contains("action=\"/t/acme/admin/logout/\""), "{page}");
    // On one host, the cookie goes to the other tenant too: it is nobody's there.
    assert_eq!(header(&ada.get("/t/globex/admin/").await, "location"), "/t/globex/admin/login/?next=/admin/");
}
