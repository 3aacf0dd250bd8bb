//! The steps of a tenant's life on a PostgreSQL server. Each can be done again.

use std::error::Error;

use tenantry_core::{Alias, Isolation, Placement, TenantId};

use super::shared::removed;
use crate::Instance;
use crate::migrate::{ApplyError, MigrationId, apply, chain};
use crate::places::UnknownPlace;
use crate::postgres::Scope;

/// Raised when a tenant's data can't be made or removed on a PostgreSQL server.
#[derive(Debug, thiserror::Error)]
pub enum OnServerError {
    /// The server is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// The database that is to be claimed is claimed already, through another alias.
    #[error(
        "DB_{} leads to the same database as DB_{}, which another tenant claims",
        .database.as_str().to_uppercase(),
        .other.as_str().to_uppercase()
    )]
    ClaimedElsewhere {
        /// The alias that was to be claimed.
        database: Alias,
        /// The alias that is claimed.
        other: Alias,
    },
    /// The server can't be reached, or refused.
    #[error("the server {server} can't make or remove the tenant's data: {}", chain(error.as_ref()))]
    Refused {
        /// The server.
        server: Alias,
        /// Why.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The tables that tenants share there are behind this program, and tenants are in them.
    #[error(
        "the tables that tenants share on the server {server} are behind this program (migration {missing} was not \
         applied): `migrate` brings them up to date for all of their tenants"
    )]
    Behind {
        /// The server.
        server: Alias,
        /// The first migration that is missing.
        missing: MigrationId,
    },
    /// The migrations can't be applied there.
    #[error("the server {server}: {error}")]
    Apply {
        /// The server.
        server: Alias,
        /// Why.
        #[source]
        error: ApplyError,
    },
}

impl Instance {
    /// Makes the place of a new tenant's data and applies the history to it.
    pub(super) async fn provision(
        &self,
        id: TenantId,
        server: &Alias,
        placement: &Placement,
    ) -> Result<(), OnServerError> {
        if let Placement::Made { isolation: Isolation::Row, name, .. } = placement {
            return self.enter(id, server, name).await;
        }
        let roles = self.roles(server)?;
        let run = async |sql: &str| {
            roles.owning.command(id, None, sql).await.map_err(|error| refused(server, error))
        };
        match self.0.places.scope(placement).map(|(_, scope)| scope) {
            Some(Scope::Schema(name)) => {
                run(&format!(r#"CREATE SCHEMA "{name}"; {}"#, roles.grants(name.as_str()))).await?;
            }
            Some(Scope::Database(name)) => return self.make_database(id, server, &name).await,
            Some(Scope::Claimed) => {
                self.refuse_claimed_elsewhere(id, placement).await?;
                run(&roles.grants_on_all("public")).await?;
            }
            Some(Scope::Adopted(schema)) => {
                self.refuse_claimed_elsewhere(id, placement).await?;
                run(&roles.grants_on_all(schema.as_str())).await?;
            }
            Some(Scope::Rows(_)) | None => {}
        }
        let store = self.owned_store(id, placement)?;
        let applied = apply(&store, None, &self.0.history).await;
        applied.map(drop).map_err(|error| OnServerError::Apply { server: server.clone(), error })
    }

    /// Refuses a database, or a schema of one, that another tenant claims through another alias.
    async fn refuse_claimed_elsewhere(
        &self,
        id: TenantId,
        placement: &Placement,
    ) -> Result<(), OnServerError> {
        let database = placement.alias();
        let key = random_number().map_err(|error| refused(database, error))?;
        for record in self.0.directory.records() {
            let other = match (placement, &record.placement) {
                (Placement::Claimed { .. }, Placement::Claimed { database }) => database,
                (Placement::Adopted { schema: ours, .. }, Placement::Adopted { database, schema })
                    if ours == schema =>
                {
                    database
                }
                _ => continue,
            };
            let Some(theirs) = self.owning_door(record.id, &record.placement) else { continue };
            let ours = self.owning_door(id, placement);
            let Some(ours) = ours.filter(|_| other != database) else { continue };
            match ours.is_same_database(&theirs, key).await {
                Ok(false) => {}
                Ok(true) => {
                    let (database, other) = (database.clone(), other.clone());
                    return Err(OnServerError::ClaimedElsewhere { database, other });
                }
                // What can't be reached is hardly what is being claimed; if that can't be, it will be said below.
                Err(error) => tracing::warn!(%error, %other, "whether it is the same database can't be told"),
            }
        }
        Ok(())
    }

    /// Removes a tenant's data from its server. What a tenant has claimed stays.
    pub(super) async fn remove_from_server(
        &self,
        id: TenantId,
        server: &Alias,
        placement: &Placement,
    ) -> Result<(), OnServerError> {
        let Placement::Made { isolation, name, .. } = placement else { return Ok(()) };
        let roles = self.roles(server)?;
        let ended = ended(name.as_str());
        let removed = match isolation {
            Isolation::Schema => vec![format!(r#"DROP SCHEMA IF EXISTS "{name}" CASCADE"#)],
            Isolation::Database => vec![left_by_all(name.as_str()), dropped(name.as_str())],
            Isolation::Row => vec![removed(name, roles)],
        };
        if *isolation == Isolation::Database {
            // Who does not know yet that the tenant is gone comes back otherwise, between leaving and the end.
            let closed = format!(r#"ALTER DATABASE "{name}" ALLOW_CONNECTIONS false"#);
            match roles.owning.command(id, None, &closed).await {
                Err(error) if !error.is_missing_database() => return Err(refused(server, error)),
                Ok(()) | Err(_) => {}
            }
        }
        for sql in std::iter::once(ended).chain(removed) {
            roles.owning.command(id, None, &sql).await.map_err(|error| refused(server, error))?;
        }
        Ok(())
    }
}

pub(super) fn refused(server: &Alias, error: impl Into<Box<dyn Error + Send + Sync>>) -> OnServerError {
    OnServerError::Refused { server: server.clone(), error: error.into() }
}

/// Ends what is under way about something of this name. The server goes on with what a process had asked for that was
/// killed: what it still makes would be left over.
pub(super) fn ended(name: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = current_user \
         AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%{name}%'"
    )
}

/// Ends every connection to a database that the owner may end.
pub(super) fn left_by_all(database: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
         WHERE datname = '{database}' AND pg_has_role(usesysid, 'USAGE')"
    )
}

/// Not WITH (FORCE), which is refused while the server vacuums there: that is nobody's whom the owner may end. Without it
/// the server ends that by itself, and waits some seconds for those who were told to leave.
pub(super) fn dropped(database: &str) -> String {
    format!(r#"DROP DATABASE IF EXISTS "{database}""#)
}

fn random_number() -> Result<i64, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(i64::from_ne_bytes(bytes))
}
