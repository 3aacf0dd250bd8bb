//! Every kind of value at its edges: what goes in comes out, in the form that is promised, and nothing else goes in.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::door;
use crate::TenantDb;
use crate::model::{Auto, Field, Model, Problem, QueryError, Row, Value};

/// One field of each kind.
#[derive(Model, Clone, Debug, PartialEq)]
#[model(app = "tests", crate = "crate")]
struct Thing {
    #[field(primary_key)]
    id: Auto<i64>,
    small: i16,
    int: i32,
    big: i64,
    flag: bool,
    float: f64,
    #[field(digits = 18, places = 6)]
    decimal: Decimal,
    #[field(max_length = 3)]
    text: String,
    day: Date,
    #[field(default = now)]
    instant: Timestamp,
    #[field(default = new_uuid)]
    uuid: Uuid,
    json: serde_json::Value,
    bytes: Vec<u8>,
    maybe: Option<i32>,
    #[field(choices("1" = "One", "2" = "Two"), default = 1)]
    choice: i16,
}

const THINGS: &str = "CREATE TABLE tests_thing (id INTEGER PRIMARY KEY, small, int, big, flag, float REAL,
    decimal INTEGER, text, day, instant, uuid, json, bytes, maybe, choice)";

async fn things() -> (TempDir, TenantDb) {
    let (folder, db) = door().await;
    db.raw_execute(THINGS, vec![]).await.unwrap();
    (folder, db)
}

fn thing() -> Thing {
    Thing {
        id: Auto::unset(),
        small: 0,
        int: 0,
        big: 0,
        flag: false,
        float: 0.0,
        decimal: Decimal::ZERO,
        text: String::new(),
        day: date(2026, 11, 23),
        instant: "2026-11-23T18:05:22.229585Z".parse().unwrap(),
        uuid: Uuid::nil(),
        json: json!(null),
        bytes: Vec::new(),
        maybe: None,
        choice: 1,
    }
}

fn greatest() -> Thing {
    Thing {
        small: i16::MAX,
        int: i32::MAX,
        big: i64::MAX,
        flag: true,
        float: f64::MAX,
        decimal: "999999999999.999999".parse().unwrap(),
        text: "ä€𝄞".to_owned(),
        day: date(9999, 12, 31),
        instant: "9999-12-30T21:59:59.999999Z".parse().unwrap(),
        uuid: Uuid::max(),
        json: json!({"a": [1, "ü", null, {"b": 1.5}]}),
        bytes: (0..=255).collect(),
        maybe: Some(i32::MIN),
        choice: 2,
        ..thing()
    }
}

fn least() -> Thing {
    Thing {
        small: i16::MIN,
        int: i32::MIN,
        big: i64::MIN,
        float: f64::MIN_POSITIVE,
        decimal: "-999999999999.999999".parse().unwrap(),
        day: date(1, 1, 1),
        instant: "0001-01-01T00:00:00Z".parse().unwrap(),
        bytes: vec![0],
        ..thing()
    }
}

#[tokio::test]
async fn every_kind_comes_back_as_it_went_in() {
    let (_folder, db) = things().await;
    for (key, object) in [(1, thing()), (2, greatest()), (3, least())] {
        let expected = Thing { id: Auto::from(key), ..object.clone() };
        assert_eq!(db.insert(object).await.unwrap(), expected);
        assert_eq!(db.find::<Thing>(key).await.unwrap().unwrap(), expected);
        let row = db.rows(Thing::META).find(key).await.unwrap().unwrap();
        assert_eq!(row.values(), expected.values());
        assert_eq!(row.get::<Timestamp>("instant").unwrap(), expected.instant);
    }
}

#[tokio::test]
async fn every_kind_is_compared_as_it_is_stored() {
    let (_folder, db) = things().await;
    let stored = db.insert(greatest()).await.unwrap();
    db.insert(least()).await.unwrap();
    let conditions = [
        Thing::SMALL.gt(stored.small - 1),
        Thing::INT.eq(stored.int),
        Thing::BIG.ge(stored.big),
        Thing::FLAG.eq(true),
        Thing::FLOAT.gt(1.0),
        Thing::DECIMAL.gt(Decimal::ONE),
        Thing::TEXT.eq("ä€𝄞"),
        Thing::DAY.gt(date(2000, 1, 1)),
        Thing::INSTANT.gt(Timestamp::UNIX_EPOCH),
        Thing::UUID.eq(Uuid::max()),
        Thing::JSON.eq(stored.json.clone()),
        Thing::BYTES.eq(stored.bytes.clone()),
        Thing::MAYBE.is_not_null(),
        Thing::MAYBE.lt(0),
        Thing::CHOICE.in_([2_i16, 3]),
    ];
    for condition in conditions {
        let found = db.query::<Thing>().filter(condition.clone()).all().await.unwrap();
        assert_eq!(found, std::slice::from_ref(&stored), "{condition:?}");
    }
}

#[tokio::test]
async fn values_stand_in_the_file_in_the_promised_form() {
    let (_folder, db) = things().await;
    let uuid = "0190163D-8694-739B-AEA5-966C26F8AD91".parse().unwrap();
    let object =
        Thing { decimal: "-1.5".parse().unwrap(), flag: true, uuid, json: json!({"a": 1}), ..thing() };
    db.insert(object).await.unwrap();
    let second = "2026-11-23T18:05:22Z".parse().unwrap();
    db.insert(Thing { instant: second, ..thing() }).await.unwrap();
    let sql = "SELECT decimal, flag, uuid, json, day, instant, typeof(bytes) FROM tests_thing ORDER BY id";
    let rows = db.raw(sql, vec![]).await.unwrap();
    let expected = [
        Value::from(-1_500_000_i64),
        Value::from(1),
        Value::from("0190163d8694739baea5966c26f8ad91"),
        Value::from(r#"{"a":1}"#),
        Value::from("2026-11-23"),
        Value::from("2026-11-23 18:05:22.229585"),
        Value::from("blob"),
    ];
    assert_eq!(rows[0].values(), expected);
    assert_eq!(rows[1].value("instant"), Some(&Value::from("2026-11-23 18:05:22")));
}

#[tokio::test]
async fn an_instant_is_cut_to_the_microsecond_towards_the_past() {
    let (_folder, db) = things().await;
    for (given, kept) in [
        ("2026-11-23T18:05:22.229585999Z", "2026-11-23T18:05:22.229585Z"),
        ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
        ("2026-11-23T18:05:22.000000999Z", "2026-11-23T18:05:22Z"),
    ] {
        let inserted = db.insert(Thing { instant: given.parse().unwrap(), ..thing() }).await.unwrap();
        assert_eq!(inserted.instant, kept.parse().unwrap());
    }
}

#[tokio::test]
async fn what_other_programs_wrote_is_read_or_refused_by_name() {
    let (_folder, db) = things().await;
    let key = db.insert(thing()).await.unwrap().key().unwrap();
    let put = async |column: &str, stored: Value| {
        db.raw_execute(format!("UPDATE tests_thing SET {column} = ?"), vec![stored]).await.unwrap();
        db.find::<Thing>(key).await
    };
    for (stored, read) in [
        ("2026-11-23 18:05:22.5", "2026-11-23T18:05:22.5Z"),
        ("2026-11-23T18:05:22", "2026-11-23T18:05:22Z"),
        ("2026-11-23 18:05:22.229585", "2026-11-23T18:05:22.229585Z"),
    ] {
        let found = put("instant", stored.into()).await.unwrap().unwrap();
        assert_eq!(found.instant, read.parse().unwrap());
    }
    let hyphens = put("uuid", "0190163d-8694-739b-aea5-966c26f8ad91".into()).await.unwrap().unwrap();
    assert_eq!(hyphens.uuid.simple().to_string(), "0190163d8694739baea5966c26f8ad91");
    let refused = |found: Result<Option<Thing>, QueryError>| match found {
        Err(QueryError::Value(error)) => error.field.into_owned(),
        other => panic!("{other:?}"),
    };
    for (column, stored, good) in [
        ("instant", Value::from("2026-11-23 18:05:22+02:00"), Value::from("2026-11-23 18:05:22")),
        ("instant", "2026-11-23".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-23 18:05:60".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-23 18:05:2x".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-23 18:05:22.5x".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026/11/23 18:05:22".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-31 18:05:22".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-23 18:05:22.".into(), "2026-11-23 18:05:22".into()),
        ("instant", "2026-11-23 18:05:22.0000000001".into(), "2026-11-23 18:05:22".into()),
        ("instant", "ä2026-11-23 18:05:2ä".into(), "2026-11-23 18:05:22".into()),
        ("day", "2026-11-31".into(), "2026-11-30".into()),
        ("day", "2026-11-30 00:00:00".into(), "2026-11-30".into()),
        ("uuid", "xyz".into(), Uuid::nil().into()),
        ("json", "{".into(), "{}".into()),
        ("small", 40_000.into(), 1.into()),
        ("int", i64::MAX.into(), 1.into()),
        ("big", "1".into(), 1.into()),
        ("flag", 2.into(), 1.into()),
        ("text", Value::Binary(vec![0xff]), "x".into()),
        ("day", Value::Null, "2026-11-30".into()),
        ("decimal", 1.5.into(), 1.into()),
        ("bytes", "x".into(), Value::Binary(vec![])),
    ] {
        assert_eq!(refused(put(column, stored.clone()).await), column, "{stored:?}");
        put(column, good).await.unwrap();
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_with_its_field_and_writes_nothing() {
    let (_folder, db) = things().await;
    let year_zero: Timestamp = "0000-12-31T23:59:59Z".parse().unwrap();
    let objects = [
        (
            Thing { text: "four".to_owned(), ..thing() },
            "text",
            "4 characters are too many, at most 3 are allowed",
        ),
        (Thing { text: "\0".to_owned(), ..thing() }, "text", "the character U+0000 is not allowed"),
        (Thing { float: f64::NAN, ..thing() }, "float", "not a finite number"),
        (Thing { float: f64::NEG_INFINITY, ..thing() }, "float", "not a finite number"),
        (
            Thing { decimal: "0.0000001".parse().unwrap(), ..thing() },
            "decimal",
            "more than 6 digits after the point",
        ),
        (
            Thing { decimal: Decimal::from(10_i64.pow(12)), ..thing() },
            "decimal",
            "out of range for a decimal of 18 digits, 6 of them after the point",
        ),
        (
            Thing { decimal: Decimal::MAX, ..thing() },
            "decimal",
            "out of range for a decimal of 18 digits, 6 of them after the point",
        ),
        (Thing { day: date(0, 12, 31), ..thing() }, "day", "out of range for a date"),
        (Thing { instant: year_zero, ..thing() }, "instant", "out of range for a datetime"),
        (Thing { choice: 3, ..thing() }, "choice", "not one of the choices"),
    ];
    for (object, field, problem) in objects {
        let error = db.insert(object.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("tests_thing.{field}: {problem}"));
        assert!(matches!(db.insert_all(vec![thing(), object]).await, Err(QueryError::Value(_))));
    }
    assert_eq!(db.query::<Thing>().count().await.unwrap(), 0, "nothing was written");
}

#[tokio::test]
async fn a_dynamic_value_of_another_kind_is_refused() {
    let (_folder, db) = things().await;
    for (column, value, problem) in [
        ("small", Value::from(40_000), "out of range for a 16-bit integer"),
        ("int", i64::MIN.into(), "out of range for a 32-bit integer"),
        ("int", "1".into(), "a 32-bit integer is expected, text was found"),
        ("flag", 1.into(), "a bool is expected, an integer was found"),
        ("float", 1.into(), "a float is expected, an integer was found"),
        ("day", Timestamp::UNIX_EPOCH.into(), "a date is expected, a datetime was found"),
        ("text", Value::Null, "a value is needed"),
    ] {
        let mut row = Row::new(Thing::META);
        for (other, value) in Thing::META.fields.iter().zip(thing().values()) {
            row.set(other.column, value).unwrap();
        }
        row.set(column, value.clone()).unwrap();
        let error = db.rows(Thing::META).insert(row).await.unwrap_err();
        assert_eq!(error.to_string(), format!("tests_thing.{column}: {problem}"));
        if value != Value::Null {
            let condition = Thing::META.column(column).unwrap().eq(value);
            let error = db.rows(Thing::META).filter(condition).all().await.unwrap_err();
            assert_eq!(error.to_string(), format!("tests_thing.{column}: {problem}"));
        }
    }
}

#[test]
fn a_value_becomes_a_rust_type_only_where_it_fits() {
    assert_eq!(i16::from_value(Value::from(5)), Ok(5));
    assert_eq!(i16::from_value(Value::from(40_000)), Err(Problem::OutOfRange { expected: i16::KIND }));
    assert_eq!(i64::from_value(Value::Null), Err(Problem::Null));
    assert_eq!(Option::<i64>::from_value(Value::Null), Ok(None));
    assert_eq!(Auto::<i64>::from_value(Value::Null), Ok(Auto::unset()));
    let wrong = Problem::WrongKind { expected: bool::KIND, found: "text" };
    assert_eq!(bool::from_value(Value::from("true")), Err(wrong));
}

#[tokio::test]
async fn a_row_becomes_json_and_comes_back() {
    let (_folder, db) = things().await;
    for object in [thing(), greatest(), least()] {
        let stored = db.insert(object).await.unwrap();
        let row = db.rows(Thing::META).find(stored.key().unwrap()).await.unwrap().unwrap();
        assert_eq!(Row::from_json(Thing::META, row.to_json()), Ok(row));
    }
    let json = db.rows(Thing::META).find(2).await.unwrap().unwrap().to_json();
    assert_eq!(json["decimal"], json!("999999999999.999999"));
    assert_eq!(json["instant"], json!("9999-12-30T21:59:59.999999Z"));
    assert_eq!(json["big"], json!(i64::MAX));
    for (object, message) in [
        (json!({"none": 1}), "tests_thing has no column \"none\""),
        (json!({"day": "2026-02-30"}), "tests_thing.day: a date is expected, other JSON was found"),
        (json!({"big": 1.5}), "tests_thing.big: a 64-bit integer is expected, other JSON was found"),
        (json!({"flag": "true"}), "tests_thing.flag: a bool is expected, other JSON was found"),
    ] {
        let serde_json::Value::Object(object) = object else { panic!("not an object") };
        assert_eq!(Row::from_json(Thing::META, object).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_new_row_has_the_defaults() {
    let row = Row::new(Thing::META);
    assert_eq!(row.value("choice"), Some(&Value::Int(1)));
    assert_eq!(row.get::<Uuid>("uuid").unwrap().get_version_num(), 7);
    assert!(row.get::<Timestamp>("instant").unwrap() > "2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(row.value("text"), Some(&Value::Null));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_fitting_value_comes_back(
        big in any::<i64>(),
        scaled in -999_999_999_999_999_999_i64..=999_999_999_999_999_999,
        micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000,
        float in any::<f64>().prop_filter("finite", |float| float.is_finite()),
        text in "[^\0]{0,3}",
        bytes in any::<Vec<u8>>(),
    ) {
        let object = Thing {
            big,
            decimal: Decimal::new(scaled, 6),
            instant: Timestamp::from_microsecond(micros).unwrap(),
            float,
            text,
            bytes,
            ..thing()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inserted = runtime.block_on(async {
            let (_folder, db) = things().await;
            db.insert(object.clone()).await.unwrap()
        });
        prop_assert_eq!(inserted, Thing { id: Auto::from(1), ..object });
    }
}
