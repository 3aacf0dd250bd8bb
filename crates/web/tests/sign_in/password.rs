//! Whoever is signed in chooses another password, and is signed in nowhere else afterwards.

use crate::browser::Browser;
use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::{PASSWORD, site_on};

const PATH: &str = "/admin/password_change/";
const NEW: &str = "Tenant-pass-2";

in_every_column!(
    a_new_password_keeps_this_browser_signed_in_and_no_other,
    what_is_wrong_with_it_is_said_and_changes_nothing,
);

/// Sends the form with its token.
async fn change(browser: &mut Browser<'_>, [old, new, again]: [&str; 3]) -> (u16, String) {
    let token = browser.form_token(PATH).await;
    let fields = [("old_password", old), ("new_password1", new), ("new_password2", again)];
    let answer = browser.post(PATH, &token, &fields).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn a_new_password_keeps_this_browser_signed_in_and_no_other(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut here = Browser::http(&site, "acme.example");
    let mut there = Browser::http(&site, "acme.example");
    let mut namesake = Browser::http(&site, "globex.example");
    here.sign_in("ada", PASSWORD).await;
    there.sign_in("ada", PASSWORD).await;
    namesake.sign_in("ada", "Globex-pass-1").await;
    let before = here.cookies.clone();

    assert_eq!(change(&mut here, [PASSWORD, NEW, NEW]).await.0, 302);
    let page = here.get("/admin/").await.text().await.unwrap();
    assert!(page.contains("Your password was changed."), "{page}");
    assert!(!here.get("/admin/").await.text().await.unwrap().contains("was changed"), "it is said once");
    assert!(!there.is_signed_in().await);
    assert!(namesake.is_signed_in().await, "another tenant's");
    let mut kept = Browser::http(&site, "acme.example");
    kept.cookies = before;
    assert!(!kept.is_signed_in().await, "the session is another");

    assert_eq!(there.sign_in("ada", PASSWORD).await.status(), 200);
    assert_eq!(there.sign_in("ada", NEW).await.status(), 302);
}

async fn what_is_wrong_with_it_is_said_and_changes_nothing(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut ada = Browser::http(&site, "acme.example");
    let nobody = ada.get(PATH).await;
    assert_eq!(header(&nobody, "location"), format!("/admin/login/?next={PATH}"));
    ada.sign_in("ada", PASSWORD).await;
    for (typed, said) in [
        (["wrong", NEW, NEW], "Your old password was entered incorrectly."),
        (["", NEW, NEW], "Your old password was entered incorrectly."),
        ([PASSWORD, NEW, "Tenant-pass-3"], "The two password fields didn’t match."),
        ([PASSWORD, "12345", "12345"], "This password is too short."),
        ([PASSWORD, "12345", "12345"], "This password is entirely numeric."),
        ([PASSWORD, "", ""], "This password is too short."),
    ] {
        let (status, page) = change(&mut ada, typed).await;
        assert!(status == 200 && page.contains(said), "{typed:?}: {page}");
        assert!(!page.contains(NEW) && !page.contains(PASSWORD), "{typed:?}: {page}");
    }

    // Another site's page can't send it, not even with a token that was made for somebody else's browser.
    let mut other = Browser::http(&site, "acme.example");
    other.sign_in("ada", PASSWORD).await;
    let fields = [("old_password", PASSWORD), ("new_password1", NEW), ("new_password2", NEW)];
    for token in ["", &other.form_token(PATH).await] {
        assert_eq!(ada.post(PATH, token, &fields).await.status(), 403);
    }
    assert!(ada.is_signed_in().await && other.is_signed_in().await);

    // Whoever sits at somebody's machine does not guess for long.
    let mut tried = 2;
    while change(&mut ada, ["wrong", NEW, NEW]).await.0 == 200 {
        tried += 1;
        assert!(tried < 100);
    }
    assert!(tried >= 10, "{tried}");
    assert_eq!(change(&mut ada, [PASSWORD, NEW, NEW]).await.0, 429);
    assert!(ada.is_signed_in().await);
    assert_eq!(change(&mut other, [PASSWORD, NEW, NEW]).await.0, 302, "at another machine");
}
