//! Whoever guesses passwords is soon told to wait, and keeps hardly anybody else out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::{Method, Response};
use tenantry_web::auth::Hasher;
use tokio::task::JoinSet;

use crate::browser::Browser;
use crate::common::columns::Ground;
use crate::common::{Site, header};
use crate::{LOGIN, PASSWORD, door, site_of, user};

/// One attempt to sign in at `host` from an address of its own, as no browser of a person does it.
async fn guess(site: &Site, host: &str, from: &str, username: &str, password: &str) -> Response {
    let fields = [("username", username), ("password", password)];
    let request = site.request(Method::POST, host, LOGIN).header("sec-fetch-site", "same-origin");
    request.header("x-forwarded-for", from).form(&fields).send().await.unwrap()
}

/// So many attempts at `ada` of `acme`, each from another address: how many were tried.
async fn guesses(site: &Arc<Site>, count: u32) -> u32 {
    let next = Arc::new(AtomicU32::new(0));
    let mut guessers = JoinSet::new();
    for _ in 0..32 {
        let (site, next) = (Arc::clone(site), Arc::clone(&next));
        guessers.spawn(async move {
            let mut tried = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return tried;
                }
                let [_, a, b, c] = number.to_be_bytes();
                let answer = guess(&site, "acme.example", &format!("10.{a}.{b}.{c}"), "ada", "wrong").await;
                match answer.status().as_u16() {
                    200 => tried += 1,
                    429 => {
                        let wait: u64 = header(&answer, "retry-after").parse().unwrap();
                        assert!((1..=300).contains(&wait), "{wait}");
                    }
                    other => panic!("{other}"),
                }
            }
        });
    }
    guessers.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_failures_at_an_account_keep_nobody_else_out_and_its_owner_neither() {
    let hasher = Hasher::default();
    let site = Arc::new(site_of(hasher.clone(), Ground::files(), true).await);
    user(&door(&site, "acme"), "bob", PASSWORD).await;
    let mut owner = Browser::http(&site, "acme.example");
    assert_eq!(owner.sign_in("ada", PASSWORD).await.status(), 302);
    let mut bob = Browser::http(&site, "acme.example");
    assert_eq!(bob.sign_in("bob", PASSWORD).await.status(), 302);
    let mut namesake = Browser::http(&site, "globex.example");
    assert_eq!(namesake.sign_in("ada", "Globex-pass-1").await.status(), 302);

    let before = hasher.calls();
    assert_eq!(guesses(&site, 10_000).await, 10);
    assert_eq!(hasher.calls() - before, 10, "what is not tried costs nothing");

    // Nobody gets in there by guessing on, not even with the right password or with another's session.
    let mut fresh = Browser::http(&site, "acme.example");
    let answer = fresh.sign_in("ada", PASSWORD).await;
    assert_eq!(answer.status(), 429);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Logging in has failed too often. Try again in "), "{page}");
    assert!(!fresh.is_signed_in().await);
    for cookies in [&bob.cookies, &namesake.cookies] {
        let mut other = Browser::http(&site, "acme.example");
        other.cookies.clone_from(cookies);
        assert_eq!(other.sign_in("ada", PASSWORD).await.status(), 429);
    }

    // Others are as they were.
    assert!(bob.is_signed_in().await);
    assert_eq!(Browser::http(&site, "acme.example").sign_in("bob", PASSWORD).await.status(), 302);
    assert_eq!(Browser::http(&site, "globex.example").sign_in("ada", "Globex-pass-1").await.status(), 302);

    // A browser that the owner is signed in with lets them in again; guessing there is counted by itself.
    assert!(owner.is_signed_in().await);
    assert_eq!(owner.sign_in("ada", PASSWORD).await.status(), 302);
    for _ in 0..10 {
        assert_eq!(owner.sign_in("ada", "wrong").await.status(), 200);
    }
    assert_eq!(owner.sign_in("ada", PASSWORD).await.status(), 429);
    assert!(owner.is_signed_in().await);
}

#[tokio::test]
async fn an_address_that_fails_at_many_accounts_is_told_to_wait() {
    let site = site_of(Hasher::default(), Ground::files(), true).await;
    // Time passes meanwhile, and lets some more be tried.
    let mut tried = 0;
    loop {
        let host = ["acme.example", "globex.example"][tried % 2];
        let (from, name) = (format!("2001:db8::{}", tried % 7), format!("user-{tried}"));
        match guess(&site, host, &from, &name, "wrong").await.status().as_u16() {
            200 => tried += 1,
            429 => break,
            other => panic!("{other}"),
        }
        assert!(tried < 1_000);
    }
    assert!(tried >= 100, "{tried}");
    for from in ["2001:db8:0:1::1", "192.0.2.1"] {
        assert_eq!(guess(&site, "acme.example", from, "ada", PASSWORD).await.status(), 302, "{from}");
    }
}

#[tokio::test]
async fn who_signs_in_again_and_again_is_never_told_to_wait() {
    let site = site_of(Hasher::default(), Ground::files(), true).await;
    for number in 0..12 {
        assert_eq!(
            guess(&site, "acme.example", "192.0.2.1", "ada", PASSWORD).await.status(),
            302,
            "{number}"
        );
    }
}
