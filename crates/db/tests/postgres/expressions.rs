//! What an expression of one tenant's application does to the session is gone before another tenant is served there.

use tenantry_core::Isolation;
use tenantry_db::TenantDb;
use tenantry_db::migrate::{Migration, Sql};
use tenantry_db::model::sea_query::Expr;
use tenantry_db::model::{Model, QueryError};

use crate::common::*;
use crate::server::{on_each, on_server};

/// What the session says to whoever reads, of which nobody needs SQL of their own.
#[derive(Model, Clone, Debug)]
#[model(app = "notes", crate = "tenantry_db")]
struct Heard {
    #[field(primary_key)]
    id: i64,
    said: Option<String>,
    patience: String,
}

const VIEW: Sql = Sql {
    sqlite: "SELECT 1",
    postgres: "CREATE VIEW notes_heard AS SELECT 1::bigint AS id, \
               NULLIF(current_setting('notes.said', true), '') AS said, \
               current_setting('statement_timeout') AS patience",
};

/// Everything that a query can be asked for, each with the expression in it.
async fn say(db: &TenantDb) {
    let said = || {
        Expr::cust(
            "set_config('notes.said', 'by acme', false) <> set_config('statement_timeout', '59s', false)",
        )
    };
    let query = || db.query::<Note>().filter_expr(said());
    assert_eq!(query().all().await.unwrap().len(), 1);
    assert_eq!(query().count().await.unwrap(), 1);
    assert!(query().exists().await.unwrap());
    assert_eq!(query().update([Note::TITLE.set("changed")]).await.unwrap(), 1);
    let inside = db.transaction(async |tx| tx.query::<Note>().filter_expr(said()).count().await);
    assert_eq!(inside.await.unwrap(), 1);
    let undone = db.transaction(async |tx| {
        tx.query::<Note>().filter_expr(said()).delete().await?;
        Err::<(), _>(QueryError::ReadOnly)
    });
    assert!(undone.await.is_err());
}

async fn hears_nothing(db: &TenantDb) {
    let heard = db.query::<Heard>().one().await.unwrap();
    assert_eq!(heard.said, None);
    assert_ne!(heard.patience, "59s");
}

#[tokio::test]
async fn another_tenant_hears_nothing_of_it_on_any_connection() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.try_open(notes([Migration::new("notes", "0002_view").run_sql(VIEW)])).unwrap();
        for name in ["acme", "globex"] {
            instance.create_tenant(on_server(name, Isolation::Schema)).await.unwrap();
        }
        let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));
        write(&acme, "one").await.unwrap();
        for _ in 0..3 {
            // On one connection that is lent, or on all of them.
            let (a, b, c) = (acme.clone(), acme.clone(), acme.clone());
            say(&acme).await;
            tokio::join!(say(&a), say(&b), say(&c));
            // In a short read, beside others, and in transactions on every connection that is lent.
            hears_nothing(&globex).await;
            let inside = async || {
                let looked = globex.transaction(async |tx| {
                    hears_nothing(&tx).await;
                    Ok::<_, QueryError>(())
                });
                looked.await.unwrap();
            };
            tokio::join!(inside(), inside(), inside());
        }
    })
    .await;
}
