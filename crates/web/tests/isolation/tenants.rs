//! Four tenants: the same user names, ids and note ids, and in every value the canary of its tenant.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenantry_core::Tenant;
use tenantry_db::lifecycle::{Home, NewTenant};
use tenantry_db::model::Auto;
use tenantry_db::{Instance, TenantDb};
use tenantry_web::auth::people::{NewSuperuser, User, create_superuser};
use tenantry_web::auth::session::{self, Session};
use tenantry_web::auth::{HashPolicy, Hasher, NewPassword, Password};

use tokio::sync::Semaphore;

use crate::app::Note;
use crate::common::columns::Ground;
use crate::common::{self, Setup, Site};
use crate::load::CLIENTS;

/// The notes that each tenant has from the start.
pub(crate) const NOTES: i64 = 60;

/// Who each tenant's user is.
pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "Tenant-pass-1";

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
    pub(crate) async fn start(ground: Ground) -> Self {
        let reports: Arc<[Semaphore]> = (0..CLIENTS).map(|_| Semaphore::new(0)).collect();
        let app = common::admin().merge(crate::app::routes(Arc::clone(&reports)));
        let setup = Setup { app, ..Setup::default() };
        let site = common::start_with(ground, setup, crate::app::registry(), 0);
        let mut all = Vec::new();
        for slug in ["alpha", "bravo", "charlie", "delta"] {
            all.push(stage(&site.instance, site.home(0), slug, &format!("{slug}.example"), canary()).await);
        }
        Self { site, all, reports }
    }

    fn door(&self, tenant: &Staged) -> TenantDb {
        door(&self.site.instance, &tenant.slug)
    }

    /// Asserts that a tenant has what it had and what was added to it, each once, and so many sessions more; nothing
    /// else.
    pub(crate) async fn assert_whole(&self, tenant: &Staged, mut titles: BTreeSet<String>, sessions: usize) {
        let found = self.door(tenant).query::<Session>().count().await.unwrap();
        assert_eq!(found, 1 + sessions as u64, "{}", tenant.slug);
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

pub(crate) fn door(instance: &Instance, slug: &str) -> TenantDb {
    let record = instance.directory().record(&slug.parse().unwrap()).unwrap();
    instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap()
}

/// What nobody can guess.
pub(crate) fn canary() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn title(number: i64, canary: &str) -> String {
    format!("note {number} {canary}")
}

/// Makes a tenant, whose name and whose every value is marked.
///
/// Its first notes and its user have ids that no sequence gives: where tables are shared, so are the sequences.
pub(crate) async fn stage(instance: &Instance, home: Home, slug: &str, host: &str, canary: String) -> Staged {
    let new = NewTenant {
        slug: slug.parse().unwrap(),
        name: Some(canary.parse().unwrap()),
        domains: vec![host.parse().unwrap()],
        home,
    };
    instance.create_tenant(new).await.unwrap();
    let db = door(instance, slug);
    let ann = NewSuperuser {
        username: USER.parse().unwrap(),
        email: format!("{USER}@{canary}.example").parse().unwrap(),
        password: Some(NewPassword::unchecked(Password::from(PASSWORD.to_owned()))),
    };
    let ann = create_superuser(&db, &Hasher::default(), HashPolicy::Own, ann).await.unwrap();
    db.raw_execute("UPDATE auth_user SET id = -1", vec![]).await.unwrap();
    let ann = User { id: Auto::from(-1), first_name: canary.clone(), last_name: canary.clone(), ..ann };
    db.update(&ann).await.unwrap();
    let (token, _) = session::begin(&db, &ann).await.unwrap();
    let note =
        |number: i64| Note { id: Auto::from(-number), title: title(number, &canary), body: canary.clone() };
    db.insert_all((1..=NOTES).map(note).collect()).await.unwrap();
    let cookie = format!("sessionid={}", token.reveal());
    Staged { slug: slug.to_owned(), host: host.to_owned(), canary, cookie }
}
