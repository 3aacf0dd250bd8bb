//! The application: two models with their admin, their migration, a page, three routes of JSON, and sample data for `demo`.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use tenantry::prelude::*;
use tenantry::web::http::{MountPath, STYLE_SHEET, favicon};

/// What notes are about.
#[derive(Debug, Model)]
#[model(app = "notes", ordering("name"))]
struct Topic {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 80, unique)]
    name: String,
}

/// A note.
#[derive(Debug, Model, Serialize)]
#[model(app = "notes", ordering("-id"))]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 200)]
    title: String,
    #[field(default = "")]
    body: String,
    #[field(references(Topic), on_delete = set_null, index)]
    topic_id: Option<i64>,
    #[field(max_length = 10, default = "draft", choices("draft" = "Draft", "shared" = "Shared", "done" = "Done"))]
    state: String,
    #[field(default = false, help_text = "Stands before all others")]
    pinned: bool,
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
        .model::<Topic>(Admin::new())
        .model::<Note>(
            Admin::new()
                .columns((Note::TITLE, Note::TOPIC_ID, Note::STATE, Note::PINNED, Note::CREATED))
                .search((Note::TITLE, Note::BODY))
                .filters((Note::STATE, Note::TOPIC_ID, Note::PINNED, Note::CREATED))
                .fieldset("", (Note::TITLE, Note::BODY, Note::TOPIC_ID))
                .fieldset("Sharing", (Note::STATE, Note::PINNED, Note::CREATED))
                .read_only(Note::CREATED),
        )
        .migration(
            Migration::new("notes", "0001_initial").create_table(
                Table::new("notes_note")
                    .column(Column::id())
                    .column(Column::varchar("title", 200))
                    .column(Column::text("body"))
                    .column(Column::datetime("created")),
            ),
        )
        .migration(
            Migration::new("notes", "0002_topics")
                .create_table(
                    Table::new("notes_topic")
                        .column(Column::id())
                        .column(Column::varchar("name", 80).unique()),
                )
                .add_column(
                    "notes_note",
                    Column::big_int("topic_id")
                        .null()
                        .references("notes_topic", "id", OnDelete::SetNull)
                        .index(),
                )
                .add_column("notes_note", Column::varchar("state", 10).default("draft"))
                .add_column("notes_note", Column::bool("pinned").default(false))
                .additive(),
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

const TOPICS: [&str; 4] = ["Office", "Customers", "Ideas", "Travel"];

/// A thousand notes for a tenant that has none, of which each third is about something.
async fn sample(tenant: Tenant, db: TenantDb) -> Result<(), QueryError> {
    if db.query::<Note>().exists().await? {
        return Ok(());
    }
    let mut topics = Vec::new();
    for name in TOPICS {
        topics.push(db.insert(Topic { id: Auto::unset(), name: name.to_owned() }).await?.id.get());
    }
    let notes = (1..=1000_usize).map(|number| {
        let title = format!("Note {number} of {}", tenant.name());
        let note = Note::new(NewNote { title, body: "Nobody but this tenant's users reads it.".to_owned() });
        let state = ["draft", "shared", "done"][number * 7 % 3];
        let topic_id = if number % 3 == 0 { topics[number % TOPICS.len()] } else { None };
        Note { state: state.to_owned(), topic_id, pinned: number % 97 == 0, ..note }
    });
    db.insert_all(notes.collect()).await?;
    Ok(())
}

impl Note {
    fn new(new: NewNote) -> Self {
        Self {
            id: Auto::unset(),
            title: new.title,
            body: new.body,
            topic_id: None,
            state: "draft".to_owned(),
            pinned: false,
            created: Timestamp::now(),
        }
    }
}
