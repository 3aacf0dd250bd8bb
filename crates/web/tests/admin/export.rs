//! The selected rows as a file: whole, for programs and for spreadsheets, and no more than the person may see.

use serde_json::{Value, json};

use crate::common::columns::{Ground, in_every_column};
use crate::common::header;
use crate::shop::{Book, added, book, shelf};
use crate::{ada, door, select, signed_in, site, staff};

in_every_column!(selected_rows_become_a_file, whoever_may_look_may_export_and_nobody_else);

const LIST: &str = "/admin/shop/book/";

async fn selected_rows_become_a_file(ground: Ground) {
    let site = site(ground).await;
    let (mut ada, acme) = ada(&site).await;
    let science = shelf(&acme, "Science").await;
    let whole = Book {
        title: "=1+1, \"quoted\"".to_owned(),
        signed: Some(true),
        sold: -5,
        price: "-12.50".parse().unwrap(),
        rating: Some(0.1),
        printed: Some("1965-08-01".parse().unwrap()),
        notes: "two\nlines ä".to_owned(),
        extra: Some(json!({"a": [1]})),
        cover: Some(vec![0, 255, 7]),
        ..book("", science)
    };
    let id = added(&acme, whole).await;
    added(&acme, book("Not chosen", science)).await;
    let key = id.to_string();
    let csv = select(&mut ada, LIST, &[("action", "export_csv"), ("_selected_action", &key)]).await;
    assert_eq!((csv.status().as_u16(), header(&csv, "content-type")), (200, "text/csv; charset=utf-8"));
    assert_eq!(header(&csv, "content-disposition"), "attachment; filename=\"shop_book.csv\"");
    assert!(header(&csv, "cache-control").contains("no-store"));
    let columns = "id,title,shelf_id,wanted_id,state,lent,signed,pages,copies,sold,price,rating,printed,bought,code,notes,\
                   extra,cover";
    let values = format!(
        "{id},\"'=1+1, \"\"quoted\"\"\",{science},,new,false,true,100,1,-5,-12.50,0.1,1965-08-01,\
         2020-01-02T03:04:05.678901Z,00000000-0000-0000-0000-000000000000,\"two\nlines ä\",\"{{\"\"a\"\":[1]}}\",AP8H"
    );
    assert_eq!(csv.text().await.unwrap(), format!("{columns}\n{values}\n"));

    let json = select(&mut ada, LIST, &[("action", "export_json"), ("_selected_action", &key)]).await;
    assert_eq!(header(&json, "content-type"), "application/json");
    let rows: Vec<Value> = serde_json::from_str(&json.text().await.unwrap()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["title"], &rows[0]["price"]), (&json!("=1+1, \"quoted\""), &json!("-12.50")));
    assert_eq!((&rows[0]["extra"], &rows[0]["wanted_id"]), (&json!({"a": [1]}), &Value::Null));
    assert_eq!(rows[0].as_object().unwrap().len(), 18);

    // All that a narrowed list has, on however many pages.
    acme.insert_all((0..120).map(|_| book("Many", science)).collect()).await.unwrap();
    let across = [("action", "export_json"), ("select_across", "1")];
    let many = select(&mut ada, &format!("{LIST}?q=many"), &across).await;
    let rows: Vec<Value> = serde_json::from_str(&many.text().await.unwrap()).unwrap();
    assert!(rows.len() == 120 && rows.iter().all(|row| row["title"] == "Many"), "{rows:?}");
}

async fn whoever_may_look_may_export_and_nobody_else(ground: Ground) {
    let site = site(ground).await;
    let acme = door(&site, "acme");
    let id = added(&acme, book("Dune", shelf(&acme, "Science").await)).await.to_string();
    let chosen = [("action", "export_json"), ("_selected_action", id.as_str())];
    staff(&acme, "vera", &["view_book"]).await;
    let mut vera = signed_in(&site, "acme.example", &acme, "vera").await;
    assert!(select(&mut vera, LIST, &chosen).await.text().await.unwrap().contains("Dune"));
    staff(&acme, "adder", &["add_book", "view_shelf"]).await;
    let mut adder = signed_in(&site, "acme.example", &acme, "adder").await;
    let token = adder.form_token("/admin/shop/shelf/").await;
    let refused = adder.post(LIST, &token, &chosen).await;
    assert_eq!(refused.status(), 403);
    assert!(!refused.text().await.unwrap().contains("Dune"));
    // Globex has no such book, whatever its key.
    let mut other = signed_in(&site, "globex.example", &door(&site, "globex"), "ada").await;
    let token = other.form_token("/admin/").await;
    let none = other.post(LIST, &token, &chosen).await;
    assert_eq!((none.status().as_u16(), header(&none, "location")), (302, "/admin/shop/book/?"));
}
