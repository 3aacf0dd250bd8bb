//! A database for each host, for comparison: one connection to each, on which several requests may be under way.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tenantry::web::http::Failure;

use crate::server::Server;

/// By host.
type Databases = HashMap<String, Server>;

/// The handler over the databases in `list`, each a host, a space and a URL on a line of its own.
pub(crate) async fn routes(list: &str) -> Result<Router, Box<dyn Error>> {
    let mut databases = Databases::new();
    for line in list.lines() {
        let (host, url) = line.split_once(' ').ok_or("a line names no host and no URL")?;
        databases.insert(host.to_owned(), Server::open(url, 1).await?);
    }
    Ok(Router::new().route("/notes", get(list_notes)).with_state(Arc::new(databases)))
}

/// `GET /notes`: the 20 newest in the host's database.
async fn list_notes(State(databases): State<Arc<Databases>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let Some(server) = databases.get(host) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match server.newest().await {
        Ok(notes) => Json(notes).into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}
