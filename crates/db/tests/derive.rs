//! What `#[derive(Model)]` makes of a struct, in a crate that depends on `tenantry` under its own name.

extern crate tenantry_db as tenantry;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use tenantry::model::{
    Auto, Choice, DefaultValue, Kind, ManyToMany, Model, OnDelete, Order, Relation, Value,
};
use uuid::Uuid;

#[derive(Model)]
#[model(app = "auth", name = "user", table = "auth_user")]
struct Person {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(unique, max_length = 150)]
    username: String,
}

#[derive(Model, Clone, Debug, PartialEq)]
#[model(
    app = "shop",
    ordering("-created", "type"),
    unique_together("type", "owner_id"),
    unique_together("day", "price")
)]
#[model(many_to_many(tags = "shop_tag", through = "shop_item_tags", from = "item_id", to = "tag_id"))]
struct Item {
    #[field(primary_key, default = new_uuid)]
    id: Uuid,
    #[field(column = "kind", choices("a" = "First", "b" = "Second"), default = "a", help_text = "What it is")]
    r#type: String,
    #[field(digits = 12, places = 2, default = -1)]
    price: Decimal,
    #[field(index)]
    day: Option<Date>,
    #[field(default = now)]
    created: Timestamp,
    #[field(references(Person), on_delete = set_null)]
    owner_id: Option<i64>,
    #[field(references = "shop_box", on_delete = protect)]
    box_id: i64,
    #[field(references(Self), on_delete = cascade)]
    part_of: Option<Uuid>,
}

fn relation(column: &str) -> Option<Relation> {
    Item::META.field(column)?.relation
}

#[test]
fn names_are_derived_unless_they_are_given() {
    assert_eq!((Item::META.app, Item::META.name, Item::META.table), ("shop", "item", "shop_item"));
    assert_eq!((Person::META.app, Person::META.name, Person::META.table), ("auth", "user", "auth_user"));
    let columns: Vec<_> = Item::META.fields.iter().map(|field| (field.name, field.column)).collect();
    assert_eq!(columns[..3], [("id", "id"), ("type", "kind"), ("price", "price")]);
    assert_eq!(Item::TYPE.column_name(), "kind");
    assert_eq!(Person::USERNAME.column_name(), "username");
}

#[test]
fn the_metadata_says_what_the_attributes_say() {
    let field = |column: &str| Item::META.field(column).unwrap();
    assert!(
        field("id").primary_key && !field("id").auto && field("id").default == Some(DefaultValue::NewUuid)
    );
    let choices = [Choice { value: "a", label: "First" }, Choice { value: "b", label: "Second" }];
    assert_eq!(field("kind").choices, choices);
    assert_eq!(
        (field("kind").default, field("kind").help_text),
        (Some(DefaultValue::Text("a")), "What it is")
    );
    assert_eq!(field("price").kind, Kind::Decimal { digits: 12, places: 2 });
    assert_eq!(field("price").default, Some(DefaultValue::Int(-1)));
    assert!(field("day").null && field("day").index && field("day").kind == Kind::Date);
    assert_eq!(field("created").default, Some(DefaultValue::Now));
    let name = Person::META.field("username").unwrap();
    assert!(name.unique && !name.null && name.kind == Kind::Text { max: Some(150) });
    assert!(Person::META.primary_key().unwrap().auto);
}

#[test]
fn relations_orders_and_constraints_name_columns() {
    let to = |table, on_delete| Some(Relation { table, column: "id", on_delete });
    assert_eq!(relation("owner_id"), to("auth_user", OnDelete::SetNull));
    assert_eq!(relation("box_id"), to("shop_box", OnDelete::Protect));
    assert_eq!(relation("part_of"), to("shop_item", OnDelete::Cascade));
    assert_eq!(relation("price"), None);
    let ordering =
        [Order { column: "created", descending: true }, Order { column: "kind", descending: false }];
    assert_eq!(Item::META.ordering, ordering);
    assert_eq!(Item::META.unique_together, [["kind", "owner_id"], ["day", "price"]]);
    let tags = ManyToMany {
        name: "tags",
        target: "shop_tag",
        through: "shop_item_tags",
        from: "item_id",
        to: "tag_id",
    };
    assert_eq!(Item::META.many_to_many, [tags]);
}

#[test]
fn values_stand_in_the_order_of_the_fields() {
    let item = Item {
        id: Uuid::now_v7(),
        r#type: "b".to_owned(),
        price: Decimal::ONE,
        day: None,
        created: Timestamp::UNIX_EPOCH,
        owner_id: Some(5),
        box_id: 6,
        part_of: None,
    };
    let values = [
        Value::Uuid(item.id),
        Value::from("b"),
        Value::Decimal(Decimal::ONE),
        Value::Null,
        Value::DateTime(Timestamp::UNIX_EPOCH),
        Value::Int(5),
        Value::Int(6),
        Value::Null,
    ];
    assert_eq!(item.values(), values);
    assert_eq!(item.key(), Some(item.id));
    assert_eq!(Person { id: Auto::unset(), username: "ada".to_owned() }.key(), None);
    assert_eq!(Person { id: Auto::from(3), username: "ada".to_owned() }.key(), Some(3));
}
