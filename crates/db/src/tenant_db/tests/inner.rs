//! Rows that refer to others, asked for in one statement, and expressions that name tables themselves.

use super::{Note, note};
use crate::TenantDb;
use crate::model::sea_query::Expr;
use crate::model::{Dialect, QueryError};

super::on_every_database! {
    rows_that_refer_to_others_are_found_in_one_statement,
    what_refers_to_others_is_changed_and_deleted,
    an_expression_names_tables_as_the_application_does,
}

/// Each note but the first names another in its body. In shared tables somebody else has one named `four`.
async fn chain(db: &TenantDb) {
    let of = |title: &str, body: &str| Note { body: Some(body.to_owned()), ..note(title) };
    let notes = vec![note("one"), of("Two", "one"), of("three", "Two"), of("five", "four")];
    assert_eq!(db.insert_all(notes).await.unwrap(), 4);
}

async fn titles(db: &TenantDb, condition: crate::model::Condition<Note>) -> Vec<String> {
    let found = db.query::<Note>().filter(condition).order_by(Note::ID.asc()).all().await.unwrap();
    found.into_iter().map(|note| note.title).collect()
}

async fn rows_that_refer_to_others_are_found_in_one_statement(db: TenantDb) {
    chain(&db).await;
    let by_title = |title: &str| Note::BODY.in_rows(Note::TITLE, Note::TITLE.eq(title));
    assert_eq!(titles(&db, by_title("one")).await, ["Two"]);
    assert_eq!(titles(&db, by_title("four")).await, [""; 0], "it is another tenant's, or nobody's");
    assert_eq!(titles(&db, Note::BODY.in_rows(Note::TITLE, by_title("one"))).await, ["three"], "twice");
    let first = || by_title("one").or(Note::TITLE.eq("one")).and(Note::STATE.eq("draft"));
    assert_eq!(titles(&db, first()).await, ["one", "Two"]);
    assert_eq!(titles(&db, !first()).await, ["three", "five"]);
    let named = Note::TITLE.in_rows(Note::BODY, Note::ID.gt(0));
    assert_eq!(titles(&db, named.clone()).await, ["one", "Two"]);
    assert_eq!(titles(&db, !named.clone()).await, ["three", "five"], "one body is NULL, which is no title");
    assert_eq!(db.query::<Note>().filter(named.clone()).count().await.unwrap(), 2);
    assert!(db.query::<Note>().filter(named).exists().await.unwrap());
    assert!(!db.query::<Note>().filter(by_title("four")).exists().await.unwrap());

    let mut deep = Note::ID.gt(0);
    for _ in 0..200 {
        deep = Note::ID.in_rows(Note::ID, deep);
    }
    let refused = db.query::<Note>().filter(deep).count().await;
    assert!(matches!(refused, Err(QueryError::TooLarge)), "{refused:?}");
}

async fn what_refers_to_others_is_changed_and_deleted(db: TenantDb) {
    chain(&db).await;
    let by_title = |title: &str| Note::BODY.in_rows(Note::TITLE, Note::TITLE.eq(title));
    let done = db.query::<Note>().filter(by_title("one")).update([Note::STATE.set("done")]).await.unwrap();
    assert_eq!(done, 1);
    assert_eq!(titles(&db, Note::STATE.eq("done")).await, ["Two"]);
    assert_eq!(db.query::<Note>().filter(by_title("four")).delete().await.unwrap(), 0);
    assert_eq!(db.query::<Note>().filter(by_title("Two")).delete().await.unwrap(), 1);
    assert_eq!(titles(&db, Note::ID.gt(0)).await, ["one", "Two", "five"]);
}

async fn an_expression_names_tables_as_the_application_does(db: TenantDb) {
    chain(&db).await;
    let refers = || Expr::cust("body IN (SELECT inner_note.title FROM notes_note AS inner_note)");
    let query = || db.query::<Note>().filter(Note::ID.gt(0)).filter_expr(refers()).order_by(Note::ID.asc());
    let found = query().all().await.unwrap();
    let found: Vec<_> = found.iter().map(|note| note.title.as_str()).collect();
    assert_eq!(found, ["Two", "three"], "no tenant's but its own");
    assert_eq!(query().count().await.unwrap(), 2);
    assert!(query().exists().await.unwrap());
    let inside = db.transaction(async |tx| {
        let done = tx.query::<Note>().filter_expr(refers()).update([Note::STATE.set("done")]).await?;
        Ok::<_, QueryError>(done + tx.query::<Note>().filter_expr(refers()).count().await?)
    });
    assert_eq!(inside.await.unwrap(), 4);
    assert_eq!(db.query::<Note>().filter_expr(refers()).delete().await.unwrap(), 2);
    assert_eq!(titles(&db, Note::ID.gt(0)).await, ["one", "five"]);

    // What is asked for is not the moment to write.
    if let Dialect::Postgres { tenant: None, .. } = db.dialect() {
        let writes = Expr::cust("nextval('notes_note_id_seq') > 0");
        let refused = db.query::<Note>().filter_expr(writes.clone()).count().await;
        assert!(matches!(refused, Err(QueryError::ReadOnly)), "{refused:?}");
        assert_eq!(db.query::<Note>().filter_expr(writes).delete().await.unwrap(), 2);
    }
}
