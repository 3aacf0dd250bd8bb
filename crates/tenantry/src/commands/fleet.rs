//! `fleet status`: who is behind, as the directory says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tenantry_core::{Alias, Isolation, Slug};
use tenantry_db::lifecycle::{Known, Standing};

use super::Context;
use crate::cli::args::{FleetCommand, FleetStatusArgs};
use crate::cli::{Failure, Output, counted};

/// How many tenants stand where.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    up_to_date: usize,
    behind: usize,
    ahead: usize,
    unknown: usize,
}

/// The tenants of one version.
#[derive(Serialize)]
struct OfVersion {
    version: Option<String>,
    last: Option<String>,
    state: Standing,
    tenants: usize,
}

/// The tenants of one place.
#[derive(Serialize)]
struct OfPlace {
    place: Alias,
    isolation: Isolation,
    #[serde(flatten)]
    counts: Counts,
}

/// A tenant that is not up to date.
#[derive(Serialize)]
struct Listed {
    tenant: Slug,
    state: Standing,
    missing: Vec<String>,
    noted: Option<Timestamp>,
}

/// What `fleet status --json` prints.
#[derive(Serialize)]
struct Status {
    version: String,
    total: usize,
    #[serde(flatten)]
    counts: Counts,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    versions: Vec<OfVersion>,
    places: Vec<OfPlace>,
    page: usize,
    pages: usize,
    tenants: Vec<Listed>,
}

impl Counts {
    fn add(&mut self, standing: Standing) {
        *match standing {
            Standing::UpToDate => &mut self.up_to_date,
            Standing::Behind => &mut self.behind,
            Standing::Ahead => &mut self.ahead,
            Standing::Unknown => &mut self.unknown,
        } += 1;
    }

    fn cells(self) -> [String; 4] {
        [self.up_to_date, self.behind, self.ahead, self.unknown].map(|count| count.to_string())
    }
}

impl Context {
    pub(super) async fn fleet(&mut self, command: FleetCommand) -> Result<(), Failure> {
        let FleetCommand::Status(args) = command;
        let instance = self.open()?;
        self.warn_of_unserved(&instance);
        let standings = instance.standings().await?;
        let status = status(&standings, instance.history().version(), &args);
        instance.close().await;
        let status = status?;
        self.out.data(args.json, &status, |out| status.print(out));
        Ok(())
    }
}

fn status(standings: &[Known], version: &str, args: &FleetStatusArgs) -> Result<Status, Failure> {
    let mut counts = Counts::default();
    let mut places = BTreeMap::<_, (Isolation, Counts)>::new();
    let mut versions = BTreeMap::<_, (Option<String>, usize)>::new();
    for known in standings {
        counts.add(known.standing);
        let (place, isolation) = (known.tenant.placement.alias(), known.tenant.placement.isolation());
        let of_place = places.entry((place.clone(), isolation.as_str()));
        of_place.or_insert((isolation, Counts::default())).1.add(known.standing);
        versions.entry((known.standing, known.version.clone())).or_insert((known.last.clone(), 0)).1 += 1;
    }
    let listed: Vec<&Known> = standings.iter().filter(|known| known.standing != Standing::UpToDate).collect();
    let (page, per_page) = (args.page.get(), args.per_page.get());
    let pages = listed.len().div_ceil(per_page).max(1);
    if page > pages {
        return Err(Failure::new(format!("there is no page {page}: the last one is {pages}")));
    }
    let noted = || standings.iter().filter_map(|known| known.noted);
    let listed = listed.into_iter().skip(per_page.saturating_mul(page - 1)).take(per_page);
    Ok(Status {
        version: version.to_owned(),
        total: standings.len(),
        counts,
        oldest: noted().min(),
        newest: noted().max(),
        versions: versions
            .into_iter()
            .map(|((state, version), (last, tenants))| OfVersion { version, last, state, tenants })
            .collect(),
        places: places
            .into_iter()
            .map(|((place, _), (isolation, counts))| OfPlace { place, isolation, counts })
            .collect(),
        page,
        pages,
        tenants: listed.map(Listed::of).collect(),
    })
}

impl Listed {
    fn of(known: &Known) -> Self {
        Self {
            tenant: known.tenant.slug.clone(),
            state: known.standing,
            missing: known.missing.clone(),
            noted: known.noted,
        }
    }

    fn row(&self) -> [String; 4] {
        let missing = match self.missing.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        };
        let noted = self.noted.map_or_else(|| "not known".to_owned(), |noted| noted.to_string());
        [self.tenant.to_string(), named(self.state).to_owned(), missing, noted]
    }
}

impl Status {
    fn print(&self, out: &mut Output) {
        let places = self.places.iter().map(|of| {
            let [up_to_date, behind, ahead, unknown] = of.counts.cells();
            [of.place.to_string(), of.isolation.to_string(), up_to_date, behind, ahead, unknown]
        });
        out.table(["PLACE", "ISOLATION", "UP TO DATE", "BEHIND", "AHEAD", "UNKNOWN"], places);
        let versions = self.versions.iter().map(|of| {
            let last = of.last.clone().unwrap_or_else(|| "not known".to_owned());
            [last, named(of.state).to_owned(), of.tenants.to_string()]
        });
        out.table(["LAST MIGRATION", "STATE", "TENANTS"], versions);
        if !self.tenants.is_empty() {
            out.table(["TENANT", "STATE", "MISSING", "WRITTEN"], self.tenants.iter().map(Listed::row));
            out.line(format_args!("page {} of {}", self.page, self.pages));
        }
        let Counts { up_to_date, behind, ahead, unknown } = self.counts;
        out.line(format_args!(
            "{}: {up_to_date} up to date, {behind} behind, {ahead} ahead, {unknown} unknown",
            counted(self.total, "tenant")
        ));
        if let (Some(oldest), Some(newest)) = (self.oldest, self.newest) {
            out.note(format_args!(
                "this is what the directory says, written from {oldest} to {newest}; no tenant's data was asked"
            ));
        }
    }
}

fn named(standing: Standing) -> &'static str {
    match standing {
        Standing::UpToDate => "up to date",
        Standing::Behind => "behind",
        Standing::Ahead => "ahead",
        Standing::Unknown => "unknown",
    }
}
