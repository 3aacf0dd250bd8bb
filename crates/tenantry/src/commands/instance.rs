//! Opens the instance that the configuration describes, and what commands ask of it before their own work.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenantry_core::{Isolation, Slug, Status, Tenant, TenantRecord};
use tenantry_db::lifecycle::{MigrateError, Target};
use tenantry_db::model::{QueryError, VersionError};
use tenantry_db::{Instance, InstanceConfig, Location, TenantDb};

use super::Context;
use crate::cli::args::Scope;
use crate::cli::{Failure, Prompt, counted};
use crate::config::Settings;

/// The longest that one operation on a tenant's data may run.
const DEADLINE: Duration = Duration::from_secs(30);

/// The longest that one statement of a migration may run: it may build an index over all that a tenant has.
const MIGRATION_DEADLINE: Duration = Duration::from_secs(6 * 60 * 60);

/// Descriptors that are neither a client's nor a tenant's file's: logs, the directory, the runtime's own, who reads metrics.
const RESERVED: usize = 40;

/// The fewest descriptors that the program works with: those, a few connections, and a tenant's file or two.
const LEAST: usize = 64;

/// The descriptors that an open tenant takes: its file, the log, the log's index and the lock, with one more connection.
const PER_TENANT: usize = 6;

/// The fewest descriptors for tenants' files: one file with all its connections.
const LEAST_FILES: usize = 10;

/// The most files that are open without being asked for: each takes some 140 kB of memory.
const MOST_OPEN: usize = 2_000;

/// How the process's descriptors are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// For connections.
    pub(super) connections: usize,
    /// For tenants' files.
    pub(super) files: usize,
}

impl Descriptors {
    /// Raises the process's limit of descriptors as far as the system lets it, and shares it out as the settings say.
    pub(super) fn of_process(settings: &Settings) -> Result<Self, Failure> {
        let open_tenants = settings.open_tenants.map(NonZero::get);
        let servers =
            settings.databases.values().filter(|place| matches!(place, Location::Postgres(_))).count();
        // Those of both roles.
        let on_servers = servers.saturating_mul(2 * settings.postgres_connections.get());
        Self::within(raised_limit(), on_servers, settings.max_connections.get(), open_tenants)
    }

    /// What connections to PostgreSQL servers may take is set aside. Files come next, as far as is useful; a third of what
    /// there is stays for connections in any case.
    fn within(
        limit: usize,
        on_servers: usize,
        connections: usize,
        open_tenants: Option<usize>,
    ) -> Result<Self, Failure> {
        let least = LEAST.saturating_add(on_servers);
        if limit < least {
            let message = format!("this process may open {limit} files, and it needs {least} at the least");
            return Err(Failure::new(message)
                .hint("raise the limit: `ulimit -n 1024` in a shell, LimitNOFILE=1024 in a systemd unit"));
        }
        let available = limit - RESERVED - on_servers;
        let wanted = open_tenants.unwrap_or(MOST_OPEN).saturating_mul(PER_TENANT).max(LEAST_FILES);
        let connections = connections.min((available / 3).max(available.saturating_sub(wanted)));
        Ok(Self { connections, files: wanted.min(available - connections) })
    }
}

impl Context {
    /// Opens the instance, which must be there. Nothing that was left half done is ended here: `serve` and `reconcile` do
    /// that.
    pub(super) fn open(&self) -> Result<Instance, Failure> {
        self.open_if_there()?.ok_or_else(|| {
            let hint = "`tenant create SLUG --domain HOST` makes it with its first tenant; --data FOLDER names another folder";
            Failure::new(self.no_instance()).hint(hint)
        })
    }

    /// Opens the instance if there is one, and makes nothing.
    pub(super) fn open_if_there(&self) -> Result<Option<Instance>, Failure> {
        let config = self.config(DEADLINE);
        let instance = config.is_there()?.then(|| Instance::open(config, self.app.registry()));
        Ok(instance.transpose()?)
    }

    /// What is said where there is no instance.
    pub(super) fn no_instance(&self) -> String {
        format!("there is no instance in {} yet", self.settings().data_dir.display())
    }

    /// Opens the instance, and makes what is missing of it.
    pub(super) fn open_or_make(&self) -> Result<Instance, Failure> {
        Ok(Instance::open(self.config(DEADLINE), self.app.registry())?)
    }

    /// Opens the instance to migrate what is in it.
    pub(super) fn open_to_migrate(&self) -> Result<Instance, Failure> {
        Ok(Instance::open(self.config(MIGRATION_DEADLINE), self.app.registry())?)
    }

    fn config(&self, deadline: Duration) -> InstanceConfig {
        let settings = self.settings();
        InstanceConfig {
            data: settings.data_dir.clone(),
            directory: settings.directory_url.as_ref().map(|file| file.path().clone()),
            databases: settings.databases.clone(),
            descriptors: self.descriptors.files,
            connections: settings.postgres_connections.get(),
            deadline,
            synchronous: settings.sqlite_synchronous,
            actor: self.actor(),
        }
    }

    /// Who is written into the audit: the person at this machine.
    fn actor(&self) -> String {
        match self.sources.variable("SUDO_USER").or_else(|| self.sources.variable("USER")) {
            Some(user) => format!("cli:{user}"),
            None => format!("cli:uid {}", rustix::process::getuid().as_raw()),
        }
    }

    /// Names the tenants that can't be served, and the databases that can't be used.
    pub(super) fn warn_of_unserved(&mut self, instance: &Instance) {
        for unusable in instance.unusable() {
            self.out.warn(unusable);
        }
        for sentence in unserved(instance) {
            self.out.warn(sentence);
        }
    }

    /// The tenant that a command is about: the one that is named, or the only one there is, or the one that is asked
    /// for.
    pub(super) fn tenant_of(
        &mut self,
        instance: &Instance,
        scope: &Scope,
        noinput: bool,
    ) -> Result<Arc<TenantRecord>, Failure> {
        let directory = instance.directory();
        if let Some(slug) = &scope.tenant {
            return tenant_called(instance, slug);
        }
        if let Some(alias) = &scope.database {
            return instance.claimant(alias).map_err(no_target);
        }
        let records = directory.records();
        match records.as_slice() {
            [] => {
                Err(Failure::new("there is no tenant yet").hint("tenant create SLUG --domain HOST makes one"))
            }
            [only] => Ok(Arc::clone(only)),
            _ => {
                let accept = |answer: &str| {
                    let slug: Slug = answer.parse().map_err(|error| format!("{error}"))?;
                    directory.record(&slug).ok_or_else(|| format!("there is no tenant {slug}"))
                };
                Ok(Prompt::process(noinput)
                    .ask("Tenant", None, accept)
                    .map_err(|error| Failure::from(error).hint("name the tenant with --tenant SLUG"))?)
            }
        }
    }
}

/// Why there are tenants that can't be served, a sentence for each.
pub(super) fn unserved(instance: &Instance) -> Vec<String> {
    let misplaced = instance.misplaced();
    let misplaced = misplaced.into_iter().map(|(slug, why)| format!("{slug} can't be served: {why}"));
    let unreadable = instance.directory().unreadable();
    let unreadable = unreadable.iter().map(|tenant| {
        format!("{tenant} can't be served: its entry in the directory can't be read: {}", tenant.why)
    });
    misplaced.chain(unreadable).collect()
}

/// A sentence about the tenants whose data is not known to be up to date, if there are any.
/// With `on_access`, only of those that are not migrated when they are asked for.
pub(super) async fn behind(instance: &Instance, on_access: bool) -> Result<Option<String>, Failure> {
    let mut behind = instance.behind(&Target::Fleet).await?;
    behind.retain(|tenant| !on_access || tenant.placement.isolation() == Isolation::Row);
    let behind = behind.len();
    let sentence = || {
        let (tenants, them) = (counted(behind, "tenant"), if behind == 1 { "it" } else { "them" });
        format!("{tenants} may be behind, and not served until `migrate` has brought {them} up to date")
    };
    Ok((behind > 0).then(sentence))
}

/// The tenant with this slug, in any status.
pub(super) fn tenant_called(instance: &Instance, slug: &Slug) -> Result<Arc<TenantRecord>, Failure> {
    let directory = instance.directory();
    directory.record(slug).ok_or_else(|| {
        let unreadable = directory.unreadable().into_iter().find(|tenant| tenant.slug.as_ref() == Some(slug));
        match unreadable {
            Some(tenant) => {
                Failure::new(format!("the entry of {slug} in the directory can't be read: {}", tenant.why))
            }
            None => no_tenant(slug),
        }
    })
}

/// The door to a tenant's data, for a command. The tenant must be active and its data of this program's version, for a
/// command as for a request.
pub(super) async fn door(instance: &Instance, record: &Arc<TenantRecord>) -> Result<TenantDb, Failure> {
    let slug = &record.slug;
    let tenant = Tenant::from_record(Arc::clone(record)).map_err(|error| {
        let refused = Failure::new(format!("{slug}: {error}"));
        match record.status {
            Status::Suspended | Status::Maintenance => refused.hint(format!("tenant activate {slug}")),
            Status::Deleted => refused.hint(format!("`tenant undelete {slug}` brings it back")),
            _ => refused,
        }
    })?;
    let db = instance.tenant_db(&tenant)?;
    match db.ready().await {
        Ok(()) => Ok(db),
        Err(QueryError::Version(error)) => {
            let refused = Failure::new(format!("{slug}: {error}"));
            Err(match error {
                VersionError::Behind { .. } => {
                    refused.hint(format!("`migrate --tenant {slug}` brings it up to date"))
                }
                VersionError::Ahead { .. } => refused.hint("use the newer program that migrated it"),
                _ => refused,
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Why there is nobody for a command to act on, with what helps.
pub(super) fn no_target(error: MigrateError) -> Failure {
    match &error {
        MigrateError::Unknown(slug) => no_tenant(slug),
        MigrateError::Place(_) => Failure::from(error)
            .hint("tenant list shows the tenants and their places; --tenant SLUG names one by its slug"),
        _ => error.into(),
    }
}

/// What is said where a slug leads to nothing.
pub(super) fn no_tenant(slug: &Slug) -> Failure {
    Failure::new(format!("there is no tenant {slug}")).hint("tenant list shows those there are")
}

fn raised_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // What there was must do.
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_never_promised_twice() {
        for (limit, on_servers) in
            [(LEAST, 0), (LEAST + 40, 40), (100, 0), (256, 80), (1_024, 80), (65_536, 400), (usize::MAX, 0)]
        {
            for connections in [1, 1_024, 100_000] {
                for open_tenants in [None, Some(1), Some(10_000_000)] {
                    let shared = Descriptors::within(limit, on_servers, connections, open_tenants).unwrap();
                    let all = shared.connections + shared.files + RESERVED + on_servers;
                    assert!(all <= limit, "{limit} {shared:?}");
                    assert!(shared.connections >= 1 && shared.files >= LEAST_FILES, "{limit} {shared:?}");
                }
            }
        }
    }

    #[test]
    fn a_small_limit_leaves_room_for_both() {
        let shared = Descriptors::within(256, 0, 1_024, None);
        assert_eq!(shared, Ok(Descriptors { connections: 72, files: 144 }));
    }

    #[test]
    fn a_limit_that_is_too_small_is_refused() {
        for (limit, on_servers) in [(0, 0), (LEAST - 1, 0), (LEAST + 39, 40)] {
            assert!(Descriptors::within(limit, on_servers, 1, Some(1)).is_err(), "{limit}");
        }
    }
}
