//! The application: notes, and work that takes long enough for its client to go away.

use std::sync::Arc;

use axum::extract::{Extension, Path};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::migrate::{Column, Migration, Registry, Table};
use tenantry_db::model::{Auto, Model, QueryError, Row};
use tenantry_web::auth::people::User;
use tenantry_web::http::Failure;
use tokio::sync::Semaphore;

/// A note.
#[derive(Debug, Model, Serialize)]
#[model(app = "notes", ordering("-id"), crate = "tenantry_db")]
pub(crate) struct Note {
    #[field(primary_key)]
    pub(crate) id: Auto<i64>,
    #[field(max_length = 200)]
    pub(crate) title: String,
    pub(crate) body: String,
}

/// What a client sends to add one.
#[derive(Deserialize)]
struct NewNote {
    title: String,
    body: String,
}

pub(crate) fn registry() -> Registry {
    let table = Table::new("notes_note")
        .column(Column::id())
        .column(Column::varchar("title", 200))
        .column(Column::text("body"));
    let made = Migration::new("notes", "0001_initial").create_table(table);
    Registry { models: vec![Note::META], migrations: vec![made] }
}

/// Goes through the rows as often as there are rows, and that `power` times.
fn every(power: u32) -> String {
    let times: Vec<String> = (0..power).map(|number| format!("notes_note n{number}")).collect();
    format!("SELECT count(*) AS n FROM {}", times.join(", "))
}

/// The routes. What takes long says in the semaphore of its number that it has begun.
pub(crate) fn routes(begun: Arc<[Semaphore]>) -> Router {
    Router::new()
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(show))
        .route("/stamped", post(add_stamped))
        .route("/whole", get(whole))
        .route("/report/{power}/{number}", get(report))
        .route("/half/{power}/{number}", get(half))
        .layer(Extension(begun))
}

async fn list(db: TenantDb) -> Result<Json<Vec<Note>>, Failure> {
    Ok(Json(db.query::<Note>().limit(20).all().await?))
}

async fn show(db: TenantDb, Path(id): Path<i64>) -> Result<Json<Note>, Failure> {
    Ok(Json(db.query::<Note>().filter(Note::ID.eq(id)).one().await?))
}

async fn add(db: TenantDb, Json(new): Json<NewNote>) -> Result<(StatusCode, Json<Note>), Failure> {
    let note = Note { id: Auto::unset(), title: new.title, body: new.body };
    Ok((StatusCode::CREATED, Json(db.insert(note).await?)))
}

/// Adds a note that bears the name of the tenant which the request was found to be for.
async fn add_stamped(tenant: Tenant, db: TenantDb, title: String) -> Result<(StatusCode, String), Failure> {
    let note = db.insert(Note { id: Auto::unset(), title, body: tenant.name().to_owned() }).await?;
    Ok((StatusCode::CREATED, format!("{note:?}")))
}

/// What the directory says of the tenant, and what several operations find in its data, in one answer.
async fn whole(tenant: Tenant, db: TenantDb) -> Result<String, Failure> {
    let oldest = db.query::<Note>().order_by(Note::ID.asc()).first().await?;
    let user = db.query::<User>().first().await?;
    let newest = db.query::<Note>().first().await?;
    Ok(format!("{}\n{oldest:?}\n{user:?}\n{newest:?}", tenant.name()))
}

async fn report(
    db: TenantDb,
    Path((power, number)): Path<(u32, usize)>,
    Extension(begun): Extension<Arc<[Semaphore]>>,
) -> Result<String, Failure> {
    // The operation begins within the poll that says so: whoever hears it and goes away drops it half-way.
    begun[number].add_permits(1);
    let rows = db.raw(every(power), vec![]).await?;
    Ok(rows[0].get::<i64>("n")?.to_string())
}

/// A report in the middle of a transaction: whoever goes away then leaves nothing of it.
async fn half(
    db: TenantDb,
    Path((power, number)): Path<(u32, usize)>,
    Extension(begun): Extension<Arc<[Semaphore]>>,
) -> Result<String, Failure> {
    let done = db.transaction(async |tx| {
        tx.insert(Note { id: Auto::unset(), title: "half".to_owned(), body: String::new() }).await?;
        begun[number].add_permits(1);
        tx.raw(every(power), vec![]).await
    });
    let rows: Result<Vec<Row>, QueryError> = done.await;
    Ok(rows?[0].get::<i64>("n")?.to_string())
}
