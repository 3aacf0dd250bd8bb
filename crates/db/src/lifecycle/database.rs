//! A new tenant's database on a PostgreSQL server: a copy of a template to which every migration was applied once.
//!
//! A template is made under a name of its own, by one process at a time, and gets the name by which it is copied once it is
//! whole and nobody can connect to it any more. Both names say to which migrations and grants it belongs, so that a program
//! that brings others makes another.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tenantry_core::{Alias, TenantId};

use super::on_server::{OnServerError, dropped, ended, left_by_all, refused};
use super::template::TEMPLATE;
use crate::Instance;
use crate::instance::Roles;
use crate::migrate::apply;
use crate::places::{PostgresServer, UnknownPlace};
use crate::postgres::{PostgresError, PostgresUrl, Session};

/// How the name of each template begins. No tenant's database has such a one.
const PREFIX: &str = "tenantry_template";

/// How the name of a template ends that is not whole yet.
const UNFINISHED: &str = "_new";

/// How long another process that makes the same template is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// How long a server is waited for until it lets us in.
const PATIENCE: Duration = Duration::from_secs(5);

/// The templates of one program on one server.
struct Templates<'a> {
    /// The role that makes them.
    owner: &'a PostgresUrl,
    /// How the names of all begin that are made for this server, by any version of the program.
    family: String,
    /// That of the history at hand.
    name: String,
}

impl Instance {
    /// Makes a tenant's database, to which the history is applied.
    pub(super) async fn make_database(
        &self,
        id: TenantId,
        server: &Alias,
        name: &str,
    ) -> Result<(), OnServerError> {
        let (roles, templates) = (self.roles(server)?, self.templates(server)?);
        // Whoever makes a template keeps a connection for the lock, and PgBouncer may have no second one.
        if templates.owner.has_sessions() {
            self.copy_template(id, server, &templates, name).await?;
        } else {
            self.fill_database(id, server, name).await?;
        }
        let (closed, open) = (closed_to_all(name), roles.may_connect(name));
        let done = roles.owning.command(id, None, &format!("{closed}; {open}")).await;
        done.map_err(|error| refused(server, error))
    }

    /// Copies the template, which is made where it is not there.
    async fn copy_template(
        &self,
        id: TenantId,
        server: &Alias,
        templates: &Templates<'_>,
        name: &str,
    ) -> Result<(), OnServerError> {
        let roles = self.roles(server)?;
        let copy = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{}""#, templates.name);
        loop {
            match roles.owning.command(id, None, &copy).await {
                // Perhaps another version's process has just removed it.
                Err(missing) if missing.is_missing_database() => {
                    self.make_database_template(server, templates).await?;
                }
                copied => return copied.map_err(|error| refused(server, error)),
            }
        }
    }

    /// Makes the template, unless another process has.
    async fn make_database_template(
        &self,
        server: &Alias,
        templates: &Templates<'_>,
    ) -> Result<(), OnServerError> {
        let roles = self.roles(server)?;
        let _one_at_a_time = self.0.template.lock().await;
        let session = templates.session(server).await?;
        let (wait, key) = (LONGEST_WAIT.as_millis(), key(&templates.name));
        let alone = format!("SET lock_timeout = {wait}; SELECT pg_advisory_lock({key})");
        session.execute(&alone).await.map_err(|error| refused(server, error))?;
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{}'", templates.name);
        if !session.rows(&there).await.map_err(|error| refused(server, error))?.is_empty() {
            return Ok(());
        }
        let unfinished = format!("{}{UNFINISHED}", templates.name);
        // What one has left who was killed.
        remove_unfinished(roles, &unfinished).await.map_err(|error| refused(server, error))?;
        let made = self.finish_template(server, templates, &unfinished).await;
        if made.is_err()
            && let Err(error) = remove_unfinished(roles, &unfinished).await
        {
            tracing::warn!(%error, %server, "a half-made template is left over; reconcile removes it");
        }
        made
    }

    async fn finish_template(
        &self,
        server: &Alias,
        templates: &Templates<'_>,
        unfinished: &str,
    ) -> Result<(), OnServerError> {
        self.fill_database(TEMPLATE, server, unfinished).await?;
        // Both at once: who finds the name finds a database to which nobody connects, not even by mistake.
        let whole = format!(
            r#"ALTER DATABASE "{unfinished}" ALLOW_CONNECTIONS false; ALTER DATABASE "{unfinished}" RENAME TO "{}""#,
            templates.name
        );
        for sql in [left_by_all(unfinished), whole] {
            let done = self.roles(server)?.owning.command(TEMPLATE, None, &sql).await;
            done.map_err(|error| refused(server, error))?;
        }
        Ok(())
    }

    /// Makes a database to which nobody but the owner connects, and applies the history to it.
    async fn fill_database(&self, id: TenantId, server: &Alias, name: &str) -> Result<(), OnServerError> {
        let roles = self.roles(server)?;
        let run = async |database: Option<&str>, sql: &str| {
            roles.owning.command(id, database, sql).await.map_err(|error| refused(server, error))
        };
        run(None, &format!(r#"CREATE DATABASE "{name}" TEMPLATE template0 ENCODING 'UTF8'"#)).await?;
        run(None, &closed_to_all(name)).await?;
        run(Some(name), &roles.grants("public")).await?;
        let applied = apply(&roles.database_store(id, name), None, &self.0.history).await;
        applied.map(drop).map_err(|error| OnServerError::Apply { server: server.clone(), error })
    }

    /// Removes the templates that nobody is making and that are of no use to this program: unfinished ones, and those of
    /// other versions. A process of such a version that still runs makes its own anew when it needs it.
    pub(super) async fn sweep_database_templates(&self) {
        for server in self.0.places.postgres().keys() {
            if let Err(error) = self.sweep_templates_on(server).await {
                tracing::warn!(%error, %server, "old templates of databases are left for another reconcile");
            }
        }
    }

    async fn sweep_templates_on(&self, server: &Alias) -> Result<(), OnServerError> {
        let (roles, templates) = (self.roles(server)?, self.templates(server)?);
        if roles.owning.is_left_alone() || !templates.owner.has_sessions() {
            return Ok(());
        }
        let session = templates.session(server).await?;
        let others = format!(
            "SELECT datname FROM pg_database WHERE starts_with(datname::text, '{}_') AND datname <> '{}' \
             AND pg_get_userbyid(datdba) = current_user",
            templates.family, templates.name
        );
        let others = session.rows(&others).await.map_err(|error| refused(server, error))?;
        for other in others.into_iter().flatten().flatten() {
            let unfinished = other.strip_suffix(UNFINISHED);
            // Held until the connection ends: whoever makes it anew waits until it is gone.
            let alone = format!("SELECT pg_try_advisory_lock({})", key(unfinished.unwrap_or(&other)));
            let got = session.rows(&alone).await.map_err(|error| refused(server, error))?;
            if !got.iter().flatten().any(|got| got.as_deref() == Some("t")) {
                continue;
            }
            let removed = match unfinished {
                Some(_) => remove_unfinished(roles, &other).await,
                None => roles.owning.command(TEMPLATE, None, &dropped(&other)).await,
            };
            removed.map_err(|error| refused(server, error))?;
        }
        Ok(())
    }

    fn templates(&self, server: &Alias) -> Result<Templates<'_>, UnknownPlace> {
        let there = self.0.places.postgres().get(server);
        let there = there.ok_or_else(|| UnknownPlace::Alias(server.clone()))?;
        Ok(Templates::new(there, self.roles(server)?, self.0.history.version()))
    }
}

impl<'a> Templates<'a> {
    fn new(server: &'a PostgresServer, roles: &Roles, version: &str) -> Self {
        let owner = server.owner.as_ref().unwrap_or(&server.serving);
        // Locks are a database's own: whoever works in another has other templates.
        let family = format!("{PREFIX}_{}", digits(&[owner.database()]));
        let name = format!("{family}_{}", digits(&[version, &roles.grants("public")]));
        Self { owner, family, name }
    }

    /// A connection for the lock on a template, beside those on which it is made: a pool may have room for one alone.
    async fn session(&self, server: &Alias) -> Result<Session, OnServerError> {
        Session::open(self.owner, PATIENCE).await.map_err(|error| refused(server, error))
    }
}

async fn remove_unfinished(roles: &Roles, database: &str) -> Result<(), PostgresError> {
    for sql in [ended(database), left_by_all(database), dropped(database)] {
        roles.owning.command(TEMPLATE, None, &sql).await?;
    }
    Ok(())
}

fn closed_to_all(database: &str) -> String {
    format!(r#"REVOKE ALL ON DATABASE "{database}" FROM PUBLIC"#)
}

fn hash(texts: &[&str]) -> [u8; 8] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    first
}

fn digits(texts: &[&str]) -> String {
    HEXLOWER.encode(&hash(texts))
}

/// The key of a template's lock. The name itself would end whoever waits for it: see [`ended`].
fn key(name: &str) -> i64 {
    i64::from_be_bytes(hash(&[name]))
}
