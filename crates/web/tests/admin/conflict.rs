//! Two people who edit one record: the later one is told, and overwrites nothing unseen.

use tenantry_web::admin::LogEntry;

use crate::common::columns::{Ground, in_every_column};
use crate::shop::{Book, added, book, shelf};
use crate::{ada, fields, page, send_form, signed_in, site, staff};

in_every_column!(
    the_later_one_is_told_and_nothing_is_overwritten,
    of_two_at_once_one_is_kept_and_one_is_told,
    a_record_that_is_gone_is_not_found,
);

async fn the_later_one_is_told_and_nothing_is_overwritten(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await;
    staff(&acme, "bob", &["change_book", "view_shelf"]).await;
    let mut bob = signed_in(&site, "acme.example", &acme, "bob").await;
    let path = format!("/admin/shop/book/{id}/change/");
    let (of_ada, of_bob) = (fields(&page(&mut ada, &path).await), fields(&page(&mut bob, &path).await));

    let first = send_form(&mut bob, &path, of_bob, &[("title", "Bob's <title>"), ("copies", "7")]).await;
    assert_eq!(first.status(), 302);
    let later = send_form(&mut ada, &path, of_ada, &[("title", "Ada's title"), ("pages", "5")]).await;
    assert_eq!(later.status(), 409);
    let told = later.text().await.unwrap();
    assert!(
        told.contains("Nothing was saved") && told.contains("bob changed title and copies at "),
        "{told}"
    );
    let stored = acme.query::<Book>().one().await.unwrap();
    assert_eq!((stored.title.as_str(), stored.copies, stored.pages), ("Bob's <title>", 7, 100));

    // What both touched stands beside; what only one did is in the form.
    assert!(told.contains("Stored meanwhile: <q>Bob&#39;s &#60;title&#62;</q>"), "{told}");
    let form = fields(&told);
    let of = |name: &str| form[name].as_str();
    assert_eq!((of("title"), of("copies"), of("pages")), ("Ada's title", "7", "5"));
    let again = send_form(&mut ada, &path, form.clone(), &[]).await;
    assert_eq!(again.status(), 302);
    let stored = acme.query::<Book>().one().await.unwrap();
    assert_eq!((stored.title.as_str(), stored.copies, stored.pages), ("Ada's title", 7, 5));
    // The form that was just sent is an old one now, and one without its stamp, or with another's, is none.
    for stamp in [form["_stamp"].as_str(), "", "a.b.c"] {
        let old = send_form(&mut ada, &path, form.clone(), &[("title", "Older"), ("_stamp", stamp)]).await;
        assert_eq!(old.status(), 409, "{stamp}");
    }
    assert_eq!(acme.query::<Book>().one().await.unwrap(), stored);
}

async fn of_two_at_once_one_is_kept_and_one_is_told(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await;
    let path = format!("/admin/shop/book/{id}/change/");
    for round in 0..5 {
        let form = fields(&page(&mut ada, &path).await);
        let mut other = signed_in(&site, "acme.example", &acme, "ada").await;
        let mut of_other = form.clone();
        // A form's token is of the session.
        of_other.insert(
            "csrfmiddlewaretoken".to_owned(),
            fields(&page(&mut other, &path).await)["csrfmiddlewaretoken"].clone(),
        );
        let (one_title, other_title) = (format!("One {round}"), format!("Other {round}"));
        let (of_one, of_two) = ([("title", one_title.as_str())], [("title", other_title.as_str())]);
        let (one, two) = tokio::join!(
            send_form(&mut ada, &path, form, &of_one),
            send_form(&mut other, &path, of_other, &of_two),
        );
        let (one, two) = (one.status().as_u16(), two.status().as_u16());
        assert!(matches!((one, two), (302, 409) | (409, 302)), "{one} {two}");
        let title = acme.query::<Book>().one().await.unwrap().title;
        assert_eq!(title, if one == 302 { one_title } else { other_title });
        assert_eq!(acme.query::<LogEntry>().count().await.unwrap(), round + 1, "one was noted down");
    }
}

async fn a_record_that_is_gone_is_not_found(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await;
    let path = format!("/admin/shop/book/{id}/change/");
    let form = fields(&page(&mut ada, &path).await);
    acme.delete::<Book>(id).await.unwrap();
    assert_eq!(send_form(&mut ada, &path, form, &[("title", "Back")]).await.status(), 404);
    for key in ["0", "-1", "x", "99999999999999999999", "%00", "1%2F2"] {
        for page in ["change", "delete", "history"] {
            let path = format!("/admin/shop/book/{key}/{page}/");
            assert_eq!(ada.get(&path).await.status(), 404, "{path}");
        }
    }
    assert_eq!(acme.query::<Book>().count().await.unwrap(), 0);
}
