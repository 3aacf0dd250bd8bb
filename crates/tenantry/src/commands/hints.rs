//! What helps where a tenant can't be made or changed: who has what is taken, and what is left.

use tenantry_core::{Alias, HostName, Slug, Status};
use tenantry_db::Instance;
use tenantry_db::directory::ChangeError;
use tenantry_db::lifecycle::CreateError;

use crate::cli::Failure;

/// An error of a creation, with what may help.
pub(super) fn explain(instance: &Instance, error: CreateError) -> Failure {
    let hint = match &error {
        CreateError::SlugTaken(slug) => slug_holder(instance, slug),
        CreateError::DomainTaken(domain) => {
            domain_holder(instance, domain).or_else(|| Some("it is given twice".to_owned()))
        }
        CreateError::DatabaseTaken(alias) => database_holder(instance, alias),
        CreateError::Place(_) => Some(places_left(instance)),
        _ => None,
    };
    with_hint(error, hint)
}

/// A change that a tenant's status does not allow, with whose.
pub(super) fn not_allowed(slug: &Slug, error: ChangeError) -> Failure {
    match error {
        ChangeError::Transition(error) => Failure::new(format!("{slug}: {error}")),
        other => other.into(),
    }
}

pub(super) fn with_hint(error: impl std::error::Error, hint: Option<String>) -> Failure {
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Who has a slug, and how it becomes free.
pub(super) fn slug_holder(instance: &Instance, slug: &Slug) -> Option<String> {
    let record = instance.directory().record(slug)?;
    Some(match record.status {
        Status::Deleted => format!(
            "its tenant was deleted: `tenant undelete {slug}` brings it back, `tenant purge {slug}` frees the slug"
        ),
        _ => format!("take another one, or give its tenant another: tenant rename {slug} NEW_SLUG"),
    })
}

/// Which tenant a domain leads to, and how it becomes free.
pub(super) fn domain_holder(instance: &Instance, domain: &HostName) -> Option<String> {
    let records = instance.directory().records();
    let holder = records.iter().find(|record| record.domains.contains(domain))?;
    Some(format!("it leads to {0}; to free it: tenant domain remove {0} {domain}", holder.slug))
}

/// Which tenant claims a database.
fn database_holder(instance: &Instance, alias: &Alias) -> Option<String> {
    let records = instance.directory().records();
    let holder = records.iter().find(|record| record.placement.alias() == alias)?;
    Some(format!(
        "it is all {}'s: give the new tenant another, or none and it gets a file of its own",
        holder.slug
    ))
}

/// Where a new tenant's data could be.
fn places_left(instance: &Instance) -> String {
    let unclaimed = instance.unclaimed();
    let known: Vec<String> =
        unclaimed.iter().map(|alias| format!("DB_{}", alias.as_str().to_uppercase())).collect();
    match known.as_slice() {
        [] => "databases and servers are set as DB_NAME=PATH, in .env or the environment".to_owned(),
        known => format!("databases that nobody claims yet: {}", known.join(", ")),
    }
}
