//! The PostgreSQL servers of an instance, each by the two roles that work on it.

use std::collections::BTreeMap;
use std::time::Duration;

use tenantry_core::Alias;
use tokio::task::JoinSet;

use crate::migrate::chain;
use crate::places::{Places, PostgresServer};
use crate::postgres::{PostgresError, Server, ServerConfig, TlsError, identifier};

/// How long a statement on a PostgreSQL server waits for another transaction: whoever wants the same table after it
/// waits for it too.
const LONGEST_LOCK: Duration = Duration::from_secs(5);

/// A PostgreSQL server, by what its two roles may do.
pub(crate) struct Roles {
    pub(super) serving: Server,
    pub(crate) owning: Server,
    /// The name of the role that serves, where it does not own the tables itself.
    grantee: Option<String>,
}

/// Why a PostgreSQL server can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerTrouble {
    /// Its role may pass over what keeps tenants apart. No tenant is ever served with such a one.
    #[error(
        "{variable}: the role {role} is a superuser or bypasses row-level security, or may become one that does, so \
         nothing keeps tenants apart; name another, made with CREATE ROLE name LOGIN PASSWORD '...'"
    )]
    Unsafe {
        /// The variable that names the role.
        variable: String,
        /// The role.
        role: String,
    },
    /// It can't be reached, or does not let us in.
    #[error("{variable}: {why}; its tenants are not served until it can be reached")]
    Unreachable {
        /// The variable that names the role.
        variable: String,
        /// Why.
        why: String,
    },
}

impl Roles {
    fn of(server: &PostgresServer, config: ServerConfig) -> Result<Self, TlsError> {
        let serving = Server::new(server.serving.clone(), config)?;
        let owning = match &server.owner {
            Some(owner) => Server::new(owner.clone(), config)?,
            None => serving.clone(),
        };
        let grantee = server.owner.is_some().then(|| server.serving.user().to_owned());
        Ok(Self { serving, owning, grantee })
    }

    /// Lets the role that serves work on the tables of a schema that are made from now on.
    pub(crate) fn grants(&self, schema: &str) -> String {
        let Some(role) = self.grantee.as_deref().map(identifier) else { return String::new() };
        let later = format!(r#"ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT"#);
        format!(
            r#"GRANT USAGE ON SCHEMA "{schema}" TO {role};
            {later} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
            {later} USAGE, SELECT ON SEQUENCES TO {role}"#
        )
    }

    /// The same, on those that are there already too.
    pub(crate) fn grants_on_all(&self, schema: &str) -> String {
        let Some(role) = self.grantee.as_deref().map(identifier) else { return String::new() };
        format!(
            r#"{};
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO {role};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "{schema}" TO {role}"#,
            self.grants(schema)
        )
    }

    /// Lets the role that serves connect to a database.
    pub(crate) fn may_connect(&self, database: &str) -> String {
        let role = self.grantee.as_deref().map(identifier);
        role.map_or_else(String::new, |role| format!(r#"GRANT CONNECT ON DATABASE "{database}" TO {role}"#))
    }

    pub(super) async fn close(&self) {
        self.serving.close().await;
        self.owning.close().await;
    }
}

/// The PostgreSQL servers, none of which is connected to yet. One that can't be used is left out.
pub(super) fn connect(places: &mut Places, connections: usize, deadline: Duration) -> BTreeMap<Alias, Roles> {
    let config = ServerConfig { connections, deadline, lock: deadline.min(LONGEST_LOCK) };
    let (mut usable, mut unusable) = (BTreeMap::new(), Vec::new());
    for (alias, server) in places.postgres() {
        match Roles::of(server, config) {
            Ok(roles) => drop(usable.insert(alias.clone(), roles)),
            Err(error) => unusable.push((alias.clone(), error)),
        }
    }
    for (alias, error) in unusable {
        places.leave_out(alias, error.to_string());
    }
    usable
}

/// What is wrong with servers, by alias, the serving role first.
pub(super) async fn check(servers: &BTreeMap<Alias, Roles>, patience: Duration) -> Vec<ServerTrouble> {
    let mut checks = JoinSet::new();
    for (alias, Roles { serving, owning, grantee }) in servers {
        let variable = format!("DB_{}", alias.as_str().to_uppercase());
        let owner = grantee.is_some().then(|| (format!("{variable}_OWNER"), owning.clone()));
        for (variable, server) in [(variable, serving.clone())].into_iter().chain(owner) {
            checks.spawn(async move { (variable, server.check(patience).await) });
        }
    }
    let checked = checks.join_all().await;
    let troubles = checked.into_iter().filter_map(|(variable, outcome)| {
        let trouble = match outcome.err()? {
            PostgresError::UnsafeRole(role) => ServerTrouble::Unsafe { variable: variable.clone(), role },
            error => ServerTrouble::Unreachable { variable: variable.clone(), why: chain(&error) },
        };
        Some((variable, trouble))
    });
    troubles.collect::<BTreeMap<_, _>>().into_values().collect()
}
