//! The cookies of each scheme, and plain http where nobody may sign in.

use reqwest::Method;

use crate::browser::{Browser, set_cookies};
use crate::common::header;
use crate::{LOGIN, PASSWORD, site, site_with};

/// The names and attributes of what an answer sets, in order; the values, which nobody can guess, are cut off.
fn attributes(response: &reqwest::Response) -> Vec<String> {
    let cut = |cookie: String| {
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(value.is_empty() || value.len() == 43, "256 bits, or nothing: {cookie}");
        format!("{name}={}; {attributes}", if value.is_empty() { "" } else { "…" })
    };
    set_cookies(response).into_iter().map(cut).collect()
}

#[tokio::test]
async fn over_https_no_sibling_host_can_set_them_and_none_goes_in_the_clear() {
    let site = site_with(false).await;
    let mut ada = Browser::https(&site, "acme.example");
    let csrf = "__Host-csrftoken=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600";
    let session = "__Host-sessionid=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600";
    let form = ada.get(LOGIN).await;
    assert_eq!(attributes(&form), [csrf]);
    assert!(!form.text().await.unwrap().contains("not encrypted"));
    assert_eq!(attributes(&ada.sign_in("ada", "wrong").await), [csrf]);
    assert_eq!(attributes(&ada.sign_in("ada", PASSWORD).await), [session, csrf]);
    assert!(attributes(&ada.get("/admin/").await).is_empty());
    let ended = "__Host-sessionid=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0";
    assert_eq!(attributes(&ada.sign_out().await), [ended]);
}

#[tokio::test]
async fn over_plain_http_they_have_django_s_names_and_the_page_warns() {
    let site = site().await;
    let mut ada = Browser::http(&site, "acme.example");
    let csrf = "csrftoken=…; HttpOnly; SameSite=Lax; Path=/; Max-Age=1209600";
    let session = "sessionid=…; HttpOnly; SameSite=Lax; Path=/; Max-Age=1209600";
    let form = ada.get(LOGIN).await;
    assert_eq!(attributes(&form), [csrf]);
    assert!(form.text().await.unwrap().contains("This connection is not encrypted"));
    assert_eq!(attributes(&ada.sign_in("ada", PASSWORD).await), [session, csrf]);
    assert_eq!(attributes(&ada.sign_out().await), ["sessionid=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"]);
}

#[tokio::test]
async fn signing_in_makes_both_anew_and_ends_the_session_that_was_there() {
    let site = site().await;
    let mut ada = Browser::http(&site, "acme.example");
    ada.get(LOGIN).await;
    let planted = ada.cookies["csrftoken"].clone();
    ada.sign_in("ada", PASSWORD).await;
    assert_ne!(ada.cookies["csrftoken"], planted);
    let first = ada.cookies["sessionid"].clone();
    let token = ada.form_token(LOGIN).await;
    let fields = [("username", "ada"), ("password", PASSWORD), ("next", "/admin/")];
    ada.post(LOGIN, &token, &fields).await;
    assert_ne!(ada.cookies["sessionid"], first);
    assert!(ada.is_signed_in().await);
    ada.cookies.insert("sessionid".to_owned(), first);
    assert!(!ada.is_signed_in().await, "nobody could sign out of it any more");
}

#[tokio::test]
async fn where_others_could_listen_sign_in_is_refused_with_the_reason() {
    let site = site_with(false).await;
    let mut secure = Browser::https(&site, "acme.example");
    secure.sign_in("ada", PASSWORD).await;
    let session = secure.cookies["__Host-sessionid"].clone();
    for (method, path) in [
        ("GET", "/admin/"),
        ("HEAD", "/admin/"),
        ("GET", LOGIN),
        ("HEAD", LOGIN),
        ("POST", LOGIN),
        ("POST", "/admin/logout/"),
    ] {
        let mut plain = Browser::http(&site, "acme.example");
        for name in ["sessionid", "__Host-sessionid"] {
            plain.cookies.insert(name.to_owned(), session.clone());
        }
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let request = plain.request(method.parse().unwrap(), path).header("sec-fetch-site", "same-origin");
        let request = if method == "POST" { request.form(&fields) } else { request };
        let answer = plain.send(request).await;
        assert_eq!(answer.status(), 403, "{method} {path}");
        assert!(set_cookies(&answer).is_empty(), "{method} {path}");
        assert!(header(&answer, "cache-control").contains("no-store"), "{method} {path}");
        let text = answer.text().await.unwrap();
        let said = method == "HEAD" || text.contains("Logging in needs https: ");
        assert!(said && !text.contains("Acme"), "{method} {path}: {text}");
    }
    assert!(secure.is_signed_in().await, "nothing ended the session");
}

#[tokio::test]
async fn what_another_scheme_s_cookie_or_two_cookies_say_counts_for_nothing() {
    let site = site().await;
    let mut ada = Browser::https(&site, "acme.example");
    ada.sign_in("ada", PASSWORD).await;
    let session = ada.cookies["__Host-sessionid"].clone();

    let mut other = Browser::https(&site, "acme.example");
    other.cookies.insert("sessionid".to_owned(), session.clone());
    assert!(!other.is_signed_in().await, "over https, the name that a sibling host could set");
    let mut other = Browser::http(&site, "acme.example");
    other.cookies.insert("__Host-sessionid".to_owned(), session.clone());
    assert!(!other.is_signed_in().await);

    let twice = format!("sessionid={session}; sessionid={session}");
    let once = format!("a=b; sessionid={session}; c=d");
    for (cookie, status) in [(once, 200), (twice, 302), (format!("sessionid={session}x"), 302)] {
        let request = site.request(Method::GET, "acme.example", "/admin/").header("cookie", &cookie);
        assert_eq!(request.send().await.unwrap().status(), status, "{cookie}");
    }
}
