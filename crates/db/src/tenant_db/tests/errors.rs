//! Each failure as the caller sees it.

use super::{Note, door, note};
use crate::model::{Auto, Model, QueryError, Row, Value};

/// Refers to itself.
#[derive(Model, Clone, Debug)]
#[model(app = "tests", crate = "crate")]
struct Branch {
    #[field(primary_key, column = "branch_id")]
    id: i64,
    #[field(references(Self), on_delete = set_null)]
    parent_id: Option<i64>,
}

/// Refers to notes.
#[derive(Model, Clone, Debug)]
#[model(app = "notes", crate = "crate")]
struct Link {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(references(Note), on_delete = protect)]
    note_id: i64,
}

const LINKS: &str = "CREATE TABLE notes_link (id INTEGER PRIMARY KEY,
    note_id bigint NOT NULL REFERENCES notes_note (id) ON DELETE RESTRICT)";

#[tokio::test]
async fn a_violated_constraint_names_what_it_is_about() {
    let (_folder, db) = door().await;
    let first = db.insert(note("one")).await.unwrap();
    match db.insert(note("one")).await {
        Err(QueryError::Unique { columns }) => assert_eq!(columns, ["title", "state"]),
        other => panic!("{other:?}"),
    }
    match db.insert(Note { id: first.id, ..note("two") }).await {
        Err(QueryError::Unique { columns }) => assert_eq!(columns, ["id"]),
        other => panic!("{other:?}"),
    }
    match db.insert(Note { body: Some("x".repeat(1000)), ..note("three") }).await {
        Err(QueryError::Check { constraint }) => assert_eq!(constraint, "short"),
        other => panic!("{other:?}"),
    }
    match db.raw_execute("INSERT INTO notes_note (title) VALUES ('four')", vec![]).await {
        Err(QueryError::NotNull { column }) => assert_eq!(column, "state"),
        other => panic!("{other:?}"),
    }
    assert_eq!(db.query::<Note>().count().await.unwrap(), 1, "nothing else was stored");
}

#[tokio::test]
async fn a_reference_to_nothing_is_refused_and_so_is_deleting_what_is_referred_to() {
    let (_folder, db) = door().await;
    db.raw_execute(LINKS, vec![]).await.unwrap();
    assert_eq!(Link::META.fields[1].relation.unwrap().table, "notes_note");
    assert_eq!(Link::META.fields[1].relation.unwrap().column, "id");
    assert_eq!(Branch::META.fields[1].relation.unwrap().column, "branch_id");
    let dangling = db.insert(Link { id: Auto::unset(), note_id: 7 }).await;
    assert!(matches!(dangling, Err(QueryError::ForeignKey)), "{dangling:?}");
    let stored = db.insert(note("one")).await.unwrap();
    db.insert(Link { id: Auto::unset(), note_id: stored.key().unwrap() }).await.unwrap();
    assert!(matches!(db.delete::<Note>(1).await, Err(QueryError::ForeignKey)));
    assert!(db.find::<Note>(1).await.unwrap().is_some());
}

#[tokio::test]
async fn raw_sql_takes_values_and_says_what_is_wrong_with_it() {
    let (_folder, db) = door().await;
    db.insert(note("one")).await.unwrap();
    let rows =
        db.raw("SELECT id, title AS t FROM notes_note WHERE title = ?", vec!["one".into()]).await.unwrap();
    assert_eq!(rows[0].columns().collect::<Vec<_>>(), ["id", "t"]);
    assert_eq!(rows[0].values(), [Value::from(1), Value::from("one")]);
    assert!(matches!(rows[0].get::<String>("id"), Err(QueryError::Value(_))));
    assert!(matches!(rows[0].get::<String>("none"), Err(QueryError::UnknownColumn(_))));
    assert!(matches!(db.raw("SELECT ?", vec![]).await, Err(QueryError::Database(_))));
    assert!(matches!(db.raw("SELECT 1", vec![1.into()]).await, Err(QueryError::Database(_))));
    let decimal = Value::Decimal(rust_decimal::Decimal::ONE);
    assert!(matches!(db.raw("SELECT ?", vec![decimal]).await, Err(QueryError::RawDecimal)));
    let error = db.raw("SELECT secret_thing FROM nowhere", vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), "the database failed", "the cause is for the log");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("nowhere"));
}

#[tokio::test]
async fn one_statement_has_only_so_many_values() {
    let (_folder, db) = door().await;
    let keys = |count: i64| db.query::<Note>().filter(Note::ID.in_(0..count));
    assert_eq!(keys(32_766).count().await.unwrap(), 0);
    let error = keys(32_767).count().await.unwrap_err();
    assert_eq!(error.to_string(), "32767 values are too many for one statement, at most 32766 are allowed");
}

/// A search for each of someone's words, say: however many there are, no thread's stack ends for it, and none is busy
/// for minutes.
#[tokio::test]
async fn conditions_are_neither_many_nor_deep_without_end() {
    let (_folder, db) = door().await;
    for title in ["one", "two", "three"] {
        db.insert(note(title)).await.unwrap();
    }
    let title = |number: usize| Note::TITLE.eq(number.to_string());
    let any = |count| (1..count).map(title).fold(Note::TITLE.eq("two"), crate::model::Condition::or);
    let none =
        |count| (1..count).map(|at| !title(at)).fold(Note::TITLE.ne("two"), crate::model::Condition::and);
    let count = async |condition| db.query::<Note>().filter(condition).count().await;
    for length in [1, 2, 3, 7, 999] {
        assert_eq!(count(any(length)).await.unwrap(), 1, "{length}");
        assert_eq!(count(none(length)).await.unwrap(), 2, "{length}");
    }
    let filtered =
        |count| (1..count).fold(db.query::<Note>(), |query, at| query.filter(Note::TITLE.ne(at.to_string())));
    assert_eq!(filtered(1_000).count().await.unwrap(), 3);
    for length in [1_001, 100_000] {
        assert!(matches!(count(any(length)).await, Err(QueryError::TooLarge)), "{length}");
        assert!(matches!(count(none(length)).await, Err(QueryError::TooLarge)), "{length}");
        assert!(matches!(filtered(length + 1).count().await, Err(QueryError::TooLarge)), "{length}");
    }

    let deep = |levels| {
        let start = Note::TITLE.eq("two");
        (0..levels).fold(start, |inner, _| Note::STATE.eq("draft").and(Note::TITLE.eq("x").or(inner)))
    };
    assert_eq!(count(deep(40)).await.unwrap(), 1);
    for levels in [60, 100_000] {
        assert!(matches!(count(deep(levels)).await, Err(QueryError::TooLarge)), "{levels}");
    }
    let negated = (0..100_001).fold(Note::TITLE.eq("two"), |inner, _| !inner);
    assert!(matches!(count(negated).await, Err(QueryError::TooLarge)));
}

#[tokio::test]
async fn a_column_of_another_model_is_refused() {
    let (_folder, db) = door().await;
    let foreign = Link::META.column("id").unwrap();
    let error = db.rows(Note::META).filter(foreign.eq(1)).all().await.unwrap_err();
    assert_eq!(error.to_string(), "notes_note has no column \"notes_link.id\"");
    assert!(db.rows(Note::META).order_by(foreign.asc()).all().await.is_err());
    assert!(db.rows(Note::META).insert(Row::new(Link::META)).await.is_err());
    let text = Note::META.column("id").unwrap().contains("1");
    let error = db.rows(Note::META).filter(text).all().await.unwrap_err();
    assert_eq!(error.to_string(), "notes_note.id: a 64-bit integer is expected, text was found");
}
