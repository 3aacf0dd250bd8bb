//! Four tenants: the same user names, ids and note ids, and in every value the canary of its tenant.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::lifecycle::{Home, NewTenant};
use tenantry_db::model::Auto;
use tenantry_web::auth::people::{NewSuperuser, create_superuser};
use tenantry_web::auth::session;
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password};

use tokio::sync::Semaphore;

use crate::app::Note;
use crate::common::{self, Setup, Site};
use crate::load::CLIENTS;

/// The notes that each tenant has from the start.
pub(crate) const NOTES: i64 = 60;

pub(crate) struct Tenants {
    pub(crate) site: Site,
    pub(crate) all: Vec<Staged>,
    /// For each client, how many of its reports have begun that it has not heard of.
    pub(crate) reports: Arc<[Semaphore]>,
}

/// A tenant and what the test knows of it.
pub(crate) struct Staged {
    pub(crate) slug: String,
    pub(crate) host: String,
    /// What stands in every value of its own and in none of another's.
    pub(crate) canary: String,
    /// The session of its user, as a cookie.
    pub(crate) cookie: String,
}

impl Staged {
    /// The same, for a task of its own.
    pub(crate) fn again(&self) -> Self {
        let Self { slug, host, canary, cookie } = self;
        Self { slug: slug.clone(), host: host.clone(), canary: canary.clone(), cookie: cookie.clone() }
    }
}

impl Tenants {
    pub(crate) async fn start() -> Self {
        let reports: Arc<[Semaphore]> = (0..CLIENTS).map(|_| Semaphore::new(0)).collect();
        let app = common::admin().merge(crate::app::routes(Arc::clone(&reports)));
        let setup = Setup { app, ..Setup::default() };
        let site = common::start_with(setup, crate::app::registry(), 0);
        let mut all = Vec::new();
        for slug in ["alpha", "bravo", "charlie", "delta"] {
            all.push(stage(&site, slug).await);
        }
        Self { site, all, reports }
    }

    fn door(&self, tenant: &Staged) -> TenantDb {
        door(&self.site, &tenant.slug)
    }

    /// Asserts that a tenant has what it had and what was added to it, each once, and nothing else.
    pub(crate) async fn assert_whole(&self, tenant: &Staged, mut titles: BTreeSet<String>) {
        titles.extend((1..=NOTES).map(|number| title(number, &tenant.canary)));
        let notes = self.door(tenant).query::<Note>().all().await.unwrap();
        assert_eq!(notes.len(), titles.len(), "{}", tenant.slug);
        assert_eq!(
            notes.into_iter().map(|note| note.title).collect::<BTreeSet<_>>(),
            titles,
            "{}",
            tenant.slug
        );
    }
}

fn door(site: &Site, slug: &str) -> TenantDb {
    let record = site.instance.directory().record(&slug.parse().unwrap()).unwrap();
    site.instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
}

fn title(number: i64, canary: &str) -> String {
    format!("note {number} {canary}")
}

async fn stage(site: &Site, slug: &str) -> Staged {
    let canary = uuid::Uuid::new_v4().simple().to_string();
    let host = format!("{slug}.example");
    let new = NewTenant {
        slug: slug.parse().unwrap(),
        name: Some(canary.parse().unwrap()),
        domains: vec![host.parse().unwrap()],
        home: Home::Server { alias: None, isolation: tenantry_core::Isolation::Database },
    };
    site.instance.create_tenant(new).await.unwrap();
    let db = door(site, slug);
    let ann = NewSuperuser {
        username: "ann".parse().unwrap(),
        email: format!("ann@{canary}.example").parse().unwrap(),
        password: Some(NewPassword::unchecked(Password::from("Tenant-pass-1".to_owned()))),
    };
    let ann = create_superuser(&db, &Hasher::default(), HashPolicy::Own, ann).await.unwrap();
    assert_eq!(ann.id, Auto::from(1), "every tenant's user has the same id");
    let (token, _) = session::begin(&db, &ann).await.unwrap();
    let note = |number| Note { id: Auto::unset(), title: title(number, &canary), body: canary.clone() };
    db.insert_all((1..=NOTES).map(note).collect()).await.unwrap();
    Staged { slug: slug.to_owned(), host, canary, cookie: format!("sessionid={}", token.reveal()) }
}
