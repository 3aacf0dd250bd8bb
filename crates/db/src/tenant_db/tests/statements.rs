//! Statements on shared tables name the tenant beside the policy, each kind of them.

use super::{Note, note};
use crate::model::{Dialect, Model, Selection, Statement, Value};
use crate::postgres::key;

const SHARED: Dialect<'static> = Dialect::Postgres { schema: "shared", tenant: None };

fn for_tenant() -> Dialect<'static> {
    Dialect::Postgres { schema: "shared", tenant: Some(key(5)) }
}

#[test]
fn each_kind_of_statement_names_the_tenant_whose_rows_are_meant() {
    let all = || Selection::all(Note::META);
    let one = || Selection::by_key(Note::META, Value::from(7)).unwrap();
    let title = Note::TITLE.set("two").target;
    let stored = Note { id: 7.into(), ..note("one") };
    let made = |dialect: Dialect<'_>| -> Vec<Statement> {
        [
            all().select(dialect),
            one().select(dialect),
            all().count(dialect),
            all().exists(dialect),
            all().update(dialect, [(title, Value::from("two"))]),
            one().update(dialect, [(title, Value::from("two"))]),
            Statement::update_model(dialect, &stored),
            all().delete(dialect),
            one().delete(dialect),
        ]
        .into_iter()
        .map(Result::unwrap)
        .collect()
    };
    for (own, any) in made(for_tenant()).into_iter().zip(made(SHARED)) {
        assert!(own.sql.contains(r#""tenant_id" = $"#), "{}", own.sql);
        assert_eq!(own.values.len(), any.values.len() + 1, "{}", own.sql);
        assert!(!any.sql.contains("tenant_id"), "{}", any.sql);
    }
    for insert in [Statement::insert, Statement::insert_silent] {
        let own = insert(for_tenant(), Note::META, note("one").values()).unwrap();
        assert!(own.sql.starts_with(r#"INSERT INTO "shared"."notes_note" ("tenant_id", "#), "{}", own.sql);
    }
}
