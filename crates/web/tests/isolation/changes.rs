//! Tenants are stopped, renamed, purged and made anew, and domains pass from one to another, all of it under load: no
//! answer is another tenant's, none is a mixture, and a change that is acknowledged holds.

use std::sync::Arc;

use tenantry_core::{HostName, Transition};
use tenantry_db::Instance;
use tenantry_web::auth::session::Session;
use tenantry_web::http::{HostRules, Resolvers};

use crate::app::Note;
use crate::common::Setup;
use crate::common::columns::{Ground, in_every_column};
use crate::tenants::door;
use crate::watch::{Watch, either, refused, served};

const NOTHING: Vec<String> = Vec::new();

/// What a tenant's file holds in the end: its own alone, and every note that it said it has stored, once.
async fn look_into(watch: &Watch, number: usize, slug: &str) {
    let db = door(&watch.beside(), slug);
    let notes = db.query::<Note>().all().await.unwrap();
    for note in &notes {
        assert_eq!(watch.seen_in(&note.body), [number], "{note:?}");
    }
    for title in watch.stored(number) {
        assert_eq!(notes.iter().filter(|note| note.title == title).count(), 1, "{title}");
    }
    assert_eq!(db.query::<Session>().count().await.unwrap(), 1, "its own session alone");
}

in_every_column!(
    a_tenant_that_is_stopped_and_started_holds_nobody_else_up_and_loses_nothing,
    two_tenants_that_swap_their_slugs_keep_their_data,
    a_domain_that_passes_to_another_tenant_leads_to_one_of_them_or_to_none,
    a_tenant_made_anew_has_nothing_of_the_one_that_was_purged,
);

async fn a_tenant_that_is_stopped_and_started_holds_nobody_else_up_and_loses_nothing(ground: Ground) {
    let watch = Watch::new(ground, 2, &["acme.example", "globex.example"], Setup::default());
    let site = &watch.site;
    let acme = watch.make(&site.instance, 0, "acme", "acme.example").await;
    watch.make(&site.instance, 1, "globex", "globex.example").await;
    watch.may(0, served(0));
    watch.may(1, served(1));
    let watch = Arc::new(watch);
    let directory = watch.site.instance.directory();
    let findings = watch.during(async {
        for stop in [Transition::Suspend, Transition::Maintain, Transition::Delete, Transition::Suspend] {
            watch.may(0, either([0]));
            directory.change_status(acme, stop).await.unwrap();
            watch.may(0, refused());
            watch.look(0).await;
            watch.may(0, either([0]));
            if stop == Transition::Delete {
                directory.undelete(acme).await.unwrap();
            } else {
                directory.change_status(acme, Transition::Activate).await.unwrap();
            }
            watch.may(0, served(0));
            watch.look(0).await;
        }
    });
    assert_eq!(findings.await, NOTHING);
    look_into(&watch, 0, "acme").await;
    look_into(&watch, 1, "globex").await;
}

async fn two_tenants_that_swap_their_slugs_keep_their_data(ground: Ground) {
    let base: HostName = "base.example".parse().unwrap();
    let resolvers = Resolvers { base_domain: Some(base.clone()), ..Resolvers::default() };
    let rules = HostRules { base_domain: Some(base), ..HostRules::default() };
    let hosts = ["left.base.example", "right.base.example", "acme.example", "globex.example"];
    let watch = Watch::new(ground, 2, &hosts, Setup { hosts: rules, resolvers, ..Setup::default() });
    let site = &watch.site;
    let ids = [
        watch.make(&site.instance, 0, "left", "acme.example").await,
        watch.make(&site.instance, 1, "right", "globex.example").await,
    ];
    for (host, tenant) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
        watch.may(host, served(tenant));
    }
    let watch = Arc::new(watch);
    let rename = async |tenant: usize, slug: &str| {
        let name = format!("{} once more", watch.name(tenant));
        let directory = watch.site.instance.directory();
        directory.rename(ids[tenant], slug.parse().unwrap(), Some(name.parse().unwrap())).await.unwrap();
    };
    let findings = watch.during(async {
        for round in 0..3 {
            let (first, second) = (round % 2, (round + 1) % 2);
            watch.may(0, either([first]));
            rename(first, "spare").await;
            watch.may(0, refused());
            watch.look(0).await;
            watch.may(0, either([second]));
            watch.may(1, either([second]));
            rename(second, "left").await;
            watch.may(0, served(second));
            watch.may(1, refused());
            watch.look(1).await;
            watch.may(1, either([first]));
            rename(first, "right").await;
            watch.may(1, served(first));
            watch.look(1).await;
        }
    });
    assert_eq!(findings.await, NOTHING);
    // After an odd number of rounds they have changed places.
    look_into(&watch, 0, "right").await;
    look_into(&watch, 1, "left").await;
}

async fn a_domain_that_passes_to_another_tenant_leads_to_one_of_them_or_to_none(ground: Ground) {
    let hosts = ["moving.example", "acme.example", "globex.example"];
    let watch = Watch::new(ground, 2, &hosts, Setup::default());
    let site = &watch.site;
    let ids = [
        watch.make(&site.instance, 0, "acme", "acme.example").await,
        watch.make(&site.instance, 1, "globex", "globex.example").await,
    ];
    watch.may(1, served(0));
    watch.may(2, served(1));
    let moving: HostName = "moving.example".parse().unwrap();
    site.instance.directory().add_domain(ids[0], moving.clone()).await.unwrap();
    watch.may(0, served(0));
    let watch = Arc::new(watch);
    let (server, beside) = (&watch.site.instance, watch.beside());
    let findings = watch.during(async {
        for round in 0..6 {
            let (from, to) = (round % 2, (round + 1) % 2);
            // The server itself, and a command beside it.
            let ours = round < 3;
            let directory = if ours { server } else { &beside }.directory();
            watch.may(0, either([from]));
            directory.remove_domain(ids[from], moving.clone()).await.unwrap();
            if ours {
                watch.may(0, refused());
                watch.look(0).await;
            }
            watch.may(0, either([from, to]));
            directory.add_domain(ids[to], moving.clone()).await.unwrap();
            watch.leads_to(0, to).await;
            watch.may(0, served(to));
            watch.look(0).await;
        }
    });
    assert_eq!(findings.await, NOTHING);
    look_into(&watch, 0, "acme").await;
    look_into(&watch, 1, "globex").await;
}

async fn a_tenant_made_anew_has_nothing_of_the_one_that_was_purged(ground: Ground) {
    const NEIGHBOUR: usize = 4;
    let hosts = ["acme.example", "globex.example"];
    let watch = Watch::new(ground, NEIGHBOUR + 1, &hosts, Setup::default());
    let site = &watch.site;
    watch.make(&site.instance, NEIGHBOUR, "globex", "globex.example").await;
    let mut acme = watch.make(&site.instance, 0, "acme", "acme.example").await;
    watch.may(0, served(0));
    watch.may(1, served(NEIGHBOUR));
    let watch = Arc::new(watch);
    let (server, beside) = (&watch.site.instance, watch.beside());
    let findings = watch.during(async {
        for anew in 1..NEIGHBOUR {
            // The server itself, and a command beside it.
            let instance: &Instance = if anew % 2 == 1 { server } else { &beside };
            watch.may(0, either([anew - 1]));
            instance.directory().change_status(acme, Transition::Delete).await.unwrap();
            instance.purge(acme).await.unwrap();
            watch.may(0, refused());
            watch.look(0).await;
            watch.may(0, either([anew]));
            acme = watch.make(instance, anew, "acme", "acme.example").await;
            watch.leads_to(0, anew).await;
            watch.may(0, served(anew));
            watch.look(0).await;
        }
    });
    assert_eq!(Box::pin(findings).await, NOTHING);
    look_into(&watch, NEIGHBOUR - 1, "acme").await;
    look_into(&watch, NEIGHBOUR, "globex").await;
}
