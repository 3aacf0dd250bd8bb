//! What people do: sign in, add, search, filter, edit, meet someone else, delete many, look at what was done.

use crate::common::Site;
use crate::driver::Browser;
use crate::shop::{Book, Shelf, added, book, shelf};
use crate::{site, viewer};

async fn ada(site: &Site) -> Browser {
    let ada = Browser::start(site).await;
    ada.sign_in("ada").await;
    ada
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_is_added_found_changed_and_its_history_read() {
    let (site, db) = site().await;
    let science = shelf(&db, "Science").await;
    added(&db, Book { state: "read".to_owned(), ..book("Solaris", science) }).await;
    let ada = ada(&site).await;
    ada.click(".models a.act[href$='/book/add/']").await;
    ada.fill("title", "Dune").await;
    ada.click(&format!("select[name=shelf_id] option[value='{science}']")).await;
    ada.click("label[for=lent]").await;
    ada.click("button[name=_save]").await;
    assert_eq!(ada.text(".said").await, "The book “Dune” was added.");
    assert!(db.query::<Book>().filter(Book::TITLE.eq("Dune")).one().await.unwrap().lent);

    // The list follows what is typed, by itself, and the address with it.
    ada.fill("q", "dun").await;
    ada.until("document.querySelectorAll('tbody tr').length === 1 && location.search === '?q=dun'").await;
    assert_eq!(ada.text("tbody th").await, "Dune");
    ada.click(".tally a").await;
    ada.until("document.querySelectorAll('tbody tr').length === 2").await;
    ada.click(".filters a[href*='state=read']").await;
    ada.until("document.querySelector('tbody th')?.textContent === 'Solaris'").await;
    assert!(!ada.text("tbody").await.contains("Dune"));

    ada.click("tbody th a").await;
    ada.fill("title", "Solaris 2").await;
    ada.click("button[name=_save]").await;
    assert_eq!(ada.text(".said").await, "The book “Solaris 2” was changed.");
    assert_eq!(ada.path().await, "/admin/shop/book/?state=read", "the filter is kept");
    ada.click("tbody th a").await;
    ada.click(".head a[href$='/history/']").await;
    let history = ada.text(".history").await;
    assert!(history.contains("ada changed it") && history.contains("Solaris → Solaris 2"), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_at_one_book_the_later_one_is_told() {
    let (site, db) = site().await;
    let id = added(&db, book("Dune", shelf(&db, "Science").await)).await;
    let path = format!("/admin/shop/book/{id}/change/");
    let (one, other) = (ada(&site).await, ada(&site).await);
    one.go(&path).await;
    other.go(&path).await;
    one.fill("title", "First").await;
    one.click("button[name=_continue]").await;
    one.see(".said").await;
    other.fill("title", "Second").await;
    other.click("button[name=_save]").await;
    let told = other.text(".told").await;
    assert!(told.contains("Nothing was saved") && told.contains("ada changed title"), "{told}");
    assert_eq!(other.text(".meanwhile").await, "Stored meanwhile: First");
    assert_eq!(db.query::<Book>().one().await.unwrap().title, "First");
    other.click("button[name=_save]").await;
    other.see(".said").await;
    assert_eq!(db.query::<Book>().one().await.unwrap().title, "Second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_deleted_at_once_after_a_question() {
    let (site, db) = site().await;
    let science = shelf(&db, "Science").await;
    for title in ["Dune", "Solaris", "Ubik"] {
        added(&db, book(title, science)).await;
    }
    let ada = ada(&site).await;
    ada.go("/admin/shop/book/").await;
    ada.click("[data-all]").await;
    assert_eq!(ada.text("[data-selected]").await, "3 selected");
    ada.click("tbody tr:last-child input").await;
    assert_eq!(ada.text("[data-selected]").await, "2 selected");
    ada.click("#action option[value=delete_selected]").await;
    ada.click(".bulk button").await;
    assert_eq!(ada.text("h1").await, "Delete 2 books?");
    assert_eq!(db.query::<Book>().count().await.unwrap(), 3);
    ada.click(".danger").await;
    assert_eq!(ada.text(".said").await, "2 books were deleted.");
    assert_eq!(db.query::<Book>().one().await.unwrap().title, "Dune");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_look_finds_nothing_to_press() {
    let (site, db) = site().await;
    let id = added(&db, book("Dune", shelf(&db, "Science").await)).await;
    viewer(&db, "vera").await;
    let vera = Browser::start(&site).await;
    vera.sign_in("vera").await;
    vera.go("/admin/shop/book/").await;
    assert!(!vera.has("#action [value=delete_selected]").await && !vera.has(".head .button").await);
    vera.go(&format!("/admin/shop/book/{id}/change/")).await;
    assert!(vera.text(".said").await.contains("not change it"));
    assert!(!vera.has("main button").await && !vera.has("main input:not([type=hidden])").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_records_is_searched_for_and_taken() {
    let (site, db) = site().await;
    let shelves = (0..150)
        .map(|number| Shelf { id: tenantry_db::model::Auto::unset(), name: format!("Shelf {number:03}") });
    db.insert_all(shelves.collect()).await.unwrap();
    let wanted =
        db.query::<Shelf>().filter(Shelf::NAME.eq("Shelf 123")).one().await.unwrap().id.get().unwrap();
    let ada = ada(&site).await;
    ada.go("/admin/shop/book/add/").await;
    ada.fill("title", "Dune").await;
    ada.see("input[aria-label='Search for Shelf']").await.send_keys("123").await.unwrap();
    ada.until("document.querySelectorAll('.offers button').length === 1").await;
    ada.click(".offers button").await;
    assert_eq!(ada.text("[data-chosen]").await, "Shelf 123");
    ada.click("button[name=_save]").await;
    ada.see(".said").await;
    assert_eq!(db.query::<Book>().one().await.unwrap().shelf_id, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_people_typed_runs() {
    let (site, db) = site().await;
    let code = "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>";
    let science = shelf(&db, &code[..60]).await;
    let id = added(&db, Book { notes: format!("</textarea>{code}"), ..book(code, science) }).await;
    let ada = ada(&site).await;
    for path in [
        "",
        "shop/book/",
        "shop/book/?q=%3Cimg",
        "shop/shelf/",
        &format!("shop/book/{id}/change/"),
        &format!("shop/book/{id}/delete/"),
        &format!("shop/book/{id}/history/"),
        &format!("shop/shelf/{science}/delete/"),
    ] {
        ada.go(&format!("/admin/{path}")).await;
        ada.until("document.readyState === 'complete'").await;
        let found = ada
            .run("return [window.ran ?? null, document.querySelectorAll('img, main script').length]")
            .await;
        assert_eq!(found, serde_json::json!([null, 0]), "{path}");
    }
    // What a search puts into the page is no code either.
    ada.go("/admin/shop/book/").await;
    ada.fill("q", "<img").await;
    ada.until("location.search !== '' && document.querySelectorAll('tbody tr').length === 1").await;
    assert_eq!(ada.run("return window.ran ?? null").await, serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn light_or_dark_is_kept_and_the_menu_is_filtered() {
    let (site, _db) = site().await;
    let ada = ada(&site).await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    for (theme, colour) in [("dark", "rgb(15, 19, 25)"), ("light", "rgb(245, 246, 248)")] {
        ada.go("/admin/shop/book/?state=new").await;
        ada.click(".account summary").await;
        ada.click(&format!(".themes [value={theme}]")).await;
        ada.until(&format!("document.documentElement.dataset.theme === '{theme}'")).await;
        assert_eq!(ada.path().await, "/admin/shop/book/?state=new");
        assert_eq!(ada.run(ground).await, colour);
        ada.go("/admin/").await;
        assert_eq!(ada.run(ground).await, colour, "{theme} is kept");
    }
    ada.see("#side-filter").await.send_keys("boo").await.unwrap();
    ada.until("[...document.querySelectorAll('.side li')].filter((it) => !it.hidden).length === 1").await;
}
