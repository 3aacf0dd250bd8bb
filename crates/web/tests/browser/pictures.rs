//! Pictures of each page, light, dark and at 360 pixels, in `target/screenshots`; and that none is wider than its window.

use std::path::{Path, PathBuf};

use tenantry_db::TenantDb;

use crate::driver::Browser;
use crate::shop::{Book, added, book, shelf};
use crate::{site, viewer};

/// Where the pictures are put.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn filled(db: &TenantDb) -> (i64, i64) {
    let shelves = [shelf(db, "Science fiction").await, shelf(db, "Poems").await];
    let titles =
        ["Dune", "Solaris", "Ariel", "The Left Hand of Darkness", "Ubik", "Kindred", "Roadside Picnic"];
    let mut last = 0;
    for (number, title) in titles.into_iter().cycle().take(120).enumerate() {
        let state = if number % 3 == 0 { "read" } else { "new" };
        let lent = number % 5 == 0;
        let book = Book { state: state.to_owned(), lent, ..book(title, shelves[number % 2]) };
        last = added(db, book).await;
    }
    (last, shelves[0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_fits_and_is_pictured() {
    let (site, db) = site().await;
    let (id, shelf) = filled(&db).await;
    viewer(&db, "vera").await;
    let pages = [
        ("index", "/admin/".to_owned()),
        ("list", "/admin/shop/book/?state=new&o=1.-6".to_owned()),
        ("list-empty", "/admin/shop/loan/".to_owned()),
        ("list-nothing", "/admin/shop/book/?q=zzz".to_owned()),
        ("add", "/admin/shop/book/add/".to_owned()),
        ("change", format!("/admin/shop/book/{id}/change/")),
        ("delete", format!("/admin/shop/shelf/{shelf}/delete/")),
        ("history", format!("/admin/shop/book/{id}/history/")),
    ];
    for look in ["light", "dark", "small"] {
        let browser = if look == "small" { Browser::small(&site).await } else { Browser::start(&site).await };
        browser.go("/admin/login/").await;
        picture(&browser, look, "login").await;
        browser.sign_in("ada").await;
        if look == "dark" {
            browser.click(".account summary").await;
            browser.click(".themes [value=dark]").await;
            browser.until("document.documentElement.dataset.theme === 'dark'").await;
        }
        if look == "light" {
            // So that there is something in the histories.
            browser.go(&format!("/admin/shop/book/{id}/change/")).await;
            browser.fill("title", "Roadside Picnic, second edition").await;
            browser.click("button[name=_continue]").await;
            browser.see(".said").await;
        }
        for (name, path) in &pages {
            browser.go(path).await;
            picture(&browser, look, name).await;
        }
        browser.go("/admin/shop/book/add/").await;
        browser.click("button[name=_save]").await;
        browser.see(".wrong").await;
        picture(&browser, look, "wrong").await;
    }
}

async fn picture(browser: &Browser, look: &str, name: &str) {
    browser.until("document.readyState === 'complete'").await;
    let widths = browser.run("return document.documentElement.scrollWidth <= window.innerWidth").await;
    assert_eq!(widths, true, "{name} is wider than its window, {look}");
    std::fs::write(folder().join(format!("{name}-{look}.png")), browser.picture().await).unwrap();
}
