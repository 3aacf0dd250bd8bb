//! The PostgreSQL servers of an instance, each by the two roles that work on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::{Alias, RowKey, TenantId};
use tokio::task::JoinSet;

use super::Protection;
use crate::migrate::{Finding, SharedRoles, chain};
use crate::model::QueryError;
use crate::places::{Places, PostgresServer};
use crate::postgres::{Door, PostgresError, Scope, Server, ServerConfig, TlsError, quoted};
use crate::tenant_db::Store;

/// How long a statement on a PostgreSQL server waits for another transaction: whoever wants the same table after it
/// waits for it too.
const LONGEST_LOCK: Duration = Duration::from_secs(5);

/// A PostgreSQL server, by what its two roles may do.
pub(crate) struct Roles {
    pub(super) serving: Server,
    pub(crate) owning: Server,
    /// The name of the role that serves, where it does not own the tables itself.
    grantee: Option<String>,
    /// Of the tables that tenants share there.
    pub(crate) protection: Arc<Protection>,
}

/// Who works on shared tables as a whole: no tenant has its id.
const SHARED_TABLES: TenantId = TenantId::new(-2);

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
    /// The tables that tenants share there do not keep them apart.
    #[error("{variable}: {finding}; its tenants with isolation row are not served until then")]
    Unprotected {
        /// The variable that names the server.
        variable: String,
        /// What was found.
        finding: Finding,
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
        let [serving_role, owning_role] = [&server.serving, server.owner.as_ref().unwrap_or(&server.serving)]
            .map(|url| url.user().to_owned());
        let roles = SharedRoles { serving: serving_role, owning: owning_role };
        Ok(Self { serving, owning, grantee, protection: Arc::new(Protection::new(roles)) })
    }

    /// Whether the tables have an owner of their own, without whom nothing keeps the role that serves from any of them.
    pub(crate) fn own_owner(&self) -> bool {
        self.grantee.is_some()
    }

    /// The shared tables as a whole, for who makes and migrates them: the template's rows are what is seen of them.
    pub(crate) fn shared_store(&self) -> Store {
        shared_store(&self.owning)
    }

    /// A database of its own on the server, for who makes and migrates what is in it.
    pub(crate) fn database_store(&self, id: TenantId, name: &str) -> Store {
        let scope = Scope::Database(name.into());
        Store::Postgres(Arc::new(Door::new(self.owning.clone(), id, scope, Arc::default())))
    }

    /// Lets the role that serves work on the tables of a schema that are made from now on.
    pub(crate) fn grants(&self, schema: &str) -> String {
        let Some(role) = self.grantee.as_deref().map(quoted) else { return String::new() };
        let later = format!(r#"ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT"#);
        format!(
            r#"GRANT USAGE ON SCHEMA "{schema}" TO {role};
            {later} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
            {later} USAGE, SELECT ON SEQUENCES TO {role}"#
        )
    }

    /// The same, on those that are there already too.
    pub(crate) fn grants_on_all(&self, schema: &str) -> String {
        let Some(role) = self.grantee.as_deref().map(quoted) else { return String::new() };
        format!(
            r#"{};
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO {role};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "{schema}" TO {role}"#,
            self.grants(schema)
        )
    }

    /// Lets the role that serves connect to a database.
    pub(crate) fn may_connect(&self, database: &str) -> String {
        let role = self.grantee.as_deref().map(quoted);
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

fn shared_store(server: &Server) -> Store {
    let scope = Scope::Rows(RowKey::TEMPLATE);
    Store::Postgres(Arc::new(Door::new(server.clone(), SHARED_TABLES, scope, Arc::default())))
}

/// What is wrong with servers, by alias, the serving role first.
pub(super) async fn check(servers: &BTreeMap<Alias, Roles>, patience: Duration) -> Vec<ServerTrouble> {
    let mut checks = JoinSet::new();
    for (alias, Roles { serving, owning, grantee, protection }) in servers {
        let variable = format!("DB_{}", alias.as_str().to_uppercase());
        if grantee.is_some() {
            let (variable, owning) = (format!("{variable}_OWNER"), owning.clone());
            checks.spawn(async move { (variable.clone(), check_role(variable, &owning, patience).await) });
        }
        let (serving, protection) = (serving.clone(), Arc::clone(protection));
        checks.spawn(async move {
            let mut troubles = check_role(variable.clone(), &serving, patience).await;
            if troubles.is_empty() {
                troubles = check_shared(&variable, &serving, &protection).await;
            }
            (variable, troubles)
        });
    }
    let troubles: BTreeMap<_, _> = checks.join_all().await.into_iter().collect();
    troubles.into_values().flatten().collect()
}

async fn check_role(variable: String, server: &Server, patience: Duration) -> Vec<ServerTrouble> {
    let trouble = match server.check(patience).await {
        Ok(()) => return Vec::new(),
        Err(PostgresError::UnsafeRole(role)) => ServerTrouble::Unsafe { variable, role },
        Err(error) => ServerTrouble::Unreachable { variable, why: chain(&error) },
    };
    vec![trouble]
}

async fn check_shared(variable: &str, serving: &Server, protection: &Protection) -> Vec<ServerTrouble> {
    let variable = || variable.to_owned();
    match protection.look(&shared_store(serving)).await {
        Ok(found) => {
            let trouble = |finding| ServerTrouble::Unprotected { variable: variable(), finding };
            found.into_iter().map(trouble).collect()
        }
        Err(QueryError::Unreachable(error)) => {
            vec![ServerTrouble::Unreachable { variable: variable(), why: chain(error.as_ref()) }]
        }
        Err(error) => vec![ServerTrouble::Unreachable { variable: variable(), why: chain(&error) }],
    }
}
