//! Lists: columns, order, search, filters with their counts, pages, and what the address can't mean.

use tenantry_db::TenantDb;
use tenantry_db::model::Auto;

use crate::browser::Browser;
use crate::common::columns::{Ground, in_every_column};
use crate::shop::{Book, Shelf, added, book, shelf};
use crate::{ada, page, site};

in_every_column!(
    a_list_shows_its_columns_and_leads_to_each_row,
    a_list_is_sorted_by_several_columns,
    a_list_is_searched_by_every_word_and_filtered_and_says_how_many,
    a_long_list_has_pages_of_a_hundred,
    what_an_address_can_t_mean_is_named_and_left_out,
    an_empty_list_says_what_to_do,
    dates_are_narrowed_from_years_to_days,
);

const LIST: &str = "/admin/shop/book/";

/// The titles in a list, from above.
fn titles(page: &str) -> Vec<String> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.map(|row| row.split("</a>").next().unwrap().rsplit('>').next().unwrap().to_owned()).collect()
}

async fn listed(browser: &mut Browser<'_>, query: &str) -> Vec<String> {
    titles(&page(browser, &format!("{LIST}{query}")).await)
}

/// The filter's values and counts, as "Draft 3".
fn counts(page: &str, filter: &str) -> Vec<String> {
    let of = page
        .split("<summary>")
        .find(|it| it.starts_with(filter))
        .unwrap_or_else(|| panic!("{filter}: {page}"));
    let links = of.split("</details>").next().unwrap().split("<span>").skip(1);
    let counted = links.map(|link| {
        let (label, rest) = link.split_once("</span>").unwrap();
        let count = rest.split_once('>').unwrap().1.split('<').next().unwrap();
        format!("{label} {count}").trim_end().to_owned()
    });
    counted.collect()
}

async fn four(db: &TenantDb) -> (i64, i64) {
    let (science, poems) = (shelf(db, "Science").await, shelf(db, "Poems").await);
    let read = || "read".to_owned();
    added(db, Book { lent: true, ..book("Dune", science) }).await;
    added(db, Book { state: read(), wanted_id: Some(poems), ..book("Solaris", science) }).await;
    added(db, Book { state: read(), notes: "a DUNE of sand".to_owned(), ..book("Ariel", poems) }).await;
    added(db, Book { price: "3.5".parse().unwrap(), ..book("50% off_", poems) }).await;
    (science, poems)
}

async fn a_list_shows_its_columns_and_leads_to_each_row(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    four(&acme).await;
    let list = page(&mut ada, LIST).await;
    assert_eq!(titles(&list), ["50% off_", "Ariel", "Solaris", "Dune"], "as the model sorts");
    for part in [
        "<strong aria-live=\"polite\">4 books</strong>",
        ">Science<",
        ">12.50<",
        "2020-01-02 03:04",
        ">New<",
        ">yes<",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(!list.contains("678901") && !list.contains(">Wanted</a>"), "{list}");
    let id = acme.query::<Book>().filter(Book::TITLE.eq("Dune")).one().await.unwrap().id.get().unwrap();
    assert!(list.contains(&format!("href=\"{LIST}{id}/change/\"")), "{list}");
    // A list that was narrowed is come back to.
    let narrowed = page(&mut ada, &format!("{LIST}?q=dune&lent=1")).await;
    let back = format!("href=\"{LIST}{id}/change/?_changelist_filters=q%3Ddune%26lent%3D1\"");
    assert!(narrowed.contains(&back.replace('&', "&#38;")), "{narrowed}");
    let own = page(&mut ada, &format!("{LIST}{id}/change/?_changelist_filters=q%3Ddune%26lent%3D1")).await;
    assert!(own.contains(&format!("href=\"{LIST}?q=dune&#38;lent=1\"")), "{own}");
    let changed =
        crate::send(&mut ada, &format!("{LIST}{id}/change/?_changelist_filters=q%3Ddune%26lent%3D1"), &[])
            .await;
    assert_eq!(crate::common::header(&changed, "location"), format!("{LIST}?q=dune&lent=1"));
}

async fn a_list_is_sorted_by_several_columns(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    four(&acme).await;
    assert_eq!(listed(&mut ada, "?o=1").await, ["50% off_", "Ariel", "Dune", "Solaris"]);
    assert_eq!(listed(&mut ada, "?o=-1").await, ["Solaris", "Dune", "Ariel", "50% off_"]);
    assert_eq!(listed(&mut ada, "?o=3.-1").await, ["Dune", "50% off_", "Solaris", "Ariel"]);
    assert_eq!(listed(&mut ada, "?o=-3.1").await, ["Ariel", "Solaris", "50% off_", "Dune"]);
    let list = page(&mut ada, &format!("{LIST}?o=3.-1")).await;
    assert_eq!(list.matches("aria-sort=\"ascending\"").count(), 1, "{list}");
    assert_eq!(list.matches("aria-sort=\"descending\"").count(), 1, "{list}");
    assert!(
        list.contains("href=\"/admin/shop/book/?o=-3.-1\"")
            && list.contains("href=\"/admin/shop/book/?o=1.3\""),
        "{list}"
    );
}

async fn a_list_is_searched_by_every_word_and_filtered_and_says_how_many(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let (science, poems) = four(&acme).await;
    for (query, expected) in [
        ("?q=dune", &["Ariel", "Dune"][..]),
        ("?q=DUNE+sand", &["Ariel"]),
        ("?q=%25", &["50% off_"]),
        ("?q=_", &["50% off_"]),
        ("?q=nothing", &[]),
        ("?state=read", &["Ariel", "Solaris"]),
        ("?state=read&q=dune", &["Ariel"]),
        ("?lent=1", &["Dune"]),
        ("?lent=0&state=new", &["50% off_"]),
        (&format!("?shelf_id={science}"), &["Solaris", "Dune"]),
        (&format!("?wanted_id={poems}"), &["Solaris"]),
        ("?wanted_id__isnull=1", &["50% off_", "Ariel", "Dune"]),
        ("?bought=today", &[]),
    ] {
        assert_eq!(listed(&mut ada, query).await, expected, "{query}");
    }
    let list = page(&mut ada, &format!("{LIST}?state=read")).await;
    // Each filter counts under all the others, and not under itself.
    assert_eq!(counts(&list, "State"), ["All", "New 2", "Read 2"]);
    assert_eq!(counts(&list, "Lent"), ["All", "Yes 0", "No 2"]);
    assert_eq!(counts(&list, "Shelf"), ["All", "Science 1", "Poems 1"]);
    assert_eq!(counts(&list, "Wanted"), ["All", "Empty 1", "Poems 1"]);
    assert_eq!(counts(&list, "Bought"), ["All", "Today 0", "Past 7 days 0", "2020 2"]);
    added(&acme, Book { bought: jiff::Timestamp::now(), ..book("Fresh", poems) }).await;
    assert_eq!(listed(&mut ada, "?bought=today").await, ["Fresh"]);
    assert_eq!(listed(&mut ada, "?bought=week&state=new").await, ["Fresh"]);
}

async fn a_long_list_has_pages_of_a_hundred(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let shelves = |range: std::ops::Range<u32>| {
        range
            .map(|number| Shelf { id: Auto::unset(), name: format!("Shelf {number:04}") })
            .collect::<Vec<_>>()
    };
    acme.insert_all(shelves(0..199)).await.unwrap();
    let list = "/admin/shop/shelf/";
    let first = page(&mut ada, list).await;
    assert_eq!((titles(&first).len(), titles(&first)[0].as_str()), (100, "Shelf 0000"));
    assert!(first.contains("?p=2") && first.contains("all=1") && first.contains("199 shelves"), "{first}");
    let second = page(&mut ada, &format!("{list}?p=2")).await;
    assert_eq!((titles(&second).len(), titles(&second)[0].as_str()), (99, "Shelf 0100"));
    assert_eq!(
        titles(&page(&mut ada, &format!("{list}?p=9999")).await),
        titles(&second),
        "the last page there is"
    );
    assert_eq!(titles(&page(&mut ada, &format!("{list}?all=1")).await).len(), 199);
    acme.insert_all(shelves(199..205)).await.unwrap();
    let many = page(&mut ada, &format!("{list}?all=1")).await;
    assert_eq!(titles(&many).len(), 100, "200 are the most");
    assert_eq!(titles(&page(&mut ada, &format!("{list}?q=shelf&p=3")).await).len(), 5);
}

async fn what_an_address_can_t_mean_is_named_and_left_out(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    four(&acme).await;
    let long = format!("?q={}", "a".repeat(201));
    for query in [
        "?colour=red",
        "?notes=x",
        "?password=x",
        "?lent=maybe",
        "?shelf_id=one",
        "?shelf_id__isnull=1",
        "?bought=yesterday",
        "?o=99",
        "?o=1.x",
        "?p=0",
        "?p=-1",
        "?q=a%00b",
        "?title__contains=x",
        &long,
    ] {
        let list = page(&mut ada, &format!("{LIST}{query}")).await;
        assert!(list.contains("which was left out: "), "{query}: {list}");
        assert_eq!(titles(&list).len(), 4, "{query}");
    }
    assert!(!page(&mut ada, LIST).await.contains("was left out"));
    assert_eq!(ada.get("/admin/shop/film/").await.status(), 404);
    assert_eq!(ada.get("/admin/auth/user/").await.status(), 404, "nobody registered it");
    assert_eq!(ada.get("/admin/films/").await.status(), 404);
}

async fn an_empty_list_says_what_to_do(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, _) = ada(&site).await;
    let list = page(&mut ada, LIST).await;
    assert!(list.contains("<h2>No books yet</h2>") && list.contains("Add book"), "{list}");
    let narrowed = page(&mut ada, &format!("{LIST}?q=dune")).await;
    assert!(narrowed.contains("<h2>Nothing matches</h2>") && narrowed.contains("Clear all"), "{narrowed}");
}

async fn dates_are_narrowed_from_years_to_days(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    for bought in [
        "2019-12-31T23:59:59.999999Z",
        "2020-01-01T00:00:00Z",
        "2020-02-29T12:00:00Z",
        "2020-02-29T23:59:59Z",
    ] {
        added(&acme, Book { bought: bought.parse().unwrap(), ..book(bought, science) }).await;
    }
    let seen = async |ada: &mut Browser<'_>, query: &str| {
        let list = page(ada, &format!("{LIST}?bought={query}")).await;
        (titles(&list).len(), counts(&list, "Bought")[3..].to_vec())
    };
    let all = page(&mut ada, LIST).await;
    assert_eq!(counts(&all, "Bought"), ["All", "Today 0", "Past 7 days 0", "2020 3", "2019 1"]);
    assert_eq!(seen(&mut ada, "2019").await, (1, vec!["2019 1".to_owned(), "December 2019 1".to_owned()]));
    let year = ["2020 3", "January 2020 1", "February 2020 2"].map(str::to_owned);
    assert_eq!(seen(&mut ada, "2020").await, (3, year.to_vec()));
    let month = ["2020 3", "February 2020 2", "29 February 2020 2"].map(str::to_owned);
    assert_eq!(seen(&mut ada, "2020-02").await, (2, month.to_vec()));
    assert_eq!(seen(&mut ada, "2020-02-29").await, (2, month.to_vec()));
    assert_eq!(seen(&mut ada, "2020-02-28").await.0, 0);
    for never in ["2020-02-30", "2020-13", "0000", "99999"] {
        assert!(
            page(&mut ada, &format!("{LIST}?bought={never}")).await.contains("was left out: bought"),
            "{never}"
        );
    }
}
