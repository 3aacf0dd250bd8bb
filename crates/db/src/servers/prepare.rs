//! An administrator prepares a server: what it lacks is found, told, and made. What is there already stays.

use std::time::Duration;

use tenantry_core::Alias;

use super::wants::{ENCODING, OLDEST, Place, Want, encoding, is_database, is_role, unsafe_role, wants};
use super::{Pair, PairError};
use crate::migrate::chain;
use crate::places::PostgresServer;
use crate::postgres::{PostgresError, PostgresUrl, Session, SignInError, quoted, verifier};

/// How long a server has to let someone in.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server lacks, and the administrator's connection to it.
pub struct Preparation {
    administrator: PostgresUrl,
    session: Session,
    database: String,
    version: String,
    there: Vec<String>,
    steps: Vec<Step>,
}

/// A statement that is to be run.
struct Step {
    /// With nothing that is secret.
    shown: String,
    sql: String,
    place: Place,
}

/// Raised when a server can't be prepared. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The settings name no two roles.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The administrator can't sign in.
    #[error("{administrator}: {reason}")]
    Administrator {
        /// The administrator's URL, without its password.
        administrator: String,
        /// Why.
        reason: String,
    },
    /// The server is too old.
    #[error("the server is PostgreSQL {0}, and {OLDEST} is the oldest that works")]
    TooOld(String),
    /// A role that is there is one that nothing keeps apart. It may be a person's, so that it is left as it is.
    #[error(
        "the role {role} is there, and is a superuser or bypasses row-level security{}: name another",
        if .role == .through { String::new() } else { format!(", as a member of {through}") }
    )]
    Unsafe {
        /// The role.
        role: String,
        /// The one of its memberships that makes it so, or itself.
        through: String,
    },
    /// The database is there, in an encoding that does not hold every text.
    #[error("the database {database} is there, and is encoded in {found}, not in {ENCODING}: name another")]
    Encoding {
        /// The database.
        database: String,
        /// How it is encoded.
        found: String,
    },
    /// The server did not answer a question.
    #[error("the server did not answer: {0}")]
    Asking(String),
}

/// Raised when a step fails. Those before it are done, and are found to be there when the server is prepared again.
#[derive(Debug, thiserror::Error)]
#[error("{statement} failed: {reason}")]
pub struct StepError {
    /// What was to be run.
    pub statement: String,
    /// Why it can't be.
    pub reason: String,
}

/// Finds out, as an administrator, what a server lacks. It changes nothing.
///
/// # Errors
/// Raised when the settings name no two roles, when the administrator can't sign in, and when what is there can't be used
/// as it is.
pub async fn survey(
    administrator: &PostgresUrl,
    alias: &Alias,
    server: &PostgresServer,
) -> Result<Preparation, PrepareError> {
    let pair = Pair::of(server)?;
    let session = sign_in(administrator).await?;
    let version = refuse_unusable(&session, pair).await?;
    let mut preparation = Preparation {
        administrator: administrator.clone(),
        session,
        database: pair.database.to_owned(),
        version,
        there: Vec::new(),
        steps: Vec::new(),
    };
    preparation.look(pair).await?;
    let variable = format!("DB_{}", alias.as_str().to_uppercase());
    preparation.look_at_password(&server.serving, &variable).await;
    if let Some(owner) = &server.owner {
        preparation.look_at_password(owner, &format!("{variable}_OWNER")).await;
    }
    Ok(preparation)
}

async fn sign_in(administrator: &PostgresUrl) -> Result<Session, PrepareError> {
    let signed_in = Session::open(administrator, PATIENCE).await;
    signed_in.map_err(|error| PrepareError::Administrator {
        administrator: administrator.to_string(),
        reason: chain(&error),
    })
}

/// The server's version, unless it is too old or has something that can't be used as it is.
async fn refuse_unusable(session: &Session, pair: Pair<'_>) -> Result<String, PrepareError> {
    let version = one(session, "SELECT current_setting('server_version')").await?.unwrap_or_default();
    let number = one(session, "SELECT current_setting('server_version_num')::int / 10000").await?;
    if number.and_then(|number| number.parse::<u32>().ok()).is_none_or(|number| number < OLDEST) {
        return Err(PrepareError::TooOld(version));
    }
    for role in [pair.serving, pair.owner] {
        if let Some(through) = one(session, &unsafe_role(role)).await? {
            return Err(PrepareError::Unsafe { role: role.to_owned(), through });
        }
    }
    match one(session, &encoding(pair.database)).await? {
        Some(found) if found != ENCODING => {
            Err(PrepareError::Encoding { database: pair.database.to_owned(), found })
        }
        _ => Ok(version),
    }
}

/// The one value that a query comes back with, if any.
async fn one(session: &Session, sql: &str) -> Result<Option<String>, PrepareError> {
    let rows = session.rows(sql).await.map_err(asking)?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}

/// The answers to questions, each yes or no.
async fn answers(session: &Session, questions: &[&str]) -> Result<Vec<bool>, PostgresError> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.rows(&format!("SELECT {}", questions.join(", "))).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(|answer| answer.as_deref() == Some("t")).collect())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn asking(error: PostgresError) -> PrepareError {
    PrepareError::Asking(chain(&error))
}

impl Preparation {
    /// The server and who prepares it, for people: its URL without the password, and its version.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{} (PostgreSQL {})", self.administrator, self.version)
    }

    /// What is there already: roles, the database, and which of the roles can sign in.
    #[must_use]
    pub fn there(&self) -> &[String] {
        &self.there
    }

    /// The statements that are to be run, in this order, for people: a password is not among it.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &str> {
        self.steps.iter().map(|step| step.shown.as_str())
    }

    async fn look(&mut self, pair: Pair<'_>) -> Result<(), PrepareError> {
        let things = [
            (is_role(pair.serving), format!("role {}", pair.serving)),
            (is_role(pair.owner), format!("role {}", pair.owner)),
            (is_database(pair.database), format!("database {}", pair.database)),
        ];
        let questions: Vec<&str> = things.iter().map(|(question, _)| question.as_str()).collect();
        let found = answers(&self.session, &questions).await.map_err(asking)?;
        let has_database = found.last().copied().unwrap_or(false);
        let there = things.into_iter().zip(found).filter(|(_, found)| *found);
        self.there.extend(there.map(|((_, thing), _)| thing));
        let inside = if has_database {
            Some(sign_in(&self.administrator.on_database(pair.database)).await?)
        } else {
            None
        };
        let (here, in_database): (Vec<Want>, Vec<Want>) =
            wants(pair).into_iter().partition(|want| want.place == Place::Server);
        let mut steps = lacking(&self.session, here).await.map_err(asking)?;
        match &inside {
            Some(inside) => steps.extend(lacking(inside, in_database).await.map_err(asking)?),
            None => {
                let lacks = |want: &Want| want.place == Place::Database { new_has: false };
                steps.extend(in_database.into_iter().filter(lacks));
            }
        }
        for want in steps {
            self.plan(want.statement.clone(), want.statement, want.place);
        }
        Ok(())
    }

    /// Whether a role has the password that the settings have for it is seen by signing in with it. Where that can't succeed it
    /// is not tried: PgBouncer would turn everybody away for some time after.
    async fn look_at_password(&mut self, url: &PostgresUrl, variable: &str) {
        let role = url.user();
        let is_there = |thing: String| self.there.contains(&thing);
        let may_succeed = is_there(format!("role {role}")) && is_there(format!("database {}", self.database));
        let proved =
            may_succeed && matches!(Session::open(url, PATIENCE).await, Ok(_) | Err(SignInError::NotAllowed));
        if proved {
            self.there.push(format!("sign-in of {role}"));
        } else if let Some(verifier) = verifier(url) {
            let role = quoted(role);
            let shown = format!("ALTER ROLE {role} PASSWORD to that of {variable}, as a SCRAM verifier");
            self.plan(shown, format!("ALTER ROLE {role} PASSWORD '{verifier}'"), Place::Server);
        }
    }

    fn plan(&mut self, shown: String, sql: String, place: Place) {
        // What is wanted for two reasons is done once.
        if !self.steps.iter().any(|step| step.sql == sql && step.place == place) {
            self.steps.push(Step { shown, sql, place });
        }
    }

    /// Runs what is to be run.
    ///
    /// # Errors
    /// Raised when a statement fails: those before it are done, and are found to be there the next time.
    pub async fn carry_out(self) -> Result<(), StepError> {
        let mut inside = None;
        for step in &self.steps {
            let failed = |reason| StepError { statement: step.shown.clone(), reason };
            let session = match (step.place, &mut inside) {
                (Place::Server, _) => &self.session,
                (Place::Database { .. }, Some(inside)) => inside,
                (Place::Database { .. }, none) => {
                    let there = self.administrator.on_database(&self.database);
                    let opened = Session::open(&there, PATIENCE).await;
                    none.insert(opened.map_err(|error| failed(chain(&error)))?)
                }
            };
            session.execute(&step.sql).await.map_err(|error| failed(chain(&error)))?;
        }
        Ok(())
    }
}

pub(super) async fn lacking(session: &Session, wants: Vec<Want>) -> Result<Vec<Want>, PostgresError> {
    let questions: Vec<&str> = wants.iter().map(|want| want.question.as_str()).collect();
    let answers = answers(session, &questions).await?;
    Ok(wants.into_iter().zip(answers).filter_map(|(want, is_so)| (!is_so).then_some(want)).collect())
}
