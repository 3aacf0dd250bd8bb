//! Who may do what: every route of the admin as every kind of person, against the golden file beside this one. A route that
//! is not in the file fails the test.

use reqwest::Method;
use tenantry_db::TenantDb;
use tenantry_db::model::Auto;
use tenantry_web::admin::{Endpoint, LogEntry};
use tenantry_web::auth::people::{Group, GroupPermission, Permission, User, UserGroup};

use crate::browser::Browser;
use crate::common::columns::{Ground, in_every_column};
use crate::common::{Site, header};
use crate::shop::{Book, Loan, Shelf, added, book, shelf};
use crate::{door, page, signed_in, site, staff, user};

const GOLDEN: &str = include_str!("rights.txt");

/// Who asks, in the order of the file's columns.
const PEOPLE: [&str; 7] = ["nobody", "plain", "idle", "viewer", "clerk", "super", "elsewhere"];

in_every_column!(
    every_route_answers_each_kind_of_person_as_the_file_says,
    a_permission_by_group_counts_and_one_that_is_taken_ends_at_once,
    a_cookie_of_one_tenant_opens_nothing_of_another,
    a_form_from_elsewhere_changes_nothing,
);

async fn people(acme: &TenantDb, globex: &TenantDb) {
    let plain = user(acme, "plain").await;
    acme.update(&User { is_superuser: false, is_staff: false, ..plain }).await.unwrap();
    staff(acme, "idle", &[]).await;
    staff(acme, "viewer", &["view_book", "view_shelf"]).await;
    let all_of_books = ["view_book", "add_book", "change_book", "delete_book"];
    staff(acme, "clerk", &all_of_books).await;
    user(acme, "super").await;
    user(globex, "elsewhere").await;
}

async fn browser<'s>(site: &'s Site, who: &str) -> Browser<'s> {
    let home = door(site, if who == "elsewhere" { "globex" } else { "acme" });
    match who {
        "nobody" => Browser::http(site, "acme.example"),
        _ => signed_in(site, "acme.example", &home, who).await,
    }
}

/// What is there: nothing of it changes when someone has no right to change it.
async fn stored(db: &TenantDb) -> (Vec<Book>, Vec<Shelf>, u64) {
    let books = db.query::<Book>().all().await.unwrap();
    (books, db.query::<Shelf>().all().await.unwrap(), db.query::<LogEntry>().count().await.unwrap())
}

async fn every_route_answers_each_kind_of_person_as_the_file_says(ground: Ground) {
    let site = site(ground).await;
    let (acme, globex) = (door(&site, "acme"), door(&site, "globex"));
    people(&acme, &globex).await;
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await).clone()).await;
    let before = stored(&acme).await;
    let mut found =
        format!("{:<6} {:<40} {}\n", "", "", PEOPLE.map(|who| format!("{who:<10}")).concat().trim_end());
    for endpoint in Endpoint::ALL {
        for method in endpoint.methods() {
            let path = endpoint.path().replace("{app}", "shop").replace("{model}", "book");
            let path = path.replace("{key}", &id.to_string());
            let mut statuses = String::new();
            for who in PEOPLE {
                let browser = &mut browser(&site, who).await;
                let request = browser.request(method.parse().unwrap(), &path);
                let request = request.header("sec-fetch-site", "same-origin");
                let form = [("username", ""), ("password", "")];
                let request = if *method == "POST" { request.form(&form) } else { request };
                let answer = browser.send(request).await;
                // Whoever is not of the staff is led to the sign-in form, and gets nothing.
                let to_login = header(&answer, "location").starts_with("/admin/login/?");
                let status = answer.status().as_u16().to_string();
                statuses += &format!("{:<10}", if to_login { "login" } else { &status });
            }
            found += &format!("{method:<6} {:<40} {}\n", endpoint.path(), statuses.trim_end());
        }
    }
    assert_eq!(found, GOLDEN, "rights.txt is to say:\n{found}");
    assert_eq!(stored(&acme).await, before, "an empty form changes nothing, whoever sends it");
}

async fn a_permission_by_group_counts_and_one_that_is_taken_ends_at_once(ground: Ground) {
    let site = site(ground).await;
    let acme = door(&site, "acme");
    let mia = staff(&acme, "mia", &[]).await;
    let mut browser = signed_in(&site, "acme.example", &acme, "mia").await;
    assert_eq!(browser.get("/admin/shop/book/").await.status(), 403);
    assert!(page(&mut browser, "/admin/").await.contains("Nothing is here for you yet"));

    let group = acme.insert(Group { id: Auto::unset(), name: "Readers".to_owned() }).await.unwrap();
    let (group_id, user_id) = (group.id.get().unwrap(), mia.id.get().unwrap());
    let view = acme.query::<Permission>().filter(Permission::CODENAME.eq("view_book")).one().await.unwrap();
    let permission_id = view.id.get().unwrap();
    acme.insert(GroupPermission { id: Auto::unset(), group_id, permission_id }).await.unwrap();
    acme.insert(UserGroup { id: Auto::unset(), user_id, group_id }).await.unwrap();
    let list = page(&mut browser, "/admin/shop/book/").await;
    assert!(!list.contains("/add/") && !list.contains("delete_selected"), "{list}");
    assert_eq!(browser.get("/admin/shop/book/add/").await.status(), 403);
    assert_eq!(browser.get("/admin/shop/shelf/").await.status(), 403, "no other model");

    acme.query::<UserGroup>().delete().await.unwrap();
    assert_eq!(browser.get("/admin/shop/book/").await.status(), 403);
    acme.update(&User { is_staff: false, ..mia }).await.unwrap();
    assert_eq!(browser.get("/admin/shop/book/").await.status(), 302);
}

async fn a_cookie_of_one_tenant_opens_nothing_of_another(ground: Ground) {
    let site = site(ground).await;
    let (acme, globex) = (door(&site, "acme"), door(&site, "globex"));
    let id = added(&globex, book("Theirs", shelf(&globex, "Secret shelf").await)).await;
    // The same name, and perhaps the same keys, in both.
    let mut ada = signed_in(&site, "globex.example", &acme, "ada").await;
    for path in ["/admin/", "/admin/shop/book/", &format!("/admin/shop/book/{id}/change/")] {
        let answer = ada.get(path).await;
        let to_login = format!("/admin/login/?next={path}");
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "location")),
            (302, to_login.as_str()),
            "{path}"
        );
    }
    let mut own = signed_in(&site, "acme.example", &acme, "ada").await;
    let list = page(&mut own, "/admin/shop/book/").await;
    assert!(list.contains("No books yet") && !list.contains("Theirs") && !list.contains("Secret"), "{list}");
    assert_eq!(own.get(&format!("/admin/shop/book/{id}/change/")).await.status(), 404);
    // What was sealed for one is nothing to the other.
    let made = crate::send(&mut own, "/admin/shop/shelf/add/", &[("name", "Mine")]).await;
    assert_eq!(made.status(), 302);
    let said = own.cookies["messages"].clone();
    let mut other = signed_in(&site, "globex.example", &globex, "ada").await;
    other.cookies.insert("messages".to_owned(), said);
    assert!(!page(&mut other, "/admin/").await.contains("Mine"));
    assert!(page(&mut own, "/admin/").await.contains("Mine"));
}

async fn a_form_from_elsewhere_changes_nothing(ground: Ground) {
    let site = site(ground).await;
    let acme = door(&site, "acme");
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await;
    acme.insert(Loan {
        id: Auto::unset(),
        who: "Eve".to_owned(),
        book_id: id,
        since: jiff::Timestamp::now(),
    })
    .await
    .unwrap();
    let before = stored(&acme).await;
    let mut ada = signed_in(&site, "acme.example", &acme, "ada").await;
    let paths =
        ["shelf/add/", "book/add/", &format!("book/{id}/change/"), &format!("book/{id}/delete/"), "loan/"];
    for path in paths {
        let path = format!("/admin/shop/{path}");
        let fields = [("name", "New"), ("title", "New"), ("post", "yes"), ("action", "delete_selected")];
        for from in ["same-site", "cross-site"] {
            let request = ada.request(Method::POST, &path).header("sec-fetch-site", from).form(&fields);
            assert_eq!(ada.send(request).await.status(), 403, "{path} {from}");
        }
        let unsaid = ada.request(Method::POST, &path).form(&fields);
        assert_eq!(ada.send(unsaid).await.status(), 403, "{path} without a token");
        let request = ada.request(Method::POST, &path).header("sec-fetch-site", "same-origin");
        let plain = request.header("content-type", "text/plain").body("name=New");
        assert_eq!(ada.send(plain).await.status(), 415, "{path}");
    }
    assert_eq!(stored(&acme).await, before);
}
