//! Find, insert, update, delete, and the queries over typed and dynamic rows.

use super::{Note, note};
use crate::TenantDb;
use crate::model::{Auto, Condition, Dialect, Model, QueryError, Row, Value};

super::on_every_database! {
    an_object_is_inserted_found_updated_and_deleted,
    a_query_filters_sorts_and_cuts,
    first_one_count_and_exists_answer_precisely,
    a_query_updates_and_deletes_what_it_means_and_nothing_else,
    every_character_of_a_searched_text_stands_for_itself,
    a_long_text_is_searched_for_as_a_short_one,
    rows_are_reached_by_metadata_alone,
    the_values_of_a_column_are_tallied,
    text_from_outside_never_becomes_sql,
}

async fn an_object_is_inserted_found_updated_and_deleted(db: TenantDb) {
    let inserted = db.insert(note("one")).await.unwrap();
    assert_eq!(inserted, Note { id: Auto::from(1), ..note("one") });
    assert_eq!(db.find::<Note>(1).await.unwrap(), Some(inserted.clone()));
    let changed = Note { body: Some("text".to_owned()), ..inserted };
    db.update(&changed).await.unwrap();
    assert_eq!(db.find::<Note>(1).await.unwrap(), Some(changed.clone()));
    assert!(db.delete::<Note>(1).await.unwrap());
    assert!(!db.delete::<Note>(1).await.unwrap(), "there is nothing left to delete");
    assert_eq!(db.find::<Note>(1).await.unwrap(), None);
    assert!(matches!(db.update(&changed).await, Err(QueryError::NotFound { model: "notes_note" })));
    assert!(matches!(db.update(&note("new")).await, Err(QueryError::Unsaved { .. })));
}

async fn three(db: &TenantDb) {
    let body = Some("100% a_b \\ *?[ end".to_owned());
    let notes =
        vec![note("one"), Note { state: "done".to_owned(), ..note("Two") }, Note { body, ..note("three") }];
    assert_eq!(db.insert_all(notes).await.unwrap(), 3);
}

fn titles(notes: Vec<Note>) -> Vec<String> {
    notes.into_iter().map(|note| note.title).collect()
}

async fn a_query_filters_sorts_and_cuts(db: TenantDb) {
    three(&db).await;
    let all = db.query::<Note>().all().await.unwrap();
    assert_eq!(titles(all), ["three", "Two", "one"], "the model's own ordering");
    let sorted = db.query::<Note>().order_by(Note::TITLE.asc()).all().await.unwrap();
    assert_eq!(titles(sorted), ["Two", "one", "three"], "by bytes");
    let nulls = db.query::<Note>().order_by(Note::BODY.asc()).order_by(Note::ID.asc()).all().await.unwrap();
    assert_eq!(titles(nulls), ["one", "Two", "three"], "NULL first");
    let cut = db.query::<Note>().order_by(Note::ID.asc()).offset(1).limit(1).all().await.unwrap();
    assert_eq!(titles(cut), ["Two"]);
    let rest = db.query::<Note>().order_by(Note::ID.asc()).offset(1).all().await.unwrap();
    assert_eq!(titles(rest), ["Two", "three"]);
    let either = Note::TITLE.eq("one").or(Note::TITLE.eq("Two")).and(!Note::STATE.eq("draft"));
    assert_eq!(titles(db.query::<Note>().filter(either).all().await.unwrap()), ["Two"]);
    let in_ = db.query::<Note>().filter(Note::ID.in_([1, 3])).filter(Note::ID.gt(1)).all().await.unwrap();
    assert_eq!(titles(in_), ["three"]);
    assert_eq!(db.query::<Note>().filter(Note::ID.in_(Vec::<i64>::new())).count().await.unwrap(), 0);
    let custom = match db.dialect() {
        Dialect::Sqlite => "length(title) = ?",
        Dialect::Postgres { .. } => "length(title) = $1",
    };
    let expr = crate::model::sea_query::Expr::cust_with_values(custom, [5]);
    assert_eq!(titles(db.query::<Note>().filter_expr(expr).all().await.unwrap()), ["three"]);
    let either = crate::model::sea_query::Expr::cust("id = 1 OR id = 2");
    let both = db.query::<Note>().filter(Note::ID.eq(3)).filter_expr(either).count().await.unwrap();
    assert_eq!(both, 0, "an OR inside does not reach outside");
    let either = || Condition::expr(crate::model::sea_query::Expr::cust("id = 1 OR id = 2"));
    let conditions =
        [!either(), Note::ID.eq(3).and(either()), either().and(Note::ID.eq(1)), either().or(Note::ID.eq(3))];
    for (condition, expected) in conditions.into_iter().zip([1, 0, 1, 3]) {
        let found = db.query::<Note>().filter(condition.clone()).count().await.unwrap();
        assert_eq!(found, expected, "{condition:?}");
    }
}

async fn first_one_count_and_exists_answer_precisely(db: TenantDb) {
    three(&db).await;
    assert_eq!(db.query::<Note>().first().await.unwrap().unwrap().title, "three");
    assert!(matches!(db.query::<Note>().one().await, Err(QueryError::Several { .. })));
    let none = || db.query::<Note>().filter(Note::TITLE.eq("four"));
    assert!(matches!(none().one().await, Err(QueryError::NotFound { .. })));
    assert_eq!(none().first().await.unwrap(), None);
    assert!(!none().exists().await.unwrap());
    assert_eq!(db.query::<Note>().filter(Note::TITLE.eq("Two")).one().await.unwrap().title, "Two");
    assert!(db.query::<Note>().exists().await.unwrap());
    assert!(!db.query::<Note>().offset(3).exists().await.unwrap());
    assert!(!db.query::<Note>().limit(0).exists().await.unwrap());
    assert_eq!(db.query::<Note>().count().await.unwrap(), 3);
    assert_eq!(db.query::<Note>().offset(1).limit(5).count().await.unwrap(), 2);
}

async fn a_query_updates_and_deletes_what_it_means_and_nothing_else(db: TenantDb) {
    three(&db).await;
    let drafts = || db.query::<Note>().filter(Note::STATE.eq("draft"));
    assert_eq!(drafts().update([Note::STATE.set("done"), Note::BODY.set(None)]).await.unwrap(), 2);
    assert_eq!(drafts().count().await.unwrap(), 0);
    assert!(matches!(db.query::<Note>().limit(1).delete().await, Err(QueryError::LimitedChange)));
    assert_eq!(db.query::<Note>().filter(Note::ID.ne(1)).delete().await.unwrap(), 2);
    assert_eq!(titles(db.query::<Note>().all().await.unwrap()), ["one"]);
}

async fn every_character_of_a_searched_text_stands_for_itself(db: TenantDb) {
    three(&db).await;
    for part in ["100%", "a_b", "\\", "*", "?", "[", "100% a_b \\ *?[ end"] {
        let found = db.query::<Note>().filter(Note::BODY.contains(part)).all().await.unwrap();
        assert_eq!(titles(found), ["three"], "{part}");
        let found = db.query::<Note>().filter(Note::BODY.contains_ignoring_case(part)).all().await.unwrap();
        assert_eq!(titles(found), ["three"], "{part}");
    }
    for part in ["1%", "a%b", "axb", "a__", "100% A_B"] {
        assert!(!db.query::<Note>().filter(Note::BODY.contains(part)).exists().await.unwrap(), "{part}");
    }
    for part in ["1%", "a%b", "axb", "a__", "%0"] {
        let found =
            db.query::<Note>().filter(Note::BODY.contains_ignoring_case(part)).exists().await.unwrap();
        assert!(!found, "{part}");
    }
    db.insert(note("up")).await.unwrap();
    let starts = async |text: &str| {
        titles(db.query::<Note>().filter(Note::TITLE.starts_with(text)).all().await.unwrap())
    };
    assert_eq!(starts("t").await, ["three"]);
    assert_eq!(starts("").await.len(), 4);
    assert!(starts("%").await.is_empty());
    assert!(starts("\u{10FFFF}").await.is_empty());
    let starts_folded = async |text: &str| {
        let folded = Note::TITLE.starts_with_ignoring_case(text);
        titles(db.query::<Note>().filter(folded).all().await.unwrap())
    };
    assert_eq!(starts_folded("T").await, ["three", "Two"]);
    assert_eq!(starts_folded("").await.len(), 4);
    assert_eq!(starts_folded("tHREE").await, ["three"]);
    assert!(starts_folded("%").await.is_empty());
    assert!(starts_folded("threes").await.is_empty());
}

/// LIKE would take a pattern of this length for too complex.
async fn a_long_text_is_searched_for_as_a_short_one(db: TenantDb) {
    three(&db).await;
    let long = "Aä".repeat(400);
    db.insert(Note { body: Some(format!("x{long}x")), ..note("long") }).await.unwrap();
    let found = async |condition| titles(db.query::<Note>().filter(condition).all().await.unwrap());
    assert_eq!(found(Note::BODY.contains(long.clone())).await, ["long"]);
    assert_eq!(found(Note::BODY.contains_ignoring_case(long.to_ascii_lowercase())).await, ["long"]);
    assert_eq!(found(Note::BODY.starts_with_ignoring_case(format!("X{long}"))).await, ["long"]);
    assert!(found(Note::BODY.contains_ignoring_case(format!("{long}%"))).await.is_empty());
    let longest = "a".repeat(4_096);
    for condition in
        [Note::BODY.contains(longest.clone()), Note::BODY.contains_ignoring_case(longest.clone())]
    {
        assert!(found(condition).await.is_empty());
    }
    let longer = format!("{longest}a");
    assert!(found(Note::BODY.starts_with(longer.clone()).or(Note::BODY.eq(longer.clone()))).await.is_empty());
    for condition in [Note::BODY.contains(longer.clone()), Note::BODY.contains_ignoring_case(longer)] {
        let refused = db.query::<Note>().filter(condition).all().await;
        assert!(matches!(refused, Err(QueryError::TooLarge)), "{refused:?}");
    }
}

async fn rows_are_reached_by_metadata_alone(db: TenantDb) {
    three(&db).await;
    let title = Note::META.column("title").unwrap();
    let rows = db.rows(Note::META).filter(title.eq("Two")).all().await.unwrap();
    assert_eq!(rows[0].get::<String>("title").unwrap(), "Two");
    assert_eq!(rows[0].value("body"), Some(&Value::Null));
    assert_eq!(rows[0].get::<Option<String>>("body").unwrap(), None);
    let mut row = Row::new(Note::META);
    assert_eq!(row.value("state"), Some(&Value::from("draft")), "the default");
    row.set("title", "four").unwrap();
    let inserted = db.rows(Note::META).insert(row).await.unwrap();
    assert_eq!(inserted.get::<i64>("id").unwrap(), 4);
    assert_eq!(db.rows(Note::META).find(4).await.unwrap(), Some(inserted));
    assert_eq!(db.rows(Note::META).filter(title.eq("four")).update([title.set("five")]).await.unwrap(), 1);
    assert_eq!(db.rows(Note::META).filter(title.eq("five")).delete().await.unwrap(), 1);
    assert_eq!(db.rows(Note::META).count().await.unwrap(), 3);
    let rows: Vec<_> = db.rows(Note::META).filter(title.ne("Two")).all().await.unwrap();
    assert!(matches!(db.rows(Note::META).insert_all(rows).await, Err(QueryError::Unique { .. })));
    let mut row = Row::new(Note::META);
    row.set("title", "six").unwrap();
    assert_eq!(db.rows(Note::META).insert_all(vec![row]).await.unwrap(), 1);
    assert_eq!(db.rows(Note::META).count().await.unwrap(), 4);
}

async fn the_values_of_a_column_are_tallied(db: TenantDb) {
    let rows = || db.rows(Note::META);
    let column = |name| Note::META.column(name).unwrap();
    assert_eq!(rows().tally(column("state")).await.unwrap(), []);
    three(&db).await;
    let (draft, done) = (Value::from("draft"), Value::from("done"));
    assert_eq!(rows().tally(column("state")).await.unwrap(), [(done.clone(), 1), (draft.clone(), 2)]);
    let bodies = rows().tally(column("body")).await.unwrap();
    assert_eq!((&bodies[0], bodies.len()), (&(Value::Null, 2), 2), "NULL is a value, and the first");
    let some = rows().filter(column("title").ne("one")).tally(column("state")).await.unwrap();
    assert_eq!(some, [(done.clone(), 1), (draft, 1)]);
    assert_eq!(rows().limit(1).tally(column("state")).await.unwrap(), [(done, 1)]);
    let ids = rows().tally(column("id")).await.unwrap();
    assert_eq!(ids, [1, 2, 3].map(|id: i64| (Value::from(id), 1)));
}

async fn text_from_outside_never_becomes_sql(db: TenantDb) {
    three(&db).await;
    let attack = "x'; DROP TABLE notes_note; --";
    for name in [attack, "title\" = 1 OR 1=1 --", "TITLE", "rowid", "", "*"] {
        let refused = Note::META.column(name).unwrap_err();
        assert_eq!(refused.model, "notes_note", "{name}");
        assert!(Row::new(Note::META).set(name, 1).is_err());
    }
    let stored = db.insert(Note { body: Some(attack.to_owned()), ..note("'; DELETE") }).await.unwrap();
    let found = db.query::<Note>().filter(Note::BODY.eq(attack)).one().await.unwrap();
    assert_eq!(found, stored);
    assert_eq!(db.query::<Note>().count().await.unwrap(), 4);
    let by_state = db.query::<Note>().filter(Note::STATE.eq("draft' OR '1'='1")).count().await.unwrap();
    assert_eq!(by_state, 0);
}
