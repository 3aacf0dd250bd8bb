//! The history of a record, and what a person did last.

use jiff::Timestamp;
use tenantry_db::model::Auto;
use tenantry_web::admin::LogEntry;
use tenantry_web::auth::people::ContentType;

use crate::common::columns::{Ground, in_every_column};
use crate::shop::{Book, added, book, shelf};
use crate::{ada, door, page, send, signed_in, site, staff};

in_every_column!(
    a_history_says_who_what_and_from_what_to_what,
    what_django_noted_down_is_read,
    the_start_page_says_what_a_person_did_and_nobody_else,
);

async fn a_history_says_who_what_and_from_what_to_what(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let (science, poems) = (shelf(&acme, "Science").await, shelf(&acme, "Poems").await);
    let (science, poems) = (science.to_string(), poems.to_string());
    let added = send(&mut ada, "/admin/shop/book/add/", &[("title", "Dune"), ("shelf_id", &science)]).await;
    assert_eq!(added.status(), 302);
    let id = acme.query::<Book>().one().await.unwrap().id.get().unwrap();
    let path = format!("/admin/shop/book/{id}/change/");
    staff(&acme, "bob", &["change_book", "view_book", "view_shelf"]).await;
    let mut bob = signed_in(&site, "acme.example", &acme, "bob").await;
    let typed = [("title", "<b>Dune</b>"), ("shelf_id", poems.as_str()), ("lent", "on"), ("state", "read")];
    assert_eq!(send(&mut bob, &path, &typed).await.status(), 302);

    let history = page(&mut ada, &format!("/admin/shop/book/{id}/history/")).await;
    let (changed, added) =
        history.split_once("<strong>ada</strong> added it").unwrap_or_else(|| panic!("{history}"));
    for part in [
        "<strong>bob</strong> changed it",
        "<dt>Title</dt>\n<dd><del>Dune</del>",
        "<ins>&#60;b&#62;Dune&#60;/b&#62;</ins>",
        "<dt>Shelf</dt>\n<dd><del>Science</del>",
        "<ins>Poems</ins>",
        "<dt>State</dt>\n<dd><del>New</del>",
        "<dt>Lent</dt>\n<dd><del>no</del>",
    ] {
        assert!(changed.contains(part), "{part}: {changed}");
    }
    assert!(!added.contains("<dt>") && !history.contains("<dt>Price"), "{history}");
    let entries = acme.query::<LogEntry>().order_by(LogEntry::ID.asc()).all().await.unwrap();
    assert_eq!(entries[0].change_message, r#"[{"added":{}}]"#, "as Django writes it");
    assert!(entries[1].change_message.starts_with(r#"[{"changed":{"fields":["Title","#), "{entries:?}");
    assert_eq!(door(&site, "globex").query::<LogEntry>().count().await.unwrap(), 0);
}

async fn what_django_noted_down_is_read(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await;
    let path = format!("/admin/shop/book/{id}/history/");
    assert!(page(&mut ada, &path).await.contains("Nothing is noted down"));
    let of = acme.query::<ContentType>().filter(ContentType::MODEL.eq("book")).one().await.unwrap();
    let user = acme.query::<tenantry_web::auth::people::User>().one().await.unwrap();
    for message in [r#"[{"changed": {"fields": ["Title", "State"]}}]"#, "Changed the title.", ""] {
        let entry = LogEntry {
            id: Auto::unset(),
            object_id: Some(id.to_string()),
            object_repr: "Dune".to_owned(),
            action_flag: 2,
            change_message: message.to_owned(),
            content_type_id: of.id.get(),
            user_id: user.id.get().unwrap(),
            action_time: Timestamp::now(),
        };
        acme.insert(entry).await.unwrap();
    }
    let history = page(&mut ada, &path).await;
    assert_eq!(history.matches("<strong>ada</strong> changed it").count(), 3, "{history}");
    assert!(history.contains("<dt>Title</dt>\n<dd>changed</dd>"), "{history}");
}

async fn the_start_page_says_what_a_person_did_and_nobody_else(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    assert!(page(&mut ada, "/admin/").await.contains("What you add, change and delete here is listed"));
    assert_eq!(send(&mut ada, "/admin/shop/shelf/add/", &[("name", "Science")]).await.status(), 302);
    let id = acme.query::<crate::shop::Shelf>().one().await.unwrap().id.get().unwrap();
    // The first page after it says what was done; the ones after that only what was done last.
    page(&mut ada, "/admin/").await;
    let start = page(&mut ada, "/admin/").await;
    assert!(start.contains(&format!("<a href=\"/admin/shop/shelf/{id}/change/\">Science</a>")), "{start}");
    assert!(start.contains("shelf · Added"), "{start}");
    staff(&acme, "bob", &["view_shelf"]).await;
    let mut bob = signed_in(&site, "acme.example", &acme, "bob").await;
    let start = page(&mut bob, "/admin/").await;
    assert!(!start.contains("Science") && start.contains("Shelves") && !start.contains("Books"), "{start}");
    assert!(start.contains(">View<") && !start.contains(">Change<") && !start.contains("/add/"), "{start}");
}
