//! Requests that another site's page makes in somebody's browser: refused at the sign-in and at the sign-out.

use reqwest::Method;

use crate::browser::{Browser, set_cookies};
use crate::common::Site;
use crate::{LOGIN, PASSWORD, site, user};

/// Which token the form bears.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Right,
    None,
    OfAnotherVisitor,
    OfAnotherTenant,
}

const OWN: &str = "http://acme.example";

/// `Sec-Fetch-Site`, `Origin`, the form's token, and whether the change is made.
const TABLE: &[(&str, &str, Sent, bool)] = &[
    ("", "", Sent::Right, true),
    ("", "", Sent::None, false),
    ("", "", Sent::OfAnotherVisitor, false),
    ("", "", Sent::OfAnotherTenant, false),
    ("", OWN, Sent::None, true),
    ("", OWN, Sent::OfAnotherTenant, true),
    ("", "http://globex.example", Sent::Right, false),
    ("", "http://evil.acme.example", Sent::Right, false),
    ("", "https://acme.example", Sent::Right, false),
    ("", "http://acme.example:8000", Sent::Right, false),
    ("", "null", Sent::Right, false),
    ("same-origin", "", Sent::None, true),
    ("same-origin", "http://globex.example", Sent::None, true),
    ("none", "", Sent::None, true),
    ("same-site", "", Sent::Right, false),
    ("same-site", OWN, Sent::Right, false),
    ("cross-site", OWN, Sent::Right, false),
    ("nonsense", OWN, Sent::Right, false),
];

async fn token(site: &Site, browser: &mut Browser<'_>, path: &str, sent: Sent) -> String {
    match sent {
        Sent::Right => browser.form_token(path).await,
        Sent::None => String::new(),
        Sent::OfAnotherVisitor => Browser::http(site, browser.host).form_token(LOGIN).await,
        Sent::OfAnotherTenant => {
            // With the very same cookie: another tenant's token is worth nothing all the same.
            let mut elsewhere = Browser::http(site, "globex.example");
            elsewhere.cookies.clone_from(&browser.cookies);
            elsewhere.form_token(LOGIN).await
        }
    }
}

async fn send(
    browser: &mut Browser<'_>,
    path: &str,
    from: (&str, &str),
    token: &str,
) -> (u16, Vec<String>, String) {
    let fields =
        [("csrfmiddlewaretoken", token), ("username", "ada"), ("password", PASSWORD), ("next", "/admin/")];
    let mut request = browser.request(Method::POST, path).form(&fields);
    for (name, value) in [("sec-fetch-site", from.0), ("origin", from.1)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    let answer = browser.send(request).await;
    (answer.status().as_u16(), set_cookies(&answer), answer.text().await.unwrap())
}

#[tokio::test]
async fn nobody_is_signed_in_by_another_site_s_page() {
    let site = site().await;
    for (fetch_site, origin, sent, allowed) in TABLE.iter().copied() {
        let mut ada = Browser::http(&site, "acme.example");
        ada.get(LOGIN).await;
        let token = token(&site, &mut ada, LOGIN, sent).await;
        let (status, cookies, text) = send(&mut ada, LOGIN, (fetch_site, origin), &token).await;
        let what = format!("{fetch_site:?} {origin:?} {sent:?}: {text}");
        assert_eq!(status, if allowed { 302 } else { 403 }, "{what}");
        assert!(allowed || cookies.is_empty(), "{cookies:?} {what}");
        assert_eq!(ada.is_signed_in().await, allowed, "{what}");
    }
}

#[tokio::test]
async fn nobody_is_signed_out_by_another_site_s_page() {
    let site = site().await;
    for (fetch_site, origin, sent, allowed) in TABLE.iter().copied() {
        let mut ada = Browser::http(&site, "acme.example");
        ada.sign_in("ada", PASSWORD).await;
        let token = token(&site, &mut ada, "/admin/", sent).await;
        let (status, cookies, text) = send(&mut ada, "/admin/logout/", (fetch_site, origin), &token).await;
        let what = format!("{fetch_site:?} {origin:?} {sent:?}: {text}");
        assert_eq!(status, if allowed { 302 } else { 403 }, "{what}");
        assert!(allowed || cookies.is_empty(), "{cookies:?} {what}");
        assert_eq!(ada.is_signed_in().await, !allowed, "{what}");
    }
}

#[tokio::test]
async fn a_form_token_ends_with_the_cookie_that_it_was_made_for() {
    let site = site().await;
    let silent = ("", "");
    let mut ada = Browser::http(&site, "acme.example");
    let before = ada.form_token(LOGIN).await;
    let without_cookie = &mut Browser::http(&site, "acme.example");
    assert_eq!(send(without_cookie, LOGIN, silent, &before).await.0, 403, "no cookie");
    ada.sign_in("ada", PASSWORD).await;
    assert_eq!(send(&mut ada, LOGIN, silent, &before).await.0, 403, "the visitor's before signing in");
    assert_eq!(send(&mut ada, "/admin/logout/", silent, &before).await.0, 403);
    let form = ada.form_token(LOGIN).await;
    assert_eq!(send(&mut ada, "/admin/logout/", silent, &form).await.0, 403, "a visitor's for a session's");
    let index = ada.form_token("/admin/").await;
    assert_eq!(send(&mut ada, LOGIN, silent, &index).await.0, 403, "a session's for a visitor's");

    user(&crate::door(&site, "acme"), "bob", PASSWORD).await;
    let mut bob = Browser::http(&site, "acme.example");
    bob.sign_in("bob", PASSWORD).await;
    assert_eq!(send(&mut bob, "/admin/logout/", silent, &index).await.0, 403, "another session's");
    assert!(ada.is_signed_in().await && bob.is_signed_in().await);
}

#[tokio::test]
async fn a_form_token_of_another_instance_is_worth_nothing() {
    let (here, elsewhere) = (site().await, crate::site_with(false).await);
    let mut ada = Browser::https(&here, "acme.example");
    ada.get(LOGIN).await;
    let mut other = Browser::https(&elsewhere, "acme.example");
    other.cookies.clone_from(&ada.cookies);
    let token = other.form_token(LOGIN).await;
    assert_eq!(other.cookies, ada.cookies, "a visitor's cookie that is there is kept");
    assert_eq!(send(&mut ada, LOGIN, ("", ""), &token).await.0, 403);
    assert_eq!(send(&mut other, LOGIN, ("", ""), &token).await.0, 302);
}
