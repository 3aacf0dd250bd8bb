//! What is wrong with a server, seen by the two roles that work on it.

use std::time::Duration;

use super::prepare::lacking;
use super::wants::{ENCODING, OLDEST, Weight, encoding, unsafe_role, wants};
use super::{Pair, PairError};
use crate::migrate::chain;
use crate::places::PostgresServer;
use crate::postgres::{PostgresError, PostgresUrl, Session, SignInError, quoted};

/// Something that is wrong with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub what: String,
    /// The statement that mends it, for an administrator, where there is one.
    pub mend: Option<String>,
    /// Whether something does not work for it, or is not safe; otherwise not every instance needs it, or it could be safer.
    pub is_fault: bool,
}

impl Finding {
    fn fault(what: String, mend: Option<String>) -> Self {
        Self { what, mend, is_fault: true }
    }
}

/// Looks through a server as the two roles that work on it: whether each can sign in within `patience`, is safe and has what
/// it needs. It changes nothing.
pub async fn examine(server: &PostgresServer, patience: Duration) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut session = None;
    for url in [&server.serving].into_iter().chain(&server.owner) {
        match Session::open(url, patience).await {
            Ok(opened) => session = Some(opened),
            Err(error) => found.push(not_signed_in(url, &error)),
        }
    }
    let pair = Pair::of(server);
    found.extend(pair.as_ref().err().map(of_pair));
    if let Some(session) = session {
        let looked = tokio::time::timeout(patience, look(&session, server, pair.ok())).await;
        match looked.unwrap_or(Err(PostgresError::Timeout)) {
            Ok(more) => found.extend(more),
            Err(error) => {
                let what = format!("the server did not answer: {}", chain(&error));
                found.push(Finding::fault(what, None));
            }
        }
    }
    found
}

fn of_pair(error: &PairError) -> Finding {
    // One role that does both works, and can do what only the owner should.
    Finding { what: error.to_string(), mend: None, is_fault: *error != PairError::NoOwner }
}

fn not_signed_in(url: &PostgresUrl, error: &SignInError) -> Finding {
    let (role, database) = (quoted(url.user()), quoted(url.database()));
    let mend = match error {
        SignInError::NoDatabase => Some(format!("CREATE DATABASE {database}")),
        SignInError::NotAllowed => Some(format!("GRANT CONNECT ON DATABASE {database} TO {role}")),
        _ => None,
    };
    Finding::fault(format!("{url}: {}", chain(error)), mend)
}

async fn look(
    session: &Session,
    server: &PostgresServer,
    pair: Option<Pair<'_>>,
) -> Result<Vec<Finding>, PostgresError> {
    let mut found = Vec::new();
    let version = one(session, "SELECT current_setting('server_version_num')::int / 10000").await?;
    if let Some(old) = version.filter(|version| version.parse::<u32>().is_ok_and(|number| number < OLDEST)) {
        found.push(Finding::fault(
            format!("the server is PostgreSQL {old}, and {OLDEST} is the oldest that works"),
            None,
        ));
    }
    for url in [&server.serving].into_iter().chain(&server.owner) {
        let through = one(session, &unsafe_role(url.user())).await?;
        found.extend(through.map(|through| of_unsafe(url.user(), &through)));
    }
    let database = server.serving.database();
    if let Some(other) = one(session, &encoding(database)).await?.filter(|encoding| encoding != ENCODING) {
        found.push(Finding::fault(
            format!("the database {database} is encoded in {other}, not in {ENCODING}"),
            None,
        ));
    }
    let wants = pair.map(wants).unwrap_or_default();
    let asked = wants.into_iter().filter(|want| want.weight != Weight::Preparing).collect();
    let lacks = lacking(session, asked).await?.into_iter();
    found.extend(lacks.map(|want| Finding {
        what: want.lack,
        mend: Some(want.statement),
        is_fault: want.weight == Weight::Fault,
    }));
    Ok(found)
}

fn of_unsafe(role: &str, through: &str) -> Finding {
    let (named, other) = (quoted(role), quoted(through));
    if role == through {
        let what = format!(
            "the role {role} is a superuser or bypasses row-level security: nothing keeps tenants apart"
        );
        return Finding::fault(what, Some(format!("ALTER ROLE {named} NOSUPERUSER NOBYPASSRLS")));
    }
    let what = format!("the role {role} may become {through}, from which nothing keeps tenants apart");
    Finding::fault(what, Some(format!("REVOKE {other} FROM {named}")))
}

async fn one(session: &Session, sql: &str) -> Result<Option<String>, PostgresError> {
    Ok(session.rows(sql).await?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}
