//! The application of these tests: shelves with books of every kind of field, and loans that protect them.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use tenantry_db::TenantDb;
use tenantry_db::migrate::{Column, Migration, Registry, Table};
use tenantry_db::model::OnDelete::{Cascade, Protect, SetNull};
use tenantry_db::model::{Auto, Model};
use tenantry_web::admin::{Admin, Models};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "shop", crate = "tenantry_db", ordering("name"))]
pub(crate) struct Shelf {
    #[field(primary_key)]
    pub(crate) id: Auto<i64>,
    #[field(max_length = 80, unique)]
    pub(crate) name: String,
}

#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "shop", crate = "tenantry_db", ordering("-id"))]
pub(crate) struct Book {
    #[field(primary_key)]
    pub(crate) id: Auto<i64>,
    #[field(max_length = 200, help_text = "As it stands on the cover")]
    pub(crate) title: String,
    #[field(references(Shelf), on_delete = cascade)]
    pub(crate) shelf_id: i64,
    #[field(references(Shelf), on_delete = set_null)]
    pub(crate) wanted_id: Option<i64>,
    #[field(max_length = 10, default = "new", choices("new" = "New", "read" = "Read"))]
    pub(crate) state: String,
    #[field(default = false)]
    pub(crate) lent: bool,
    pub(crate) signed: Option<bool>,
    #[field(default = 1)]
    pub(crate) pages: i16,
    #[field(default = 1)]
    pub(crate) copies: i32,
    #[field(default = 0)]
    pub(crate) sold: i64,
    #[field(digits = 8, places = 2, default = 0)]
    pub(crate) price: Decimal,
    pub(crate) rating: Option<f64>,
    pub(crate) printed: Option<Date>,
    #[field(default = now)]
    pub(crate) bought: Timestamp,
    #[field(default = new_uuid)]
    pub(crate) code: Uuid,
    #[field(default = "")]
    pub(crate) notes: String,
    pub(crate) extra: Option<serde_json::Value>,
    pub(crate) cover: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "shop", crate = "tenantry_db")]
pub(crate) struct Loan {
    #[field(primary_key)]
    pub(crate) id: Auto<i64>,
    #[field(max_length = 80)]
    pub(crate) who: String,
    #[field(references(Book), on_delete = protect)]
    pub(crate) book_id: i64,
    #[field(default = now)]
    pub(crate) since: Timestamp,
}

pub(crate) fn registry() -> Registry {
    let shelf = Table::new("shop_shelf").column(Column::id()).column(Column::varchar("name", 80).unique());
    let book = Table::new("shop_book")
        .column(Column::id())
        .column(Column::varchar("title", 200))
        .column(Column::big_int("shelf_id").references("shop_shelf", "id", Cascade))
        .column(Column::big_int("wanted_id").null().references("shop_shelf", "id", SetNull))
        .column(Column::varchar("state", 10))
        .column(Column::bool("lent"))
        .column(Column::bool("signed").null())
        .column(Column::small_int("pages"))
        .column(Column::int("copies"))
        .column(Column::big_int("sold"))
        .column(Column::decimal("price", 8, 2))
        .column(Column::float("rating").null())
        .column(Column::date("printed").null())
        .column(Column::datetime("bought"))
        .column(Column::uuid("code"))
        .column(Column::text("notes"))
        .column(Column::json("extra").null())
        .column(Column::binary("cover").null());
    let loan = Table::new("shop_loan")
        .column(Column::id())
        .column(Column::varchar("who", 80))
        .column(Column::big_int("book_id").references("shop_book", "id", Protect))
        .column(Column::datetime("since"));
    let made =
        [shelf, book, loan].into_iter().fold(Migration::new("shop", "0001_initial"), Migration::create_table);
    Registry { models: vec![Shelf::META, Book::META, Loan::META], migrations: vec![made] }
}

pub(crate) fn models() -> Models {
    let mut models = Models::new();
    models.register::<Shelf>(Admin::new().names("shelf", "shelves"));
    models.register::<Book>(
        Admin::new()
            .columns((Book::TITLE, Book::SHELF_ID, Book::STATE, Book::LENT, Book::PRICE, Book::BOUGHT))
            .search((Book::TITLE, Book::NOTES))
            .action("read", "Mark as read", async |db, keys| {
                let books = db.query::<Book>().filter(Book::ID.in_(keys));
                books.update([Book::STATE.set("read".to_owned())]).await.map(drop)
            })
            .filters((Book::STATE, Book::LENT, Book::SHELF_ID, Book::WANTED_ID, Book::BOUGHT)),
    );
    let loan = Admin::new()
        .fieldset("", Loan::WHO)
        .fieldset("Kept", (Loan::BOOK_ID, Loan::SINCE))
        .read_only(Loan::SINCE);
    models.register::<Loan>(loan);
    models
}

pub(crate) async fn shelf(db: &TenantDb, name: &str) -> i64 {
    db.insert(Shelf { id: Auto::unset(), name: name.to_owned() }).await.unwrap().id.get().unwrap()
}

pub(crate) fn book(title: &str, shelf_id: i64) -> Book {
    Book {
        id: Auto::unset(),
        title: title.to_owned(),
        shelf_id,
        wanted_id: None,
        state: "new".to_owned(),
        lent: false,
        signed: None,
        pages: 100,
        copies: 1,
        sold: 0,
        price: Decimal::new(1250, 2),
        rating: None,
        printed: None,
        bought: "2020-01-02T03:04:05.678901Z".parse().unwrap(),
        code: Uuid::nil(),
        notes: String::new(),
        extra: None,
        cover: None,
    }
}

pub(crate) async fn added(db: &TenantDb, book: Book) -> i64 {
    db.insert(book).await.unwrap().id.get().unwrap()
}
