//! What the seed got wrong with hosts: an unknown one led to a default, a moving one to another tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenantry_db::directory::ResolveError;

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    unknown_hosts_lead_nowhere_and_leave_nothing_behind,
    a_host_that_moves_beside_its_readers_never_leads_to_a_tenant_that_never_had_it,
);

async fn unknown_hosts_lead_nowhere_and_leave_nothing_behind(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    site.make(&instance, "acme").await;
    let folders = ["", "data", "data/tenants", "data/journal", "data/template", "data/claimed"];
    let before = folders.map(|folder| site.listed(folder));
    for number in 0..10_000 {
        let unknown = by_host(&instance, &format!("host-{number}.example"));
        assert_eq!(unknown.unwrap_err(), ResolveError::Unknown);
    }
    assert_eq!(folders.map(|folder| site.listed(folder)), before);
    assert_eq!(instance.stats().files.open, 0);
    assert_eq!(instance.directory().records().len(), 1);
}

/// The readers, each beside the one writer.
const READERS: usize = 3;

/// How often the domain moves.
const MOVES: usize = 150;

async fn a_host_that_moves_beside_its_readers_never_leads_to_a_tenant_that_never_had_it(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    for name in ["acme", "globex", "bystander"] {
        site.make(&instance, name).await;
        write(&door(&instance, name), name).await.unwrap();
    }
    let ids = ["acme", "globex"].map(|name| instance.directory().record(&slug(name)).unwrap().id);
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (instance, over) = (instance.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut seen = [0_usize; 2];
                while !over.load(Ordering::Relaxed) {
                    for (domain, owners) in [
                        ("moving.example", &["acme", "globex"][..]),
                        ("acme.example", &["acme"]),
                        ("bystander.example", &["bystander"]),
                    ] {
                        let Ok(tenant) = by_host(&instance, domain) else {
                            assert_eq!(domain, "moving.example", "only this one is nobody's at times");
                            continue;
                        };
                        let name = tenant.slug().as_str();
                        assert!(owners.contains(&name), "{domain} led to {name}");
                        let found = titles(&instance.tenant_db(&tenant).unwrap()).await.unwrap();
                        assert_eq!(found, [name], "{domain}");
                        if domain == "moving.example" {
                            seen[usize::from(name == "globex")] += 1;
                        }
                    }
                }
                seen
            })
        })
        .collect();
    for round in 0..MOVES {
        let directory = instance.directory();
        directory.add_domain(ids[round % 2], host("moving.example")).await.unwrap();
        directory.remove_domain(ids[round % 2], host("moving.example")).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let mut seen = [0; 2];
    for reader in readers {
        let [acme, globex] = reader.await.unwrap();
        seen = [seen[0] + acme, seen[1] + globex];
    }
    assert!(seen.iter().all(|count| *count > 0), "the readers met it at both: {seen:?}");
}
