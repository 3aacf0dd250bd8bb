//! Forms: every kind of field is added and changed, what can't be stored is told at its field, and nothing is half stored.

use serde_json::json;
use tenantry_db::model::Auto;

use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::shop::{Book, Loan, Shelf, added, book, shelf};
use crate::{ada, door, fields, page, send, send_form, signed_in, site, staff};

in_every_column!(
    a_record_of_every_kind_of_field_is_added,
    what_was_not_touched_stays_as_it_is_to_the_last_digit,
    what_is_wrong_stands_at_its_field_and_nothing_is_stored,
    the_buttons_lead_where_they_say,
    who_may_only_look_gets_no_form,
    a_form_says_what_a_new_record_begins_with,
    of_many_records_one_is_searched_for,
    fields_stand_in_their_sets_and_a_read_only_one_can_t_be_typed,
);

async fn a_record_of_every_kind_of_field_is_added(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let science_key = science.to_string();
    let typed = [
        ("title", "  Dune & <Sons> "),
        ("shelf_id", science_key.as_str()),
        ("wanted_id", &science_key),
        ("state", "read"),
        ("lent", "on"),
        ("signed", "off"),
        ("pages", "-32768"),
        ("copies", "2147483647"),
        ("sold", "-9223372036854775808"),
        ("price", "123456.7"),
        ("rating", "0.1"),
        ("printed", "1965-08-01"),
        ("bought", "2026-11-23T18:05:22.5"),
        ("code", "0199f3a0-1111-7222-8333-944455556666"),
        ("notes", "one\r\ntwo"),
        ("extra", "{\"tags\": [\"a\", null]}"),
        ("cover", "AP8H"),
    ];
    let answer = send(&mut ada, "/admin/shop/book/add/", &typed).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (302, "/admin/shop/book/"));
    let stored = acme.query::<Book>().one().await.unwrap();
    let expected = Book {
        id: stored.id,
        title: "  Dune & <Sons> ".to_owned(),
        shelf_id: science,
        wanted_id: Some(science),
        state: "read".to_owned(),
        lent: true,
        signed: Some(false),
        pages: i16::MIN,
        copies: i32::MAX,
        sold: i64::MIN,
        price: "123456.70".parse().unwrap(),
        rating: Some(0.1),
        printed: Some("1965-08-01".parse().unwrap()),
        bought: "2026-11-23T18:05:22.5Z".parse().unwrap(),
        code: "0199f3a0-1111-7222-8333-944455556666".parse().unwrap(),
        notes: "one\ntwo".to_owned(),
        extra: Some(json!({"tags": ["a", null]})),
        cover: Some(vec![0, 255, 7]),
    };
    assert_eq!(stored, expected);
    let list = page(&mut ada, "/admin/shop/book/").await;
    assert!(list.contains("The book “<a href=\"/admin/shop/book/"), "{list}");
    assert!(list.contains(">  Dune &#38; &#60;Sons&#62; </a>” was added."), "{list}");
    assert!(!page(&mut ada, "/admin/shop/book/").await.contains("was added"), "said once");
    assert_eq!(door(&site, "globex").query::<Book>().count().await.unwrap(), 0);
}

async fn what_was_not_touched_stays_as_it_is_to_the_last_digit(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let full = Book {
        notes: "\n\r\nwindows\r\nlines ".to_owned(),
        extra: Some(json!({"a": 1.5, "z": [true]})),
        cover: Some(vec![7; 70_000]),
        rating: Some(0.1 + 0.2),
        title: "two\nlines".to_owned(),
        ..book("", shelf(&acme, "Science").await)
    };
    let id = added(&acme, full.clone()).await;
    let path = format!("/admin/shop/book/{id}/change/");
    let form = page(&mut ada, &path).await;
    assert!(form.contains("70,000 bytes") && form.contains("value=\"2020-01-02T03:04:05.678\""), "{form}");
    let answer = send(&mut ada, &path, &[("copies", "5")]).await;
    assert_eq!(answer.status(), 302);
    let stored = acme.query::<Book>().one().await.unwrap();
    assert_eq!(stored, Book { id: Auto::from(id), copies: 5, ..full });
    // And nothing is noted down when nothing is changed.
    let entries = acme.query::<tenantry_web::admin::LogEntry>();
    assert_eq!(entries.count().await.unwrap(), 1);
    assert_eq!(send(&mut ada, &path, &[]).await.status(), 302);
    assert_eq!(acme.query::<tenantry_web::admin::LogEntry>().count().await.unwrap(), 1);
}

async fn what_is_wrong_stands_at_its_field_and_nothing_is_stored(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let id = added(&acme, book("Dune", science)).await;
    let before = acme.query::<Book>().all().await.unwrap();
    let long = "x".repeat(201);
    for (field, typed, told) in [
        ("title", "", "This field is required."),
        ("title", &long, "201 characters are too many: at most 200 are allowed."),
        ("title", "a\0b", "U+0000"),
        ("shelf_id", "", "This field is required."),
        ("shelf_id", "one", "Enter a whole number."),
        ("state", "lost", "Choose one of the values."),
        ("pages", "32768", "between -32,768 and 32,767"),
        ("copies", "1e3", "Enter a whole number."),
        ("price", "1.005", "At most 2 digits after the point"),
        ("price", "1234567", "At most 6 digits before the point"),
        ("rating", "NaN", "Enter a number."),
        ("printed", "2026-02-30", "Enter a date"),
        ("bought", "now", "Enter a date and a time"),
        ("code", "x", "Enter a UUID"),
        ("extra", "{", "This is not JSON"),
        ("cover", "%%%", "Enter bytes in base64."),
    ] {
        let typed_over = [(field, typed), ("notes", "kept as it was typed")];
        let change = format!("/admin/shop/book/{id}/change/");
        let shelf = science.to_string();
        let mut new = vec![("shelf_id", shelf.as_str()), ("title", "New")];
        new.retain(|(name, _)| *name != field);
        new.extend(typed_over);
        for (path, sent) in [(change.as_str(), typed_over.to_vec()), ("/admin/shop/book/add/", new)] {
            let answer = send(&mut ada, path, &sent).await;
            assert_eq!(answer.status(), 422, "{path} {field} {typed}");
            let page = answer.text().await.unwrap();
            let at_field = page.split(&format!("id=\"{field}-errors\">")).nth(1);
            let at_field = at_field.unwrap_or_else(|| panic!("{field} {typed}: {page}"));
            assert!(at_field.split("</p>").next().unwrap().contains(told), "{field} {typed}: {at_field}");
            assert_eq!(page.matches("class=\"error\"").count(), 1, "{field} {typed}: {page}");
            assert!(page.contains("kept as it was typed") && page.contains("Nothing was saved"), "{page}");
        }
    }
    // What only the database knows: taken, or gone.
    let taken = send(&mut ada, "/admin/shop/shelf/add/", &[("name", "Science")]).await;
    assert_eq!(taken.status(), 422);
    assert!(taken.text().await.unwrap().contains("Another shelf has this already."));
    let gone = send(&mut ada, &format!("/admin/shop/book/{id}/change/"), &[("shelf_id", "999")]).await;
    assert_eq!(gone.status(), 422);
    assert!(gone.text().await.unwrap().contains("does not exist any more"));
    assert_eq!(acme.query::<Book>().all().await.unwrap(), before);
    assert_eq!(acme.query::<Shelf>().count().await.unwrap(), 1);
    assert_eq!(acme.query::<tenantry_web::admin::LogEntry>().count().await.unwrap(), 0);
}

async fn the_buttons_lead_where_they_say(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    for (button, location) in [
        ("_save", "/admin/shop/shelf/"),
        ("_addanother", "/admin/shop/shelf/add/"),
        ("_continue", "/admin/shop/shelf/{id}/change/"),
    ] {
        let answer = send(&mut ada, "/admin/shop/shelf/add/", &[("name", button), (button, "1")]).await;
        let made = acme.query::<Shelf>().filter(Shelf::NAME.eq(button)).one().await.unwrap();
        let location = location.replace("{id}", &made.id.get().unwrap().to_string());
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "location")),
            (302, location.as_str()),
            "{button}"
        );
    }
}

async fn who_may_only_look_gets_no_form(ground: Ground) {
    let site = site(ground).await;
    let acme = door(&site, "acme");
    let science = shelf(&acme, "Secret shelf").await;
    let id = added(&acme, book("Dune", science)).await;
    let path = format!("/admin/shop/book/{id}/change/");
    staff(&acme, "vera", &["view_book"]).await;
    let mut vera = signed_in(&site, "acme.example", &acme, "vera").await;
    let seen = page(&mut vera, &path).await;
    assert!(seen.contains(">Dune<") && seen.contains("not change it") && seen.contains("12.50"), "{seen}");
    for part in ["name=\"title\"", "type=\"submit\" name=\"_save\"", "delete/", "Secret shelf"] {
        assert!(!seen.contains(part), "{part}: {seen}");
    }
    let form = fields(&seen);
    assert_eq!(send_form(&mut vera, &path, form, &[("title", "Mine")]).await.status(), 403);
    assert_eq!(acme.query::<Book>().one().await.unwrap().title, "Dune");
    // Who may change books and not see shelves types a shelf's key, and is told no name.
    staff(&acme, "carl", &["change_book"]).await;
    let mut carl = signed_in(&site, "acme.example", &acme, "carl").await;
    assert!(!page(&mut carl, &path).await.contains("Secret shelf"));
    assert_eq!(carl.get("/admin/shop/shelf/choose/?q=s").await.status(), 403);
    assert_eq!(send(&mut carl, &path, &[("title", "Changed")]).await.status(), 302);
    assert_eq!(acme.query::<Book>().one().await.unwrap().title, "Changed");
}

async fn a_form_says_what_a_new_record_begins_with(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let form = fields(
        &page(&mut ada, &format!("/admin/shop/book/add/?title=Dune&shelf_id={science}&pages=x&id=7")).await,
    );
    let of = |name: &str| form.get(name).map(String::as_str);
    assert_eq!(
        (of("title"), of("pages"), of("state"), of("id")),
        (Some("Dune"), Some("1"), Some("new"), None)
    );
    assert_eq!(of("shelf_id"), Some(science.to_string().as_str()));
    assert!(of("code").unwrap().len() == 36 && of("bought").unwrap().starts_with("20"), "{form:?}");
    // A key that the database gives can't be typed, even by who adds the field.
    let answer = send(&mut ada, "/admin/shop/shelf/add/", &[("name", "New"), ("id", "7777")]).await;
    assert_eq!(answer.status(), 302);
    assert!(acme.find::<Shelf>(7777).await.unwrap().is_none());
}

async fn of_many_records_one_is_searched_for(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let shelves = (0..101).map(|number| Shelf { id: Auto::unset(), name: format!("Shelf {number:04}") });
    acme.insert_all(shelves.collect()).await.unwrap();
    let target = acme.query::<Shelf>().filter(Shelf::NAME.eq("Shelf 0077")).one().await.unwrap();
    let id = added(&acme, book("Dune", target.id.get().unwrap())).await;
    let form = page(&mut ada, &format!("/admin/shop/book/{id}/change/")).await;
    assert!(form.contains("data-chosen>Shelf 0077<") && !form.contains("Shelf 0078"), "{form}");
    let offers = page(&mut ada, "/admin/shop/shelf/choose/?q=0078").await;
    assert!(offers.contains(">Shelf 0078</button>") && !offers.contains("0077"), "{offers}");
    assert!(page(&mut ada, "/admin/shop/shelf/choose/").await.contains("There are more"));
    assert!(page(&mut ada, "/admin/shop/shelf/choose/?q=none").await.contains("Nothing matches"));
    assert_eq!(ada.get("/admin/auth/user/choose/").await.status(), 404);
}

async fn fields_stand_in_their_sets_and_a_read_only_one_can_t_be_typed(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let key = added(&acme, book("Dune", shelf(&acme, "Science").await)).await.to_string();
    let new = page(&mut ada, "/admin/shop/loan/add/").await;
    let (first, kept) = new.split_once("<legend>Kept</legend>").unwrap_or_else(|| panic!("{new}"));
    assert!(first.contains("name=\"who\"") && kept.contains("name=\"book_id\""), "{new}");
    assert!(!new.contains("Since"), "nothing stands there yet");
    let typed = [("who", "Eve"), ("book_id", key.as_str()), ("since", "2001-01-01T00:00")];
    assert_eq!(send(&mut ada, "/admin/shop/loan/add/", &typed).await.status(), 302);
    let made = acme.query::<Loan>().one().await.unwrap();
    assert!(
        jiff::Timestamp::now().duration_since(made.since) < jiff::SignedDuration::from_mins(10),
        "{made:?}"
    );
    let path = format!("/admin/shop/loan/{}/change/", made.id.get().unwrap());
    let form = page(&mut ada, &path).await;
    assert!(form.contains("Since") && !form.contains("name=\"since\""), "{form}");
    assert_eq!(send(&mut ada, &path, &[("since", "2001-01-01T00:00"), ("who", "Eva")]).await.status(), 302);
    assert_eq!(acme.query::<Loan>().one().await.unwrap(), Loan { who: "Eva".to_owned(), ..made });
}
