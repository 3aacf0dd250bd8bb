//! The application: a model, its migration, a page, three routes of JSON, and sample data for `demo`.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use tenantry::prelude::*;
use tenantry::web::http::{MountPath, STYLE_SHEET, favicon};

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

/// The page at `/`. Askama escapes what is a tenant's: a title can't become markup.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notes | {{ tenant }}</title>
<link rel="stylesheet" href="{{ STYLE_SHEET }}">
<main>
<header class="bar"><h1>{{ tenant }}</h1><a class="button second" href="{{ mount }}/admin/">Admin</a></header>
<section class="card">
<h2>The newest of {{ count }} notes</h2>
<ul class="rows">
{% for note in notes %}<li>{{ note.title }}<time class="quiet">{{ note.created.strftime("%F %H:%M UTC") }}</time></li>
{% else %}<li class="quiet">There is none yet.</li>
{% endfor %}</ul>
</section>
<p class="quiet">The same as JSON: <a href="{{ mount }}/notes">{{ mount }}/notes</a></p>
</main>
"#
)]
struct Home<'a> {
    tenant: &'a str,
    mount: &'a str,
    count: u64,
    notes: &'a [Note],
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
        .routes(
            Router::new()
                .route("/", get(home))
                .route("/favicon.ico", get(favicon))
                .route("/notes", get(list).post(add))
                .route("/notes/{id}", get(show)),
        )
        .sample_data(sample)
}

/// `GET /`: the 20 newest as a page, below whatever path leads to the tenant.
async fn home(
    tenant: Tenant,
    db: TenantDb,
    Extension(mount): Extension<MountPath>,
) -> Result<Html<String>, Failure> {
    let count = db.query::<Note>().count().await?;
    let notes = db.query::<Note>().limit(20).all().await?;
    let page = Home { tenant: tenant.name(), mount: mount.as_str(), count, notes: &notes };
    Ok(Html(page.render()?))
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

/// A thousand notes for a tenant that has none.
async fn sample(tenant: Tenant, db: TenantDb) -> Result<(), QueryError> {
    if db.query::<Note>().exists().await? {
        return Ok(());
    }
    let notes = (1..=1000).map(|number| {
        let title = format!("Note {number} of {}", tenant.name());
        Note::new(NewNote { title, body: "Nobody but this tenant's users reads it.".to_owned() })
    });
    db.insert_all(notes.collect()).await?;
    Ok(())
}

impl Note {
    fn new(new: NewNote) -> Self {
        Self { id: Auto::unset(), title: new.title, body: new.body, created: Timestamp::now() }
    }
}
