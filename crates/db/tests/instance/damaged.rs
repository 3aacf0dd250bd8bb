//! Databases that someone damaged, by accident or with care, and that a tenant then claims: each is refused as it is or
//! served as far as it goes, and nobody else notices.

use std::fmt::Debug;
use std::time::Duration;

use tenantry_db::lifecycle::Target;

use crate::common::*;

/// Ten times what any of them takes, and far from forever.
const PATIENCE: Duration = Duration::from_secs(60);

const PAGE: usize = 4_096;
const FILES: usize = 60;

/// The same numbers in every run: a file that fails once fails again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// The database with some bytes changed anywhere, in the schema or in a page's header; cut short; or with one page
    /// in another's place.
    fn damage(&mut self, good: &[u8], how: usize) -> Vec<u8> {
        let mut bytes = good.to_vec();
        let pages = good.len() / PAGE;
        let (times, page) = (1 + self.below(12), self.below(pages) * PAGE);
        match how {
            0 => (0..times).for_each(|_| bytes[self.below(good.len())] = self.byte()),
            1 => (0..times).for_each(|_| bytes[self.below(4 * PAGE)] = self.byte()),
            2 => (0..times).for_each(|_| bytes[page + self.below(12)] = self.byte()),
            3 => bytes.truncate(self.below(good.len())),
            _ => {
                let other = self.below(pages) * PAGE;
                bytes.copy_within(other..other + PAGE, page);
            }
        }
        bytes
    }
}

/// A database with all that an application may have made in it.
async fn valid() -> Vec<u8> {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let instance = site.open();
    instance.create_tenant(claiming("acme", "legacy")).await.unwrap();
    let db = door(&instance, "acme");
    for number in 0..200 {
        write(&db, &format!("note {number} {}", "x".repeat(number % 150))).await.unwrap();
    }
    for sql in [
        "CREATE VIRTUAL TABLE found USING fts5(words)",
        "INSERT INTO found SELECT title FROM notes_note",
        "CREATE VIEW seen AS SELECT title FROM notes_note",
        "CREATE TRIGGER fired AFTER INSERT ON notes_note BEGIN UPDATE notes_note SET title = title; END",
    ] {
        db.raw_execute(sql, vec![]).await.unwrap();
    }
    instance.close().await;
    std::fs::read(site.path("legacy.sqlite3")).unwrap()
}

/// An error is as good as an answer, but nothing may have panicked.
fn calm<T, E: Debug>(outcome: Result<T, E>) {
    if let Err(error) = outcome {
        let error = format!("{error:?}");
        assert!(!error.contains("Panicked"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_as_it_is_or_served_as_far_as_it_goes() {
    let good = valid().await;
    let mut numbers = Numbers(7);
    let mut site = Site::new();
    for number in 0..FILES {
        let name = format!("d{number}.sqlite3");
        site = site.file(&format!("d{number}"), &name);
        std::fs::write(site.path(&name), numbers.damage(&good, number % 5)).unwrap();
        // What a crash may have left, or someone may have put there.
        let beside: &[(&str, &[u8])] =
            &[("-wal", b"\x37\x7f\x06\x82"), ("-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")];
        if let Some((suffix, magic)) = beside.get(number % 7) {
            let noise: Vec<u8> = magic.iter().copied().chain((0..9_000).map(|_| numbers.byte())).collect();
            std::fs::write(site.path(&format!("{name}{suffix}")), noise).unwrap();
        }
    }
    let instance = site.open();
    make(&instance, "bystander").await;
    let bystander = door(&instance, "bystander");
    write(&bystander, "mine").await.unwrap();
    let (mut served, mut refused) = (0, 0);
    for number in 0..FILES {
        let (name, path) = (format!("tenant-{number}"), site.path(&format!("d{number}.sqlite3")));
        let before = std::fs::read(&path).unwrap();
        let work = async {
            let claim = claiming(&name, &format!("d{number}"));
            let Ok(record) = instance.create_tenant(claim).await else { return false };
            let db = door(&instance, &name);
            calm(titles(&db).await);
            calm(write(&db, "new").await);
            calm(db.raw("SELECT * FROM seen JOIN found LIMIT 500", vec![]).await);
            calm(db.raw("SELECT * FROM found WHERE found MATCH 'note'", vec![]).await);
            calm(db.raw("PRAGMA integrity_check", vec![]).await);
            calm(db.raw_execute("DELETE FROM notes_note", vec![]).await);
            calm(instance.plan(&record).await);
            let behind = instance.behind(&Target::Tenant(slug(&name))).await.unwrap();
            calm(instance.migrate(behind, std::num::NonZeroUsize::MIN, |_| {}).await);
            true
        };
        match tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{name} hangs")) {
            true => served += 1,
            false => {
                refused += 1;
                assert!(instance.directory().record(&slug(&name)).is_none(), "{name}");
                assert!(!site.path(&format!("data/claimed/d{number}.lock")).exists(), "{name}");
                assert!(std::fs::read(&path).unwrap() == before, "{name} was refused and has changed");
            }
        }
        assert_eq!(titles(&bystander).await.unwrap(), ["mine"], "{name}");
    }
    assert!(served > 9 && refused > 9, "both kinds are met: {served} served, {refused} refused");
}
