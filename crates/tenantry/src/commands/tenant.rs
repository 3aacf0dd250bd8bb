//! `tenant …`: tenants are made, shown, changed and removed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tenantry_core::{
    Alias, HostName, Isolation, Slug, Status, TenantId, TenantName, TenantRecord, Transition,
};
use tenantry_db::Instance;
use tenantry_db::directory::{DomainError, RenameError, TenantDetails};
use tenantry_db::lifecycle::{Home, NewTenant, RETENTION_DAYS, check_purge};

use super::Context;
use super::hints::{domain_holder, explain, not_allowed, slug_holder, with_hint};
use super::instance::{no_tenant, tenant_called};
use crate::cli::args::{CreateArgs, DomainCommand, ListArgs, TenantCommand};
use crate::cli::{Failure, FleetProgress, Output, Prompt, counted, read_tenants_file};

/// What `tenant show` prints.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    record: &'a TenantRecord,
    #[serde(flatten)]
    details: TenantDetails,
}

/// What `tenant list --json` prints.
#[derive(Serialize)]
struct Page<'a> {
    total: usize,
    page: usize,
    pages: usize,
    tenants: &'a [Arc<TenantRecord>],
}

impl Context {
    pub(super) async fn tenant(&mut self, command: TenantCommand) -> Result<(), Failure> {
        let makes = matches!(command, TenantCommand::Create(_));
        let instance = if makes { self.open_or_make()? } else { self.open()? };
        let done = self.tenant_command(&instance, command).await;
        instance.close().await;
        done
    }

    async fn tenant_command(&mut self, instance: &Instance, command: TenantCommand) -> Result<(), Failure> {
        match command {
            TenantCommand::Create(args) => self.create(instance, args).await,
            TenantCommand::List(args) => self.list(instance, &args),
            TenantCommand::Show { slug, json } => self.show(instance, &slug, json).await,
            TenantCommand::Suspend { slug } => self.change(instance, &slug, Transition::Suspend).await,
            TenantCommand::Activate { slug } => self.change(instance, &slug, Transition::Activate).await,
            TenantCommand::Maintain { slug } => self.change(instance, &slug, Transition::Maintain).await,
            TenantCommand::Rename { slug, new_slug, name } => {
                self.rename(instance, &slug, new_slug, name).await
            }
            TenantCommand::Delete { slug } => self.delete(instance, &slug).await,
            TenantCommand::Undelete { slug } => {
                let id = tenant_called(instance, &slug)?.id;
                let status =
                    instance.directory().undelete(id).await.map_err(|error| not_allowed(&slug, error))?;
                self.out.line(format_args!("{slug} is {status} again"));
                Ok(())
            }
            TenantCommand::Purge { slug: Some(slug), .. } => self.purge(instance, &slug).await,
            TenantCommand::Purge { slug: None, .. } => self.purge_expired(instance).await,
            TenantCommand::Domain(command) => self.domain(instance, command).await,
        }
    }

    async fn create(&mut self, instance: &Instance, args: CreateArgs) -> Result<(), Failure> {
        let wanted = match (&args.from, args.slug.clone()) {
            (Some(file), _) => from_file(file, args.server.as_ref(), args.isolation)?,
            (None, Some(slug)) => {
                let home = match args.database.clone() {
                    Some(database) => Home::Database(database),
                    None => server_home(args.server.as_ref(), args.isolation),
                };
                vec![NewTenant { slug, name: args.name.clone(), domains: args.domains.clone(), home }]
            }
            (None, None) => return Err(Failure::usage("a slug or --from FILE is needed")),
        };
        // One is made before anyone could read how far it is.
        let progress = args.from.is_some().then(|| Arc::new(FleetProgress::process("create", wanted.len())));
        let shown = progress.clone();
        let tell = move |done| shown.iter().for_each(|progress| progress.reach(done));
        let made = instance.create_tenants(wanted, tell).await;
        if let Some(progress) = progress {
            let _ = progress.end();
        }
        let made = made.map_err(|error| explain(instance, error))?;
        self.out.data(args.json, &made, |out| match made.as_slice() {
            [one] => tell_made(out, one),
            many => out.line(format_args!("made {}", counted(many.len(), "tenant"))),
        });
        Ok(())
    }

    async fn rename(
        &mut self,
        instance: &Instance,
        slug: &Slug,
        new_slug: Option<Slug>,
        name: Option<TenantName>,
    ) -> Result<(), Failure> {
        let record = tenant_called(instance, slug)?;
        let new_slug = new_slug.filter(|to| to != slug);
        let name = name.filter(|name| name.as_str() != record.name);
        if new_slug.is_none() && name.is_none() {
            self.out.line(format_args!("{slug} is called so already: nothing changed"));
            return Ok(());
        }
        let to = new_slug.as_ref().unwrap_or(slug).clone();
        instance.directory().rename(record.id, to, name.clone()).await.map_err(|error| {
            let hint = if let RenameError::Taken(slug) = &error { slug_holder(instance, slug) } else { None };
            with_hint(error, hint)
        })?;
        let called = name.map(|name| format!("is called {name} now"));
        let is = new_slug.map(|to| format!("is {to} now"));
        let said: Vec<String> = is.into_iter().chain(called).collect();
        self.out.line(format_args!("{slug} {}", said.join(" and ")));
        Ok(())
    }

    fn list(&mut self, instance: &Instance, args: &ListArgs) -> Result<(), Failure> {
        self.warn_of_unserved(instance);
        let mut found = instance.directory().records();
        if let Some(text) = &args.search {
            let text = text.to_lowercase();
            found.retain(|record| matches(record, &text));
        }
        let (page, per_page) = (args.page.get(), args.per_page.get());
        let (total, pages) = (found.len(), found.len().div_ceil(per_page).max(1));
        if page > pages {
            return Err(Failure::new(format!("there is no page {page}: the last one is {pages}")));
        }
        let first = per_page.saturating_mul(page - 1).min(total);
        let tenants = &found[first..total.min(first.saturating_add(per_page))];
        self.out.data(args.json, &Page { total, page, pages, tenants }, |out| {
            let rows = tenants.iter().map(|record| {
                let place = record.placement.alias().to_string();
                [
                    record.slug.to_string(),
                    record.name.clone(),
                    record.status.to_string(),
                    primary(record),
                    place,
                ]
            });
            out.table(["SLUG", "NAME", "STATUS", "DOMAIN", "PLACE"], rows);
            out.line(format_args!("page {page} of {pages}, {}", counted(total, "tenant")));
        });
        Ok(())
    }

    async fn show(&mut self, instance: &Instance, slug: &Slug, json: bool) -> Result<(), Failure> {
        let record = tenant_called(instance, slug)?;
        let details = instance.directory().details(record.id).await?.ok_or_else(|| no_tenant(slug))?;
        let current = details.version.as_deref() == Some(instance.history().version());
        let domains: Vec<&str> = record.domains.iter().map(HostName::as_str).collect();
        let mut rows = vec![
            ["slug".to_owned(), record.slug.to_string()],
            ["name".to_owned(), record.name.clone()],
            ["id".to_owned(), record.id.to_string()],
            ["status".to_owned(), record.status.to_string()],
            ["domains".to_owned(), domains.join(", ")],
            ["isolation".to_owned(), record.placement.isolation().to_string()],
            ["place".to_owned(), record.placement.alias().to_string()],
            [
                "migrations".to_owned(),
                if current { "up to date" } else { "behind, as far as is known" }.to_owned(),
            ],
            ["created".to_owned(), details.created.to_string()],
        ];
        rows.extend(details.deleted.map(|deleted| ["deleted".to_owned(), deleted.to_string()]));
        self.out.data(json, &Shown { record: &record, details }, |out| out.fields(rows));
        Ok(())
    }

    async fn change(
        &mut self,
        instance: &Instance,
        slug: &Slug,
        transition: Transition,
    ) -> Result<(), Failure> {
        let id = tenant_called(instance, slug)?.id;
        let changed = instance.directory().change_status(id, transition).await;
        let status = changed.map_err(|error| not_allowed(slug, error))?;
        self.out.line(format_args!("{slug} is {status} now"));
        self.rest(instance, id, slug).await;
        Ok(())
    }

    /// Waits until nobody works on the data of a tenant that is not served any more: whoever typed the command may go on
    /// to the tenant's files.
    async fn rest(&mut self, instance: &Instance, id: TenantId, slug: &Slug) {
        let serves = |record: Arc<TenantRecord>| record.status == Status::Active;
        if !instance.directory().record_by_id(id).is_some_and(serves)
            && let Err(error) = instance.at_rest(id).await
        {
            self.out.warn(format_args!("{slug}: {error}"));
        }
    }

    async fn delete(&mut self, instance: &Instance, slug: &Slug) -> Result<(), Failure> {
        let record = tenant_called(instance, slug)?;
        let consequence = format!(
            "{slug} ({}) will not be served any more; for {RETENTION_DAYS} days `tenant undelete {slug}` brings it back.",
            record.name
        );
        Prompt::process(false).confirm(&consequence, slug)?;
        let deleted = instance.directory().change_status(record.id, Transition::Delete).await;
        deleted.map_err(|error| not_allowed(slug, error))?;
        self.out.line(format_args!("{slug} is deleted; `tenant undelete {slug}` brings it back"));
        self.rest(instance, record.id, slug).await;
        Ok(())
    }

    async fn purge(&mut self, instance: &Instance, slug: &Slug) -> Result<(), Failure> {
        let record = tenant_called(instance, slug)?;
        // Asked of the status first, so that nobody types a slug for nothing.
        check_purge(record.status)?;
        let consequence = format!("All data of {slug} ({}) will be gone for good.", record.name);
        Prompt::process(false).confirm(&consequence, slug)?;
        instance.purge(record.id).await?;
        self.out.line(format_args!("{slug} is gone"));
        Ok(())
    }

    async fn purge_expired(&mut self, instance: &Instance) -> Result<(), Failure> {
        let expired = instance.expired().await?;
        let mut failed = 0;
        for id in &expired {
            // The others have expired too, whatever is the matter with this one.
            if let Err(error) = instance.purge(*id).await {
                let slug = instance.directory().record_by_id(*id).map(|record| record.slug.to_string());
                let name = slug.unwrap_or_else(|| format!("tenant number {id}"));
                self.out.warn(format_args!("{name} can't be purged: {error}"));
                failed += 1;
            }
        }
        let gone = expired.len() - failed;
        let are = if gone == 1 { "is" } else { "are" };
        self.out.line(format_args!("{} {are} gone", counted(gone, "tenant")));
        if failed == 0 {
            return Ok(());
        }
        let all = counted(expired.len(), "tenant");
        Err(Failure::new(format!("{failed} of {all} could not be purged")))
    }

    async fn domain(&mut self, instance: &Instance, command: DomainCommand) -> Result<(), Failure> {
        let directory = instance.directory();
        let said = match command {
            DomainCommand::Add { slug, domain } => {
                let id = tenant_called(instance, &slug)?.id;
                directory.add_domain(id, domain.clone()).await.map_err(|error| {
                    let taken = matches!(error, DomainError::Taken(_));
                    with_hint(error, domain_holder(instance, &domain).filter(|_| taken))
                })?;
                format!("{domain} leads to {slug} now")
            }
            DomainCommand::Remove { slug, domain } => {
                directory.remove_domain(tenant_called(instance, &slug)?.id, domain.clone()).await?;
                self.out.line(format_args!("{domain} leads nowhere now"));
                let left = tenant_called(instance, &slug)?;
                self.tell_unreachable(&left);
                return Ok(());
            }
            DomainCommand::Primary { slug, domain } => {
                directory.set_primary_domain(tenant_called(instance, &slug)?.id, domain.clone()).await?;
                format!("{domain} is the primary domain of {slug} now")
            }
        };
        self.out.line(said);
        Ok(())
    }

    /// Says so when a tenant has no domain left.
    fn tell_unreachable(&mut self, record: &TenantRecord) {
        let slug = &record.slug;
        if !record.domains.is_empty() {
            return;
        }
        let left = match &self.settings().base_domain {
            Some(base) => format!("only {slug}.{base} leads to {slug} now"),
            None => format!("no domain leads to {slug} any more"),
        };
        self.out.note(format_args!("{left}: tenant domain add {slug} HOST"));
    }
}

fn server_home(server: Option<&Alias>, isolation: Option<Isolation>) -> Home {
    Home::Server { alias: server.cloned(), isolation }
}

fn from_file(
    file: &Path,
    server: Option<&Alias>,
    isolation: Option<Isolation>,
) -> Result<Vec<NewTenant>, Failure> {
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(
            File::open(file)
                .map_err(|error| Failure::new(format!("can't read {}: {error}", file.display())))?,
        )
    };
    let entries = read_tenants_file(input)?;
    let new = entries.into_iter().map(|entry| NewTenant {
        slug: entry.slug,
        name: Some(entry.name),
        domains: entry.domains,
        home: server_home(server, isolation),
    });
    Ok(new.collect())
}

fn tell_made(out: &mut Output, record: &TenantRecord) {
    out.line(format_args!("made {}", record.slug));
    if record.domains.is_empty() {
        out.note(format_args!("no domain leads to it yet: tenant domain add {} HOST", record.slug));
    }
    out.note(format_args!("its first user: createsuperuser --tenant {}", record.slug));
}

fn primary(record: &TenantRecord) -> String {
    record.domains.first().map(ToString::to_string).unwrap_or_default()
}

fn matches(record: &TenantRecord, text: &str) -> bool {
    record.slug.as_str().contains(text)
        || record.name.to_lowercase().contains(text)
        || record.domains.iter().any(|domain| domain.as_str().contains(text))
}
