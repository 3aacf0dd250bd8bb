//! `migrate`, `showmigrations` and `reconcile`: tenants' data is brought up to the program, half-done changes to an end.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use tenantry_core::{Alias, Slug, TenantId, TenantRecord};
use tenantry_db::Instance;
use tenantry_db::lifecycle::{MigrateError, Target};
use tenantry_db::migrate::{ApplyError, Plan, Progress, State, Summary};

use super::Context;
use super::instance::no_target;
use crate::cli::args::{MigrateArgs, Scope, ShowmigrationsArgs};
use crate::cli::{Failure, FleetFailure, FleetProgress, Output, counted};

/// How many tenants are migrated at a time when nothing is said: each waits for the disk more than for a core.
const JOBS: usize = 8;

/// One migration of one tenant, as `showmigrations` and `migrate --plan` print it.
#[derive(Serialize)]
struct Line {
    tenant: Slug,
    migration: String,
    state: &'static str,
}

/// What `migrate --json` prints. Who was not touched, since a canary failed, is among neither.
#[derive(Default, Serialize)]
struct Migrated {
    done: usize,
    failed: Vec<FleetFailure>,
    untouched: usize,
    tenants: Vec<Outcome>,
}

/// How it went for one tenant.
#[derive(Serialize)]
struct Outcome {
    tenant: Slug,
    outcome: &'static str,
    /// What was applied now.
    applied: Vec<String>,
    error: Option<String>,
}

impl Context {
    pub(super) async fn migrate(&mut self, args: MigrateArgs) -> Result<(), Failure> {
        let instance = if args.plan { self.open()? } else { self.open_to_migrate()? };
        let target = target(args.scope);
        if target == Target::Fleet {
            self.warn_of_unserved(&instance);
        }
        let tenants = instance.behind(&target).await.map_err(no_target)?;
        if args.plan {
            return self.show_plans(&instance, &tenants, args.json, true).await;
        }
        if tenants.is_empty() {
            self.tell_nothing_to_do(&instance, args.json);
            return Ok(());
        }
        let others = self.tell_others(&instance, &tenants);
        let progress = FleetProgress::process("migrate", tenants.len() + others);
        let jobs = args.jobs.unwrap_or_else(default_jobs);
        let all = tenants.len() + others;
        let mut outcomes = Vec::new();
        let summary = run(&instance, tenants, jobs, args.canary, |step| {
            match &step {
                Progress::Started { .. } => {}
                Progress::Done { tenant, .. } => progress.done(tenant, Ok(())),
                Progress::Failed { tenant, reason } => progress.done(tenant, Err(reason.to_string())),
            }
            outcomes.extend(Outcome::of(&step));
        })
        .await?;
        let _ = progress.end();
        instance.close().await;
        let of_failed =
            |(slug, error): (Slug, Arc<ApplyError>)| FleetFailure { slug, error: error.to_string() };
        let failed: Vec<_> = summary.failed.into_iter().map(of_failed).collect();
        for FleetFailure { slug, error } in &failed {
            if !outcomes.iter().any(|outcome| outcome.tenant == *slug) {
                outcomes.push(Outcome::failed(slug, error.clone()));
            }
        }
        let untouched = all.saturating_sub(summary.done + failed.len());
        self.conclude(args.json, &Migrated { done: summary.done, failed, untouched, tenants: outcomes })
    }

    /// Says so where tenants share their tables with others than those that are meant, and how many others.
    fn tell_others(&mut self, instance: &Instance, tenants: &[Arc<TenantRecord>]) -> usize {
        let with = tenants.iter().flat_map(|tenant| instance.migrated_with(tenant));
        let meant = |other: &TenantRecord| tenants.iter().any(|tenant| tenant.id == other.id);
        let others: BTreeSet<TenantId> = with.filter(|other| !meant(other)).map(|other| other.id).collect();
        if !others.is_empty() {
            let count = counted(others.len(), "other tenant");
            self.out
                .note(format_args!("{count} in the same tables: the tables are migrated for all of them"));
        }
        others.len()
    }

    fn conclude(&mut self, json: bool, migrated: &Migrated) -> Result<(), Failure> {
        let (done, count, untouched) = (migrated.done, migrated.failed.len(), migrated.untouched);
        self.out.data(json, migrated, |out| {
            let are = if done == 1 { "is" } else { "are" };
            out.line(format_args!("{} {are} up to date now", counted(done, "tenant")));
            if count > 0 {
                FleetFailure::print(&migrated.failed, out);
            }
        });
        if count == 0 {
            return Ok(());
        }
        if untouched > 0 {
            let message = format!("a canary failed; {} left as they were", counted(untouched, "tenant"));
            return Err(Failure::new(message)
                .hint("mend its fault, or a migration that nobody has yet, and run it again"));
        }
        let all = counted(count + done, "tenant");
        Err(Failure::new(format!("{count} of {all} could not be migrated"))
            .hint("run it again once their faults are mended: only what is missing is done"))
    }

    fn tell_nothing_to_do(&mut self, instance: &Instance, json: bool) {
        self.out.data(json, &Migrated::default(), |out| {
            out.line("every tenant is up to date");
            tell_unclaimed(out, &instance.unclaimed());
        });
    }

    pub(super) async fn showmigrations(&mut self, args: ShowmigrationsArgs) -> Result<(), Failure> {
        let instance = self.open()?;
        let tenants = match target(args.scope) {
            Target::Fleet => instance.directory().records(),
            one => instance.behind(&one).await.map_err(no_target)?,
        };
        self.show_plans(&instance, &tenants, args.json, false).await
    }

    async fn show_plans(
        &mut self,
        instance: &Instance,
        tenants: &[Arc<TenantRecord>],
        json: bool,
        only_pending: bool,
    ) -> Result<(), Failure> {
        let (mut lines, mut failed) = (Vec::new(), Vec::new());
        for tenant in tenants {
            match instance.plan(tenant).await {
                Ok(plan) => lines.extend(lines_of(&tenant.slug, &plan, only_pending)),
                Err(error) => {
                    failed.push(FleetFailure { slug: tenant.slug.clone(), error: error.to_string() });
                }
            }
        }
        instance.close().await;
        self.out.data(json, &lines, |out| {
            match (lines.is_empty(), failed.is_empty()) {
                (true, true) => return out.line("nothing to do"),
                (true, false) => return,
                (false, _) => {}
            }
            let rows = lines
                .iter()
                .map(|line| [line.tenant.to_string(), line.migration.clone(), line.state.to_owned()]);
            out.table(["TENANT", "MIGRATION", "STATE"], rows);
        });
        if failed.is_empty() {
            return Ok(());
        }
        if !json {
            FleetFailure::print(&failed, &mut self.out);
        }
        Err(Failure::new(format!("{} could not be read", counted(failed.len(), "tenant"))))
    }

    pub(super) async fn reconcile(&mut self, json: bool) -> Result<(), Failure> {
        let instance = self.open()?;
        let found = instance.reconcile().await?;
        self.out.data(json, &found, |out| {
            for slug in &found.undone {
                out.line(format_args!("{slug} was half made, and is gone"));
            }
            for slug in &found.purged {
                out.line(format_args!("{slug} was half purged, and is gone"));
            }
            if found.undone.is_empty() && found.purged.is_empty() && found.left.is_empty() {
                out.line("nothing was left half done");
            }
        });
        if found.left.is_empty() {
            return Ok(());
        }
        let left: Vec<String> = found.left.iter().map(|(slug, why)| format!("{slug}: {why}")).collect();
        Err(Failure::new(format!("could not be ended now: {}", left.join("; "))).hint("run it again"))
    }
}

/// Migrates the canaries, if any, and the others unless one of those fails.
async fn run(
    instance: &Instance,
    mut tenants: Vec<Arc<TenantRecord>>,
    jobs: NonZeroUsize,
    canaries: Option<NonZeroUsize>,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Summary, MigrateError> {
    let mut summary = Summary::default();
    if let Some(count) = canaries {
        (summary, tenants) = instance.migrate_canaries(tenants, count, &mut progress).await?;
        if !summary.failed.is_empty() {
            return Ok(summary);
        }
    }
    let others = instance.migrate(tenants, jobs, progress).await?;
    Ok(Summary { done: summary.done + others.done, failed: others.failed })
}

impl Outcome {
    fn of(step: &Progress<'_>) -> Option<Self> {
        match step {
            Progress::Started { .. } => None,
            Progress::Done { tenant, applied } => Some(Self {
                tenant: (*tenant).clone(),
                outcome: "done",
                applied: applied.migrations.iter().map(ToString::to_string).collect(),
                error: None,
            }),
            Progress::Failed { tenant, reason } => Some(Self::failed(tenant, reason.to_string())),
        }
    }

    fn failed(tenant: &Slug, error: String) -> Self {
        Self { tenant: tenant.clone(), outcome: "failed", applied: Vec::new(), error: Some(error) }
    }
}

fn target(scope: Scope) -> Target {
    match (scope.tenant, scope.database) {
        (Some(slug), _) => Target::Tenant(slug),
        (None, Some(alias)) => Target::Database(alias),
        (None, None) => Target::Fleet,
    }
}

fn default_jobs() -> NonZeroUsize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cores.max(JOBS)).unwrap_or(NonZeroUsize::MIN)
}

fn lines_of(tenant: &Slug, plan: &Plan, only_pending: bool) -> Vec<Line> {
    let state = |state: State| match state {
        State::Applied => "applied",
        State::Adopted => "adopted",
        State::ToApply => "to apply",
        State::ToAdopt => "to adopt",
    };
    let line = |planned: &tenantry_db::migrate::Planned| Line {
        tenant: tenant.clone(),
        migration: planned.migration.to_string(),
        state: state(planned.state),
    };
    let ahead = plan.ahead.iter().map(|migration| Line {
        tenant: tenant.clone(),
        migration: migration.to_string(),
        state: "applied by a newer program",
    });
    if only_pending {
        return plan.pending().map(line).collect();
    }
    plan.migrations.iter().map(line).chain(ahead).collect()
}

/// Databases that are configured and lead nowhere yet: whoever came from Django may wonder.
pub(super) fn tell_unclaimed(out: &mut Output, unclaimed: &[Alias]) {
    for alias in unclaimed {
        let name = alias.as_str();
        out.note(format_args!(
            "DB_{} is no tenant's yet: tenant create {} --domain HOST --database {name}",
            name.to_uppercase(),
            name.replace('_', "-"),
        ));
    }
}
