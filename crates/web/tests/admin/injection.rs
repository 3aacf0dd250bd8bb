//! Strings that would be markup, SQL or headers where they are not kept apart: stored, listed, searched and shown as text.

use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::shop::{Book, Shelf};
use crate::{ada, page, send, site};

in_every_column!(what_would_be_code_elsewhere_is_text_everywhere);

const STRINGS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea><script>alert(1)</script>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "'; DROP TABLE shop_book; --",
    "\" OR \"\"=\"",
    "a\r\nSet-Cookie: sessionid=planted",
    "javascript:alert(1)",
];

async fn what_would_be_code_elsewhere_is_text_everywhere(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    for (number, string) in STRINGS.into_iter().enumerate() {
        let name: String = format!("no{number} {string}").chars().take(80).collect();
        let made = send(&mut ada, "/admin/shop/shelf/add/", &[("name", &name), ("_continue", "1")]).await;
        assert_eq!(
            (made.status().as_u16(), made.headers().get_all("set-cookie").iter().count()),
            (302, 1),
            "{string}"
        );
        let shelf = acme.query::<Shelf>().order_by(Shelf::ID.desc()).first().await.unwrap().unwrap();
        let stored = name.replace("\r\n", "\n");
        assert_eq!(shelf.name, stored);
        let key = shelf.id.get().unwrap();
        let typed = [
            ("title", string),
            ("shelf_id", &key.to_string()),
            ("notes", string),
            ("extra", &serde_json::to_string(string).unwrap()),
        ];
        assert_eq!(send(&mut ada, "/admin/shop/book/add/", &typed).await.status(), 302, "{string}");
        let book = acme.query::<Book>().first().await.unwrap().unwrap();
        let text = string.replace("\r\n", "\n");
        assert_eq!((book.title.as_str(), book.notes.as_str()), (text.as_str(), text.as_str()));
        assert_eq!(book.extra, Some(string.into()));
        let id = book.id.get().unwrap();
        let again = send(&mut ada, &format!("/admin/shop/book/{id}/change/"), &[("copies", "2")]).await;
        assert_eq!(again.status(), 302, "{string}");
        assert_eq!(acme.find::<Book>(id).await.unwrap().unwrap(), Book { copies: 2, ..book }, "{string}");
        for path in [
            "/admin/".to_owned(),
            format!("/admin/shop/book/?{}", as_query(string)),
            format!("/admin/shop/book/?shelf_id={key}"),
            format!("/admin/shop/book/{id}/change/"),
            format!("/admin/shop/book/{id}/delete/"),
            format!("/admin/shop/book/{id}/history/"),
            format!("/admin/shop/shelf/{key}/delete/"),
            format!("/admin/shop/book/add/?{}", as_query(string).replace("q=", "title=")),
            format!("/admin/shop/book/?{}=1", &as_query(string)[2..]),
            format!("/admin/shop/shelf/choose/?{}", as_query(string)),
        ] {
            let answer = ada.get(&path).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert!(header(&answer, "content-security-policy").starts_with("default-src 'self';"), "{path}");
            assert!(!header(&answer, "set-cookie").contains("planted"), "{path}");
            let page = answer.text().await.unwrap();
            for part in
                ["<script>", "<img", "onerror=alert(1)>", "' onmouseover='", ">49<", "href=\"javascript:"]
            {
                assert!(!page.contains(part), "{path}: {part} in {page}");
            }
        }
        let found = page(&mut ada, &format!("/admin/shop/shelf/?{}", as_query(&format!("no{number}")))).await;
        assert!(found.contains("1 shelf<"), "{string}: {found}");
    }
    assert_eq!(acme.query::<Book>().count().await.unwrap(), STRINGS.len() as u64);
}

/// As the parameter `q` of an address.
fn as_query(text: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://x/", [("q", text)]).unwrap();
    url.query().unwrap().to_owned()
}
