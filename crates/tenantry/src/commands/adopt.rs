//! `adopt`: the schemas of a Django project become tenants.

use serde::Serialize;
use tenantry_db::Instance;
use tenantry_db::lifecycle::{FoundSchema, NewTenant, SchemaStanding};

use super::Context;
use super::hints::explain;
use crate::cli::args::AdoptArgs;
use crate::cli::{Failure, Output, counted};

/// A schema, as `adopt` tells of it.
#[derive(Serialize)]
struct Told {
    schema: String,
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What has become of a schema, or would.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// It was a tenant's already.
    Tenant,
    /// It would be taken.
    Free,
    /// It was taken now.
    Adopted,
    /// It can't be taken.
    Refused,
}

impl Context {
    pub(super) async fn adopt(&mut self, args: AdoptArgs) -> Result<(), Failure> {
        let instance = self.open_or_make()?;
        let done = self.adopt_from(&instance, &args).await;
        instance.close().await;
        done
    }

    async fn adopt_from(&mut self, instance: &Instance, args: &AdoptArgs) -> Result<(), Failure> {
        let found = instance.schemas(&args.database).await?;
        let (mut told, wanted) = chosen(found, &args.schemas)?;
        let refused = told.iter().filter(|told| told.outcome == Outcome::Refused).count();
        if refused == 0 && !args.plan && !wanted.is_empty() {
            instance.create_tenants(wanted, |_| {}).await.map_err(|error| explain(instance, error))?;
            for told in told.iter_mut().filter(|told| told.outcome == Outcome::Free) {
                told.outcome = Outcome::Adopted;
            }
        }
        self.out.data(args.json, &told, |out| tell(out, &told));
        if refused == 0 {
            return Ok(());
        }
        let message = format!("{} can't be taken: nothing changed", counted(refused, "schema"));
        Err(Failure::new(message)
            .hint("name those to be taken behind the command, and the others are left alone"))
    }
}

/// What is told of the schemas that were asked for, all of them where none was, and the tenants that they would be.
fn chosen(found: Vec<FoundSchema>, asked: &[String]) -> Result<(Vec<Told>, Vec<NewTenant>), Failure> {
    let named = |schema: &str| found.iter().any(|found| found.schema == schema);
    if let Some(unknown) = asked.iter().find(|asked| !named(asked)) {
        return Err(Failure::new(format!("the table tenant_tenant names no schema {unknown:?}")));
    }
    let (mut told, mut wanted) = (Vec::new(), Vec::new());
    for FoundSchema { schema, sub_domain, standing } in found {
        if !asked.is_empty() && !asked.contains(&schema) {
            continue;
        }
        let (slug, outcome, why) = match standing {
            SchemaStanding::Tenant(record) => (Some(record.slug.to_string()), Outcome::Tenant, None),
            SchemaStanding::Refused(refusal) => (None, Outcome::Refused, Some(refusal.to_string())),
            SchemaStanding::Free(new) => {
                let slug = new.slug.to_string();
                wanted.push(*new);
                (Some(slug), Outcome::Free, None)
            }
        };
        told.push(Told { schema, domain: sub_domain, slug, outcome, why });
    }
    Ok((told, wanted))
}

fn tell(out: &mut Output, told: &[Told]) {
    for Told { schema, domain, slug, outcome, why } in told {
        let slug = slug.as_deref().unwrap_or_default();
        let schema = schema.escape_debug();
        match outcome {
            Outcome::Tenant => out.line(format_args!("{schema}: is the tenant {slug} already")),
            Outcome::Free => out.line(format_args!("{schema}: can be taken as {slug}, at {domain}")),
            Outcome::Adopted => out.line(format_args!("{schema}: is the tenant {slug} now, at {domain}")),
            Outcome::Refused => {
                let why = why.as_deref().unwrap_or_default();
                out.line(format_args!("{schema}: can't be taken: {why}"));
            }
        }
    }
    if told.is_empty() {
        out.line(format_args!("the table tenant_tenant is empty: nothing changed"));
    }
}
