//! `server …`: the servers that tenants are on are prepared, listed and looked through.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tenantry_core::Alias;
use tenantry_db::servers::{Finding, PairError, PrepareError, examine, script, survey};
use tenantry_db::{Location, PostgresServer, PostgresUrl};

use super::Context;
use super::check::variable;
use crate::cli::args::{PrepareArgs, ServerCommand};
use crate::cli::{Failure, Output, Prompt, counted};
use crate::config::administrator_url;

/// Where the administrator's URL stands.
const ADMINISTRATOR: &str = "TENANTRY_ADMIN_URL";

/// How long a server has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server, as `server list` shows it.
#[derive(Serialize)]
struct Listed {
    alias: Alias,
    kind: &'static str,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    tenants: usize,
}

/// A server, as `server check` found it.
#[derive(Serialize)]
struct Checked {
    alias: Alias,
    found: Vec<Found>,
}

/// Something that is wrong with a server.
#[derive(Serialize)]
struct Found {
    kind: &'static str,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Context {
    pub(super) async fn server(&mut self, command: ServerCommand) -> Result<(), Failure> {
        match command {
            ServerCommand::Prepare(args) => self.prepare_server(&args).await,
            ServerCommand::List { json } => self.list_servers(json).await,
            ServerCommand::Check { alias, json } => self.check_servers(alias.as_ref(), json).await,
        }
    }

    async fn prepare_server(&mut self, args: &PrepareArgs) -> Result<(), Failure> {
        let (alias, server) = (&args.alias, self.postgres_server(&args.alias)?.clone());
        if args.print_sql {
            let script = script(&server).map_err(|error| of_pair(alias, &error))?;
            self.out.bytes(script.as_bytes());
            return Ok(());
        }
        let mut prompt = Prompt::process(false);
        let administrator = self.administrator(&mut prompt)?;
        let found = survey(&administrator, alias, &server).await;
        let preparation = found.map_err(|error| match error {
            PrepareError::Pair(error) => of_pair(alias, &error),
            error => error.into(),
        })?;
        self.out.line(format_args!("on {}:", preparation.server()));
        for thing in preparation.there() {
            self.out.line(format_args!("  there already: {thing}"));
        }
        for statement in preparation.steps() {
            self.out.line(format_args!("  to be done: {statement}"));
        }
        let steps = preparation.steps().len();
        if steps == 0 {
            self.out.line(format_args!("{alias} has all it needs: nothing changed"));
        } else {
            if !args.yes {
                prompt.agree("Shall that be done?")?;
            }
            preparation.carry_out().await.map_err(|error| {
                Failure::from(error)
                    .hint("what came before it is done; the same command again goes on from there")
            })?;
            self.out.line(format_args!("{alias} is prepared: {} done", counted(steps, "statement")));
        }
        self.tell_found(&[Checked::of(alias, examine(&server, PATIENCE).await)], false)
    }

    /// The server that an alias names, which must be on PostgreSQL.
    fn postgres_server(&self, alias: &Alias) -> Result<&PostgresServer, Failure> {
        match self.settings().databases.get(alias) {
            Some(Location::Postgres(server)) => Ok(server),
            Some(Location::File(path) | Location::Folder(path)) => {
                let path = path.display();
                Err(Failure::new(format!(
                    "{} is {path}: only a PostgreSQL server is prepared",
                    variable(alias)
                )))
            }
            None => Err(unknown(alias)),
        }
    }

    fn administrator(&self, prompt: &mut Prompt) -> Result<PostgresUrl, Failure> {
        let understood = |text: &str| {
            administrator_url(text, &self.sources)
                .map_err(|error| format!("the administrator's URL can't be used: {error}"))
        };
        match self.sources.variable(ADMINISTRATOR) {
            Some(text) => understood(text).map_err(|why| Failure::new(format!("{ADMINISTRATOR}: {why}"))),
            None => {
                let what = "an administrator's URL (postgres://USER@HOST/DATABASE)";
                let asked = prompt.secret(what, |typed| understood(typed.expose()));
                Ok(asked.map_err(|error| {
                    Failure::from(error)
                        .hint(format!("it may stand in the environment variable {ADMINISTRATOR}"))
                })?)
            }
        }
    }

    async fn list_servers(&mut self, json: bool) -> Result<(), Failure> {
        let tenants: Vec<Alias> = match self.open_if_there()? {
            Some(instance) => {
                let records = instance.directory().records();
                instance.close().await;
                records.iter().map(|record| record.placement.alias().clone()).collect()
            }
            None => Vec::new(),
        };
        let count = |alias: &Alias| tenants.iter().filter(|on| *on == alias).count();
        let own = self.settings().data_dir.join("tenants");
        let local = (Alias::local(), Location::Folder(own));
        let configured = self.settings().databases.iter();
        let all = std::iter::once((&local.0, &local.1)).chain(configured);
        let listed: Vec<Listed> =
            all.filter_map(|(alias, location)| Listed::of(alias, location, count(alias))).collect();
        self.out.data(json, &listed, |out| {
            let rows = listed.iter().map(Listed::row);
            out.table(["SERVER", "KIND", "ADDRESS", "ROLE", "OWNER", "TENANTS"], rows);
        });
        Ok(())
    }

    async fn check_servers(&mut self, alias: Option<&Alias>, json: bool) -> Result<(), Failure> {
        let configured = &self.settings().databases;
        match alias.map(|alias| (alias, configured.get(alias))) {
            Some((alias, None)) => return Err(unknown(alias)),
            Some((alias, Some(Location::File(_)))) => {
                let what = format!("{} is a database and not a server", variable(alias));
                return Err(Failure::new(what).hint("check looks at databases"));
            }
            _ => {}
        }
        let mut checked = Vec::new();
        for (named, location) in
            configured.iter().filter(|(named, _)| alias.is_none_or(|alias| alias == *named))
        {
            let found = match location {
                Location::Postgres(server) => examine(server, PATIENCE).await,
                Location::Folder(path) => of_folder(path).into_iter().collect(),
                Location::File(_) => continue,
            };
            checked.push(Checked::of(named, found));
        }
        if checked.is_empty() {
            self.out.note("no server is configured beside the data folder: DB_NAME=FOLDER/ or DB_NAME=postgres://… names one");
        }
        self.tell_found(&checked, json)
    }

    fn tell_found(&mut self, checked: &[Checked], json: bool) -> Result<(), Failure> {
        self.out.data(json, &checked, |out| checked.iter().for_each(|checked| checked.tell(out)));
        let is_fault = |found: &Found| found.kind == FAULT;
        if checked.iter().flat_map(|checked| &checked.found).any(is_fault) {
            return Err(Failure::new("something is wrong with a server")
                .hint("`server prepare ALIAS` mends what an administrator can, and changes nothing else"));
        }
        Ok(())
    }
}

const FAULT: &str = "fault";

impl Checked {
    fn of(alias: &Alias, found: Vec<Finding>) -> Self {
        let found = found.into_iter().map(|Finding { what, mend, is_fault }| Found {
            kind: if is_fault { FAULT } else { "warning" },
            what,
            mend,
        });
        Self { alias: alias.clone(), found: found.collect() }
    }

    fn tell(&self, out: &mut Output) {
        let alias = &self.alias;
        if self.found.is_empty() {
            out.line(format_args!("{alias}: nothing is amiss"));
        }
        for Found { kind, what, mend } in &self.found {
            out.line(format_args!("{alias}: {kind}: {what}"));
            if let Some(mend) = mend {
                out.line(format_args!("  mended by: {mend};"));
            }
        }
    }
}

impl Listed {
    fn of(alias: &Alias, location: &Location, tenants: usize) -> Option<Self> {
        let alias = alias.clone();
        match location {
            Location::File(_) => None,
            Location::Folder(path) => {
                let address = path.display().to_string();
                Some(Self { alias, kind: "folder", address, role: None, owner: None, tenants })
            }
            Location::Postgres(server) => {
                let user = |url: &PostgresUrl| url.user().to_owned();
                let (role, owner) = (Some(user(&server.serving)), server.owner.as_ref().map(user));
                Some(Self {
                    alias,
                    kind: "PostgreSQL",
                    address: server.serving.place(),
                    role,
                    owner,
                    tenants,
                })
            }
        }
    }

    fn row(&self) -> [String; 6] {
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        [
            self.alias.to_string(),
            self.kind.to_owned(),
            self.address.clone(),
            name(&self.role),
            name(&self.owner),
            self.tenants.to_string(),
        ]
    }
}

/// What is wrong with a folder. One that is not there yet is made when it is first needed.
fn of_folder(path: &Path) -> Option<Finding> {
    let why = match std::fs::read_dir(path) {
        Ok(_) => return None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => error,
    };
    let what = format!("the folder {} can't be used: {why}", path.display());
    Some(Finding { what, mend: None, is_fault: true })
}

fn of_pair(alias: &Alias, error: &PairError) -> Failure {
    let variable = variable(alias);
    let failure = Failure::new(format!("{variable}: {error}"));
    match error {
        PairError::NoOwner => failure.hint(format!(
            "{variable}_OWNER=postgres://ROLE@HOST/DATABASE names it: the role need not be there yet"
        )),
        _ => failure.hint(format!("{variable} and {variable}_OWNER name two roles and one database")),
    }
}

fn unknown(alias: &Alias) -> Failure {
    let variable = variable(alias);
    Failure::new(format!("{variable} is not configured"))
        .hint(format!("{variable}=postgres://ROLE@HOST/DATABASE, in .env or the environment, names a server"))
}
