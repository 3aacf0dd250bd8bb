//! The application that is measured: a model, its migration, and the routes that the ceiling has too.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tenantry::prelude::*;

/// A note.
#[derive(Debug, Model, Serialize)]
#[model(app = "notes", ordering("-id"))]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 200)]
    title: String,
    body: String,
    #[field(default = now)]
    created: Timestamp,
}

/// What a client sends to add one.
#[derive(Deserialize)]
struct NewNote {
    title: String,
    #[serde(default)]
    body: String,
}

/// The application, to be run under the command's name.
pub(crate) fn app() -> App {
    App::new("notes")
        .model::<Note>(Admin::new())
        .migration(
            Migration::new("notes", "0001_initial").create_table(
                Table::new("notes_note")
                    .column(Column::id())
                    .column(Column::varchar("title", 200))
                    .column(Column::text("body"))
                    .column(Column::datetime("created")),
            ),
        )
        .routes(Router::new().route("/notes", get(list).post(add)).route("/notes/{id}", get(show)))
}

/// `GET /notes`: the 20 newest.
async fn list(db: TenantDb) -> Result<Json<Vec<Note>>, Failure> {
    Ok(Json(db.query::<Note>().limit(20).all().await?))
}

/// `POST /notes` adds one.
async fn add(db: TenantDb, Json(new): Json<NewNote>) -> Result<(StatusCode, Json<Note>), Failure> {
    Ok((StatusCode::CREATED, Json(db.insert(Note::new(new)).await?)))
}

/// `GET /notes/{id}`.
async fn show(db: TenantDb, Path(id): Path<i64>) -> Result<Json<Note>, Failure> {
    Ok(Json(db.query::<Note>().filter(Note::ID.eq(id)).one().await?))
}

impl Note {
    fn new(new: NewNote) -> Self {
        Self { id: Auto::unset(), title: new.title, body: new.body, created: Timestamp::now() }
    }
}
