//! A session is worth something at its own tenant, and only for as long as its person may be there.

use tenantry_core::Transition;
use tenantry_web::auth::people::{User, set_password};
use tenantry_web::auth::session::Session;
use tenantry_web::auth::{HashPolicy, Hasher};

use crate::browser::Browser;
use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::{LOGIN, PASSWORD, door, new_password, site_on};

in_every_column!(
    a_session_is_nobody_s_at_another_tenant_and_at_another_instance,
    a_session_is_over_once_its_person_may_not_be_there,
    signing_out_ends_this_session_and_no_other,
    a_tenant_that_is_not_served_has_no_sign_in_and_its_sessions_wait,
);

async fn a_session_is_nobody_s_at_another_tenant_and_at_another_instance(ground: Ground) {
    let (site, elsewhere) = (site_on(ground.clone(), true).await, site_on(ground, true).await);
    let mut ada = Browser::http(&site, "acme.example");
    ada.sign_in("ada", PASSWORD).await;
    for (place, host) in [(&site, "globex.example"), (&elsewhere, "acme.example")] {
        let mut other = Browser::http(place, host);
        other.cookies.clone_from(&ada.cookies);
        let answer = other.get("/admin/").await;
        assert_eq!((answer.status().as_u16(), header(&answer, "location")), (302, LOGIN), "{host}");
        // Not even signing out there reaches it.
        let request = other.request(reqwest::Method::POST, "/admin/logout/").form(&[("a", "b")]);
        other.send(request.header("sec-fetch-site", "same-origin")).await;
    }
    assert!(ada.is_signed_in().await);
}

async fn a_session_is_over_once_its_person_may_not_be_there(ground: Ground) {
    let site = site_on(ground, true).await;
    let acme = door(&site, "acme");
    let ada = async || {
        let mut ada = Browser::http(&site, "acme.example");
        assert_eq!(ada.sign_in("ada", PASSWORD).await.status(), 302);
        assert!(ada.is_signed_in().await);
        ada
    };
    let row = acme.query::<User>().filter(User::USERNAME.eq("ada")).first().await.unwrap().unwrap();

    let mut browser = ada().await;
    acme.update(&User { is_staff: false, ..row.clone() }).await.unwrap();
    assert!(!browser.is_signed_in().await, "no staff");
    acme.update(&User { is_active: false, ..row.clone() }).await.unwrap();
    assert!(!browser.is_signed_in().await, "inactive");
    acme.update(&row).await.unwrap();
    assert!(!browser.is_signed_in().await, "what is over stays so");

    let (mut browser, mut same) = (ada().await, ada().await);
    let mut user = acme.query::<User>().filter(User::USERNAME.eq("ada")).first().await.unwrap().unwrap();
    let fresh = new_password("Tenant-pass-2");
    set_password(&acme, &Hasher::default(), HashPolicy::Own, &mut user, &fresh).await.unwrap();
    assert!(!browser.is_signed_in().await, "another password");
    assert!(!same.is_signed_in().await, "another password");
    assert_eq!(browser.sign_in("ada", PASSWORD).await.status(), 200, "the old password");
    assert_eq!(browser.sign_in("ada", "Tenant-pass-2").await.status(), 302);
}

async fn signing_out_ends_this_session_and_no_other(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut here = Browser::http(&site, "acme.example");
    let mut there = Browser::http(&site, "acme.example");
    here.sign_in("ada", PASSWORD).await;
    there.sign_in("ada", PASSWORD).await;
    let kept = here.cookies.clone();
    here.sign_out().await;
    assert!(!here.cookies.contains_key("sessionid"));
    here.cookies = kept;
    assert!(!here.is_signed_in().await, "a cookie that someone kept");
    assert!(there.is_signed_in().await);
    assert_eq!(door(&site, "acme").query::<Session>().count().await.unwrap(), 1);
}

async fn a_tenant_that_is_not_served_has_no_sign_in_and_its_sessions_wait(ground: Ground) {
    let site = site_on(ground, true).await;
    let mut ada = Browser::http(&site, "acme.example");
    ada.sign_in("ada", PASSWORD).await;
    site.change("acme", Transition::Suspend).await;
    for path in ["/admin", "/admin/", LOGIN] {
        let answer = ada.get(path).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, "3600"), "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("Acme") && !text.contains("User"), "{path}: {text}");
    }
    let request = ada.request(reqwest::Method::POST, LOGIN).header("sec-fetch-site", "same-origin");
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(ada.send(request.form(&fields)).await.status(), 503);
    site.change("acme", Transition::Activate).await;
    assert!(ada.is_signed_in().await);
}
