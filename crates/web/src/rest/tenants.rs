//! `GET /api/tenants`: the list of tenants, in the words of the Django project that this one grew from.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use serde::Serialize;
use tenantry_core::{Placement, Status, TenantRecord};
use tenantry_db::directory::Directory;

use super::basic::{BadBasic, Credentials, credentials};
use super::form::{self, Form, NoForm};
use super::reply::{Detail, Reply};
use crate::auth::{Account, HashPolicy, Hasher, Password, PasswordHash, Throttle, Throttled, Verdict};
use crate::http::{ClientAddress, Failure, InstanceRoutes};

/// The title of the page, and the name in the answer to OPTIONS.
pub(super) const NAME: &str = "Tenant Map";
const PATH: &str = "/api/tenants";

/// Who may see the list of tenants: `TENANTS_API`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantsAccess {
    /// Operators, by Basic credentials.
    #[default]
    Operators,
    /// Anyone. The list names all customers of the instance.
    Public,
}

/// The routes of `/api/tenants`, for every allowed host, before any tenant is looked for.
#[derive(Clone, Debug)]
pub struct TenantsApi {
    directory: Directory,
    hasher: Hasher,
    throttle: Throttle,
    access: TenantsAccess,
}

/// A tenant as its first clients know it: the columns of the Django project's table.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    id: i64,
    name: String,
    schema_name: String,
    sub_domain: String,
    active: bool,
}

#[derive(Debug, Serialize)]
struct Metadata {
    name: &'static str,
    description: &'static str,
    renders: [&'static str; 2],
    parses: [&'static str; 3],
}

const METADATA: Metadata = Metadata {
    name: NAME,
    description: "",
    renders: ["application/json", "text/html"],
    parses: ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
};

/// Raised when a request may not see the list.
#[derive(Debug, thiserror::Error)]
enum Unauthorized {
    #[error("Authentication credentials were not provided.")]
    Missing,
    #[error("Invalid username/password.")]
    Wrong,
    #[error(transparent)]
    Malformed(#[from] BadBasic),
    #[error("Request was throttled. Expected available in {} seconds.", .0.wait.as_secs())]
    Throttled(#[from] Throttled),
}

impl TenantsApi {
    /// The API over the tenants of `directory`, whose operators' passwords `hasher` checks where `throttle` lets it.
    #[must_use]
    pub fn new(directory: Directory, hasher: &Hasher, throttle: Throttle, access: TenantsAccess) -> Self {
        Self { directory, hasher: hasher.of_operators(), throttle, access }
    }

    /// The routes.
    pub fn routes(self) -> InstanceRoutes {
        InstanceRoutes::new().route(PATH, any(answer).with_state(self))
    }

    /// Whether a request with these headers may see the list. Credentials that are there must be right, even where
    /// none are needed.
    async fn admit(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
    ) -> Result<Result<(), Unauthorized>, Failure> {
        let given = match credentials(headers) {
            Err(bad) => return Ok(Err(bad.into())),
            Ok(None) if self.access == TenantsAccess::Public => return Ok(Ok(())),
            Ok(None) => return Ok(Err(Unauthorized::Missing)),
            Ok(Some(given)) => given,
        };
        let attempt = match self.throttle.attempt(&Account::of_operator(&given.name), client) {
            Ok(attempt) => attempt,
            Err(throttled) => return Ok(Err(throttled.into())),
        };
        let known = self.is_operator(given).await;
        // What could not be checked has not failed.
        if !matches!(known, Ok(false)) {
            attempt.give_back();
        }
        Ok(known?.then_some(()).ok_or(Unauthorized::Wrong))
    }

    async fn is_operator(&self, given: Credentials) -> Result<bool, Failure> {
        let operator = self.directory.operator(&given.name).await?;
        let stored = operator.map(|operator| PasswordHash::from(operator.password));
        let password = Password::from(given.password.to_string());
        let verdict = self.hasher.verify(&password, stored.as_ref(), HashPolicy::Own).await?;
        Ok(matches!(verdict, Verdict::Right { .. }))
    }
}

async fn answer(State(api): State<TenantsApi>, request: Request) -> Result<Response, Failure> {
    // What is told of a page to HEAD is told of the page that GET gets, which names its method.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let headers = request.headers();
    let form = match form::of(request.uri().query(), headers) {
        Ok(form) => form,
        Err(none) => return Ok(no_form(none, method)),
    };
    let client = request.extensions().get::<ClientAddress>().map(|client| client.0);
    if let Err(refused) = api.admit(headers, client).await? {
        return Ok(not_admitted(&refused, form, method));
    }
    let response = match *method {
        Method::GET => {
            let data = rows(&api.directory.records());
            Reply { status: StatusCode::OK, data }.response(form, method, PATH)
        }
        Method::OPTIONS => Reply { status: StatusCode::OK, data: METADATA }.response(form, method, PATH),
        _ => {
            let detail = format!("Method \"{method}\" not allowed.");
            refuse(StatusCode::METHOD_NOT_ALLOWED, &detail, form, method)
        }
    };
    Ok(response)
}

fn not_admitted(refused: &Unauthorized, form: Form, method: &Method) -> Response {
    let detail = refused.to_string();
    let Unauthorized::Throttled(throttled) = refused else {
        return refuse(StatusCode::UNAUTHORIZED, &detail, form, method);
    };
    let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, &detail, form, method);
    response.headers_mut().insert(RETRY_AFTER, throttled.wait.as_secs().into());
    response
}

fn no_form(none: NoForm, method: &Method) -> Response {
    let (status, detail) = match none {
        NoForm::UnknownFormat => (StatusCode::NOT_FOUND, "Not found."),
        NoForm::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header."),
    };
    refuse(status, detail, Form::Json { indent: None }, method)
}

fn refuse(status: StatusCode, detail: &str, form: Form, method: &Method) -> Response {
    Reply { status, data: Detail { detail } }.response(form, method, PATH)
}

/// The rows for all tenants that are there: not those half made, and not those deleted.
fn rows(records: &[impl AsRef<TenantRecord>]) -> Vec<Row> {
    let records = records.iter().map(AsRef::as_ref);
    let there = records
        .filter(|record| matches!(record.status, Status::Active | Status::Suspended | Status::Maintenance));
    there.map(row).collect()
}

fn row(record: &TenantRecord) -> Row {
    Row {
        id: record.id.get(),
        name: record.name.clone(),
        schema_name: match &record.placement {
            Placement::Adopted { schema, .. } => schema.to_string(),
            Placement::Made { .. } | Placement::Claimed { .. } => record.slug.as_str().replace('-', "_"),
        },
        sub_domain: record.domains.first().map(ToString::to_string).unwrap_or_default(),
        active: record.status == Status::Active,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tenantry_core::{Alias, TenantId};

    use super::*;

    #[test]
    fn a_tenant_is_listed_in_the_words_of_its_first_clients() {
        let records: Vec<Arc<TenantRecord>> = Status::ALL
            .into_iter()
            .zip(1..)
            .map(|(status, number)| {
                Arc::new(TenantRecord {
                    id: TenantId::new(number),
                    slug: format!("acme-{number}").parse().unwrap(),
                    name: format!("Acme {number}"),
                    status,
                    domains: vec![
                        format!("acme{number}.example").parse().unwrap(),
                        "www.example".parse().unwrap(),
                    ],
                    placement: Placement::Claimed { database: Alias::default_alias() },
                })
            })
            .collect();
        assert_eq!(
            serde_json::to_string(&rows(&records)).unwrap(),
            concat!(
                r#"[{"id":2,"name":"Acme 2","schema_name":"acme_2","sub_domain":"acme2.example","active":true},"#,
                r#"{"id":3,"name":"Acme 3","schema_name":"acme_3","sub_domain":"acme3.example","active":false},"#,
                r#"{"id":4,"name":"Acme 4","schema_name":"acme_4","sub_domain":"acme4.example","active":false}]"#
            )
        );
    }
}
