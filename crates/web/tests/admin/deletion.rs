//! Deletion, and what else is done with selected rows: what goes with a record is shown first, what protects it keeps it, and what is selected goes as a whole.

use std::collections::BTreeMap;

use tenantry_db::TenantDb;
use tenantry_db::model::Auto;
use tenantry_web::admin::LogEntry;

use crate::browser::Browser;
use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::shop::{Book, Loan, Shelf, added, book, shelf};
use crate::{ada, attribute, page, select, signed_in, site, staff, unescaped};

in_every_column!(
    what_goes_with_a_record_is_shown_and_goes,
    a_record_that_others_need_stays,
    who_may_not_delete_what_goes_with_it_deletes_nothing,
    more_than_was_shown_is_never_deleted,
    selected_rows_go_together_once_it_is_confirmed,
    all_rows_of_a_narrowed_list_are_selected_at_once,
    an_action_of_the_application_changes_the_selected_rows_and_is_noted_down,
);

/// The hidden fields of the page's last form: the question whether it is to go.
fn question(page: &str) -> BTreeMap<String, Vec<String>> {
    let form = page.split("<form class=\"save\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for tag in form.split("<input ").skip(1) {
        let value = unescaped(&attribute(tag, "value").unwrap_or_default());
        fields.entry(attribute(tag, "name").unwrap()).or_default().push(value);
    }
    fields
}

async fn confirm(browser: &mut Browser<'_>, path: &str, page: &str) -> reqwest::Response {
    let fields = question(page);
    let pairs: Vec<(&str, &str)> = fields
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())))
        .collect();
    browser.send(browser.request(reqwest::Method::POST, path).form(&pairs)).await
}

async fn loan(db: &TenantDb, book_id: i64) -> i64 {
    let loan = Loan { id: Auto::unset(), who: "Eve".to_owned(), book_id, since: jiff::Timestamp::now() };
    db.insert(loan).await.unwrap().id.get().unwrap()
}

async fn titles(db: &TenantDb) -> Vec<String> {
    db.query::<Book>()
        .order_by(Book::ID.asc())
        .all()
        .await
        .unwrap()
        .into_iter()
        .map(|book| book.title)
        .collect()
}

async fn what_goes_with_a_record_is_shown_and_goes(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let (science, poems) = (shelf(&acme, "Science").await, shelf(&acme, "Poems").await);
    for title in ["Dune", "Solaris"] {
        added(&acme, book(title, science)).await;
    }
    added(&acme, Book { wanted_id: Some(science), ..book("Ariel", poems) }).await;
    let path = format!("/admin/shop/shelf/{science}/delete/");
    let shown = page(&mut ada, &path).await;
    for part in ["1 shelf, 2 books", "Science", "Dune", "Solaris", "1 other record stays and loses its"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("Ariel") && titles(&acme).await.len() == 3, "{shown}");
    let gone = confirm(&mut ada, &path, &shown).await;
    assert_eq!((gone.status().as_u16(), header(&gone, "location")), (302, "/admin/shop/shelf/"));
    assert_eq!(titles(&acme).await, ["Ariel"]);
    assert_eq!(acme.query::<Book>().one().await.unwrap().wanted_id, None);
    assert_eq!(acme.query::<Shelf>().one().await.unwrap().name, "Poems");
    let entry = acme.query::<LogEntry>().one().await.unwrap();
    assert_eq!((entry.action_flag, entry.object_repr.as_str()), (3, "Science"));
    assert_eq!(entry.object_id, Some(science.to_string()));
    assert!(page(&mut ada, "/admin/shop/shelf/").await.contains("The shelf “Science” was deleted."));
    assert_eq!(ada.get(&path).await.status(), 404);
}

async fn a_record_that_others_need_stays(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let id = added(&acme, book("Dune", science)).await;
    loan(&acme, id).await;
    for path in [format!("/admin/shop/book/{id}/delete/"), format!("/admin/shop/shelf/{science}/delete/")] {
        let shown = page(&mut ada, &path).await;
        assert!(shown.contains("These records need it") && shown.contains("Loan “Eve” (Book)"), "{shown}");
        assert!(!shown.contains("Yes, delete"), "{shown}");
        assert_eq!(confirm(&mut ada, &path, &shown).await.status(), 409, "{path}");
    }
    assert_eq!((titles(&acme).await.len(), acme.query::<LogEntry>().count().await.unwrap()), (1, 0));
    // Whoever may not see the loans is told that there is one, and no more.
    staff(&acme, "bob", &["delete_book", "view_book"]).await;
    let mut bob = signed_in(&site, "acme.example", &acme, "bob").await;
    let shown = page(&mut bob, &format!("/admin/shop/book/{id}/delete/")).await;
    assert!(shown.contains("Loan (Book)") && !shown.contains("Eve"), "{shown}");
}

async fn who_may_not_delete_what_goes_with_it_deletes_nothing(ground: Ground) {
    let site = site(ground).await;
    let acme = crate::door(&site, "acme");
    let science = shelf(&acme, "Science").await;
    added(&acme, book("Dune", science)).await;
    staff(&acme, "bob", &["delete_shelf", "view_shelf"]).await;
    let mut bob = signed_in(&site, "acme.example", &acme, "bob").await;
    let path = format!("/admin/shop/shelf/{science}/delete/");
    let shown = page(&mut bob, &path).await;
    assert!(shown.contains("may not delete what would go with it: books"), "{shown}");
    assert!(!shown.contains("Dune"), "{shown}");
    assert_eq!(confirm(&mut bob, &path, &shown).await.status(), 409);
    assert_eq!((titles(&acme).await.len(), acme.query::<Shelf>().count().await.unwrap()), (1, 1));
}

async fn more_than_was_shown_is_never_deleted(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let path = format!("/admin/shop/shelf/{science}/delete/");
    let shown = page(&mut ada, &path).await;
    added(&acme, book("Came later", science)).await;
    let answer = confirm(&mut ada, &path, &shown).await;
    assert_eq!(answer.status(), 409);
    let again = answer.text().await.unwrap();
    assert!(again.contains("has changed meanwhile") && again.contains("Came later"), "{again}");
    assert_eq!(titles(&acme).await, ["Came later"]);
    assert_eq!(confirm(&mut ada, &path, &again).await.status(), 302);
    assert_eq!((titles(&acme).await.len(), acme.query::<Shelf>().count().await.unwrap()), (0, 0));
}

const LIST: &str = "/admin/shop/book/";

async fn selected_rows_go_together_once_it_is_confirmed(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let mut keys = Vec::new();
    for title in ["Dune", "Solaris", "Ariel"] {
        keys.push(added(&acme, book(title, science)).await.to_string());
    }
    for fields in [&[("action", ""), ("_selected_action", &keys[0])][..], &[("action", "delete_selected")]] {
        let answer = select(&mut ada, LIST, fields).await;
        assert_eq!(answer.status(), 302, "{fields:?}");
        assert!(page(&mut ada, LIST).await.contains("Nothing was done: "), "{fields:?}");
    }
    let two = [("action", "delete_selected"), ("_selected_action", &keys[0]), ("_selected_action", &keys[2])];
    let asked = select(&mut ada, LIST, &two).await;
    assert_eq!(asked.status(), 200);
    let asked = asked.text().await.unwrap();
    assert!(
        asked.contains("Delete 2 books?") && asked.contains("Ariel") && !asked.contains("Solaris"),
        "{asked}"
    );
    assert_eq!(titles(&acme).await.len(), 3, "nothing goes before it is confirmed");
    let gone = confirm(&mut ada, LIST, &asked).await;
    assert_eq!(gone.status(), 302);
    assert_eq!(titles(&acme).await, ["Solaris"]);
    assert!(page(&mut ada, LIST).await.contains("2 books were deleted."));
    assert_eq!(acme.query::<LogEntry>().filter(LogEntry::ACTION_FLAG.eq(3_i16)).count().await.unwrap(), 2);
    // One that is protected keeps all.
    let kept = added(&acme, book("Kept", science)).await;
    loan(&acme, kept).await;
    let (kept, other) = (kept.to_string(), keys[1].clone());
    let both =
        [("action", "delete_selected"), ("_selected_action", kept.as_str()), ("_selected_action", &other)];
    let asked = select(&mut ada, LIST, &both).await.text().await.unwrap();
    assert!(asked.contains("can&#39;t be deleted") || asked.contains("can't be deleted"), "{asked}");
    assert_eq!(confirm(&mut ada, LIST, &asked).await.status(), 409);
    assert_eq!(titles(&acme).await.len(), 2);
}

async fn all_rows_of_a_narrowed_list_are_selected_at_once(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let books = (0..150).map(|number| book(if number < 120 { "Old" } else { "Young" }, science));
    acme.insert_all(books.collect()).await.unwrap();
    let narrowed = format!("{LIST}?q=old");
    let list = page(&mut ada, &narrowed).await;
    assert!(list.contains("name=\"select_across\"") && list.contains("all 120 books"), "{list}");
    let fields = [("action", "delete_selected"), ("select_across", "1")];
    let asked = select(&mut ada, &narrowed, &fields).await.text().await.unwrap();
    assert!(asked.contains("Delete 120 books?"), "{asked}");
    added(&acme, book("Old, and came later", science)).await;
    assert_eq!(confirm(&mut ada, &narrowed, &asked).await.status(), 409);
    let asked = select(&mut ada, &narrowed, &fields).await.text().await.unwrap();
    assert_eq!(confirm(&mut ada, &narrowed, &asked).await.status(), 302);
    assert_eq!(titles(&acme).await, vec!["Young"; 30]);
}

async fn an_action_of_the_application_changes_the_selected_rows_and_is_noted_down(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let mut keys = Vec::new();
    for title in ["Dune", "Solaris", "Ariel"] {
        let state = if title == "Ariel" { "read" } else { "new" };
        keys.push(added(&acme, Book { state: state.to_owned(), ..book(title, science) }).await.to_string());
    }
    let chosen = [("action", "read"), ("_selected_action", keys[0].as_str()), ("_selected_action", &keys[2])];
    staff(&acme, "vera", &["view_book", "delete_book"]).await;
    let mut vera = signed_in(&site, "acme.example", &acme, "vera").await;
    assert!(!page(&mut vera, LIST).await.contains("Mark as read"));
    assert_eq!(select(&mut vera, LIST, &chosen).await.status(), 302);
    assert!(page(&mut vera, LIST).await.contains("Nothing was done: "), "who may not change");
    assert_eq!(acme.query::<Book>().filter(Book::STATE.eq("read")).count().await.unwrap(), 1);

    assert_eq!(select(&mut ada, LIST, &chosen).await.status(), 302);
    let list = page(&mut ada, LIST).await;
    assert!(list.contains("Mark as read: 1 book was changed."), "{list}");
    let read =
        acme.query::<Book>().filter(Book::STATE.eq("read")).order_by(Book::ID.asc()).all().await.unwrap();
    assert_eq!(read.into_iter().map(|book| book.title).collect::<Vec<_>>(), ["Dune", "Ariel"]);
    let entry = acme.query::<LogEntry>().one().await.unwrap();
    assert_eq!(entry.object_id.as_deref(), Some(keys[0].as_str()));
    assert!(entry.change_message.contains(r#""values":[["New","Read"]]"#), "{entry:?}");
    assert_eq!(select(&mut ada, LIST, &[("action", "unknown"), chosen[1]]).await.status(), 302);
    assert_eq!(acme.query::<LogEntry>().count().await.unwrap(), 1);
}
