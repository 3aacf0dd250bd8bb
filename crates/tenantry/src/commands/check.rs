//! `check` and `hosts`: whether all that is configured can be used, and what would be unsafe in production.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tenantry_core::{Alias, HostName, HostPattern, Slug, TenantRecord};
use tenantry_db::lifecycle::check_database;
use tenantry_db::{Instance, Location};
use tenantry_web::rest::TenantsAccess;

use super::Context;
use super::instance::{behind, unserved};
use crate::cli::args::CheckArgs;
use crate::cli::{Failure, Output};
use crate::config::{Effective, Origin, Problems};

/// Seconds: as long as is right to try https out, and no longer.
const HSTS_FOR_TRIAL: u32 = 3_600;

/// How long PostgreSQL servers have to answer.
const SERVER_PATIENCE: Duration = Duration::from_secs(10);

/// How many files that others can reach are named.
const MOST_EXPOSED: usize = 20;

/// What `check --json` prints.
#[derive(Serialize)]
struct Checked {
    faults: Vec<String>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Vec<Shown>>,
}

/// A setting as it is in effect.
#[derive(Serialize)]
struct Shown {
    name: String,
    value: String,
    origin: String,
}

/// A line of a hosts file.
#[derive(Serialize)]
struct HostsLine<'a> {
    address: IpAddr,
    domain: &'a HostName,
    tenant: &'a Slug,
}

impl<'a> HostsLine<'a> {
    /// Those that a tenant needs.
    fn of(address: IpAddr, record: &'a TenantRecord) -> impl Iterator<Item = Self> {
        // Browsers and most systems take these for this machine by themselves (RFC 6761, section 6.3).
        let domains = record.domains.iter().filter(|domain| !domain.as_str().ends_with(".localhost"));
        domains.map(move |domain| Self { address, domain, tenant: &record.slug })
    }
}

impl Context {
    pub(super) async fn check(&mut self, args: &CheckArgs) -> Result<(), Failure> {
        let settings = shown(args, &self.loaded.effective);
        let bad = self.bad_databases();
        let mut faults: Vec<String> =
            bad.iter().map(|(alias, why)| format!("{}: {why}", variable(alias))).collect();
        let mut warnings = Vec::new();
        match self.open_if_there() {
            Ok(None) => self.out.note(format_args!("{}; what is configured is checked", self.no_instance())),
            Ok(Some(instance)) => {
                self.look_through(&instance, &mut faults, &mut warnings).await?;
                let unclaimed = instance.unclaimed();
                let usable = unclaimed.iter().filter(|alias| bad.iter().all(|(bad, _)| bad != *alias));
                warnings.extend(usable.map(tell_unclaimed));
                if args.deploy {
                    warnings.extend(exposed(&instance));
                }
                instance.close().await;
            }
            Err(failure) => faults.push(failure.message().to_owned()),
        }
        // One that is not set is made when it is first needed, and then good.
        if self.settings().secret_key.is_some()
            && let Err(failure) = self.secret_key()
        {
            faults.push(failure.message().to_owned());
        }
        if args.deploy {
            warnings.extend(self.unsafe_in_production());
        }
        let failed = !faults.is_empty() || (args.deploy && !warnings.is_empty());
        let checked = Checked { faults, warnings, settings };
        checked.tell(args, &mut self.out);
        if failed { Err(found_something()) } else { Ok(()) }
    }

    /// The configured files that are there and are no databases, and why not.
    fn bad_databases(&self) -> Vec<(Alias, String)> {
        let files = self.settings().databases.iter().filter_map(|(alias, location)| match location {
            Location::File(path) => Some((alias, path)),
            Location::Folder(_) | Location::Postgres(_) => None,
        });
        files
            .filter_map(|(alias, path)| Some((alias.clone(), check_database(path).err()?.to_string())))
            .collect()
    }

    async fn look_through(
        &self,
        instance: &Instance,
        faults: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        faults.extend(unserved(instance));
        faults.extend(instance.check_servers(SERVER_PATIENCE).await.iter().map(ToString::to_string));
        warnings.extend(instance.unusable().iter().map(ToString::to_string));
        warnings.extend(behind(instance, self.settings().migrate_on_access).await?);
        Ok(())
    }

    /// What would be unsafe where strangers can reach the server.
    fn unsafe_in_production(&self) -> Vec<String> {
        let settings = self.settings();
        let mut found = Vec::new();
        if let Some(dotenv) = self.readable_secret() {
            let dotenv = dotenv.display();
            found.push(format!("{dotenv} holds SECRET_KEY and others can read it: chmod 600 {dotenv}"));
        }
        if settings.debug {
            found.push("DEBUG is on: pages name tenants and hosts to anyone".to_owned());
        }
        if settings.allowed_hosts.contains(&HostPattern::Any) {
            found.push("ALLOWED_HOSTS allows every host".to_owned());
        }
        if settings.tenants_api == TenantsAccess::Public {
            found.push("TENANTS_API is public: anyone may read the list of all tenants".to_owned());
        }
        if settings.trusted_proxies.is_empty() {
            let why =
                "TRUSTED_PROXIES is empty: behind a proxy that speaks https, sign-in over it is refused";
            found.push(why.to_owned());
        }
        if settings.hsts <= HSTS_FOR_TRIAL {
            let why = "SECURE_HSTS_SECONDS is an hour or less: after that a browser may ask over plain http again, where \
                       others can answer it; raise it once https works for good";
            found.push(why.to_owned());
        }
        if settings.tenant_header.is_some() && settings.trusted_proxies.is_empty() {
            found.push("TENANT_HEADER is on without TRUSTED_PROXIES: any client names its tenant".to_owned());
        }
        if settings.tenant_path_prefix.is_some() {
            let why = "TENANT_PATH_PREFIX is on: browsers take all tenants below it for one site, where a script of one \
                       reaches the pages of all";
            found.push(why.to_owned());
        }
        found
    }

    /// The `.env` that the secret key is from, where others than its owner can read it.
    fn readable_secret(&self) -> Option<&Path> {
        let key = self.loaded.effective.iter().find(|effective| effective.name == "SECRET_KEY")?;
        let Origin::Dotenv { path, .. } = &key.origin else { return None };
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (mode & 0o077 != 0).then_some(path)
    }

    /// Prints what a hosts file needs so that this machine reaches every tenant.
    pub(super) fn hosts(&mut self, json: bool) -> Result<(), Failure> {
        let instance = self.open()?;
        let listen = self.settings().listen.host().parse::<IpAddr>().ok();
        let address = listen.filter(|ip| !ip.is_unspecified()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let records = instance.directory().records();
        let lines: Vec<HostsLine<'_>> =
            records.iter().flat_map(|record| HostsLine::of(address, record)).collect();
        if records.is_empty() {
            self.out.note("there is no tenant yet: tenant create SLUG --domain HOST makes the first one");
        } else if lines.is_empty() {
            let why =
                "names below localhost are this machine's by themselves, and no tenant has another domain";
            self.out.note(format_args!("no line is needed: {why}"));
        }
        self.out.data(json, &lines, |out| {
            lines.iter().for_each(|line| out.line(format_args!("{} {}", line.address, line.domain)));
        });
        Ok(())
    }
}

/// Prints what is wrong with settings, and with `--config` those that are right: just then they are needed.
pub(super) fn tell_problems(args: &CheckArgs, found: &Problems, out: &mut Output) -> Failure {
    let faults = found.problems.iter().map(ToString::to_string).collect();
    let checked = Checked { faults, warnings: Vec::new(), settings: shown(args, &found.effective) };
    checked.tell(args, out);
    found_something()
}

fn found_something() -> Failure {
    Failure::new("the check found something")
}

fn shown(args: &CheckArgs, effective: &[Effective]) -> Option<Vec<Shown>> {
    args.config.then(|| effective.iter().map(Shown::of).collect())
}

fn tell_unclaimed(alias: &Alias) -> String {
    let remedy = format!("`tenant create SLUG --domain HOST --database {alias}` gives it to one");
    format!("{} is no tenant's: {remedy}", variable(alias))
}

/// The setting that an alias is from.
pub(super) fn variable(alias: &Alias) -> String {
    format!("DB_{}", alias.as_str().to_uppercase())
}

/// What of the instance others can reach: the first of many.
fn exposed(instance: &Instance) -> Vec<String> {
    let exposed = instance.exposed();
    let mut sentences: Vec<String> = exposed.iter().take(MOST_EXPOSED).map(ToString::to_string).collect();
    if exposed.len() > MOST_EXPOSED {
        sentences.push(format!("others can reach {} more files", exposed.len() - MOST_EXPOSED));
    }
    sentences
}

impl Checked {
    fn tell(&self, args: &CheckArgs, out: &mut Output) {
        out.data(args.json, self, |out| {
            if let Some(settings) = &self.settings {
                let rows = settings
                    .iter()
                    .map(|shown| [shown.name.clone(), shown.value.clone(), shown.origin.clone()]);
                out.table(["SETTING", "VALUE", "FROM"], rows);
            }
            self.faults.iter().for_each(|fault| out.line(format_args!("fault: {fault}")));
            self.warnings.iter().for_each(|warning| out.line(format_args!("warning: {warning}")));
            if self.faults.is_empty() && self.warnings.is_empty() {
                out.line("nothing is amiss");
            }
        });
    }
}

impl Shown {
    fn of(effective: &Effective) -> Self {
        Self {
            name: effective.name.clone(),
            value: effective.value.clone(),
            origin: effective.origin.to_string(),
        }
    }
}
