//! A fleet: all are tried, failures are told, what is done is recorded.

use std::convert::Infallible;
use std::future::ready;
use std::num::NonZeroUsize;
use std::time::Duration;

use tenantry_core::Slug;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::migrate::{Column, FleetTarget as Target, Progress, StepError, Summary, Table, migrate_fleet};

struct Fleet {
    tenants: Vec<Fixture>,
    pool: Pool,
}

impl Fleet {
    fn of(size: i64) -> Self {
        let tenants = (1..=size).map(|number| Fixture::of(TenantId::new(number))).collect();
        Self { tenants, pool: Pool::for_test() }
    }

    fn targets(&self) -> Vec<Target> {
        let slug = |fixture: &Fixture| format!("tenant-{:03}", fixture.file.tenant().get()).parse::<Slug>();
        let target = |fixture: &Fixture| Target {
            slug: slug(fixture).unwrap(),
            id: fixture.file.tenant(),
            store: Store::Sqlite { file: Arc::clone(&fixture.file), pool: self.pool.clone() },
            shared: None,
        };
        self.tenants.iter().map(target).collect()
    }

    /// Migrates all; returns the summary, the most that ran at once, and the batches that were recorded.
    async fn migrate(&self, history: &Arc<History>, jobs: usize) -> (Summary, usize, Vec<Vec<TenantId>>) {
        let (mut running, mut most, mut batches) = (0_usize, 0, Vec::new());
        let summary = migrate_fleet(
            history,
            self.targets(),
            NonZeroUsize::new(jobs).unwrap(),
            |progress| match progress {
                Progress::Started { .. } => {
                    running += 1;
                    most = most.max(running);
                }
                Progress::Done { .. } | Progress::Failed { .. } => running -= 1,
            },
            |tenants| {
                batches.push(tenants);
                ready(Ok::<_, Infallible>(()))
            },
        )
        .await
        .unwrap();
        assert_eq!(running, 0, "each tenant that was begun came to an end");
        (summary, most, batches)
    }
}

fn notes() -> Migration {
    Migration::new("notes", "0001_initial").create_table(Table::new("notes_note").column(Column::id()))
}

#[tokio::test]
async fn every_tenant_is_migrated_and_recorded_in_batches_some_at_a_time() {
    let fleet = Fleet::of(120);
    let (summary, most, batches) = fleet.migrate(&history(vec![notes()]), 4).await;
    assert_eq!((summary.done, summary.failed.len(), most), (120, 0, 4));
    // How many there are depends on how long it takes.
    assert!(batches.len() > 1 && batches.iter().all(|batch| batch.len() <= 100));
    let mut recorded = batches.concat();
    recorded.sort();
    assert_eq!(recorded, (1..=120).map(TenantId::new).collect::<Vec<_>>());
    assert!(fleet.tenants.iter().all(|tenant| tenant.tables().contains(&"notes_note".to_owned())));
}

#[tokio::test]
async fn tenants_that_fail_stop_no_other_and_only_they_are_left_for_the_next_run() {
    let fleet = Fleet::of(9);
    fleet.tenants[2].connection().execute_batch("CREATE TABLE notes_note (mine)").unwrap();
    std::fs::write(fleet.tenants[5].path(), "not a database at all".repeat(99)).unwrap();
    let panics = Migration::new("notes", "0002_panics").run_rust("panics_on_a_flag", |db| {
        Box::pin(async move {
            let flagged = db.raw("SELECT 1 FROM sqlite_master WHERE name = 'flag'", vec![]).await?;
            assert!(flagged.is_empty(), "the step trips");
            Ok::<_, StepError>(())
        })
    });
    fleet.tenants[7].connection().execute_batch("CREATE TABLE flag (it)").unwrap();

    let history = history(vec![notes(), panics]);
    let (summary, _, batches) = fleet.migrate(&history, 3).await;
    assert_eq!(summary.done, 6);
    let told: Vec<_> = summary.failed.iter().map(|(slug, reason)| format!("{slug}: {reason}")).collect();
    let expected = [
        (
            "tenant-003",
            "migration notes.0001_initial failed: the database failed: table \"notes_note\" already exists",
        ),
        ("tenant-006", "file is not a database"),
        ("tenant-008", "a migration's step panicked"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, (slug, reason)) in told.iter().zip(expected) {
        assert!(told.starts_with(slug) && told.contains(reason), "{told}");
    }
    let recorded = batches.concat();
    assert!([3, 6, 8].into_iter().all(|failed| !recorded.contains(&TenantId::new(failed))));
    let kept = fleet.tenants[7].plan(&history).await.unwrap();
    assert_eq!(kept.pending().count(), 1, "the panic undid its own migration and no other");

    fleet.tenants[2].connection().execute_batch("DROP TABLE notes_note").unwrap();
    let (again, ..) = fleet.migrate(&history, 3).await;
    assert_eq!((again.done, again.failed.len()), (7, 2));
}

#[tokio::test]
async fn nothing_new_begins_once_the_directory_can_not_be_written() {
    let fleet = Fleet::of(130);
    let mut started = 0;
    let outcome = migrate_fleet(
        &history(vec![]),
        fleet.targets(),
        NonZeroUsize::MIN,
        |progress| started += usize::from(matches!(progress, Progress::Started { .. })),
        |_| ready(Err("the disk is full")),
    )
    .await;
    assert_eq!(outcome.unwrap_err(), "the disk is full");
    assert!(started <= 100, "{started}");
}

#[tokio::test]
async fn who_is_done_is_recorded_while_another_one_takes_its_time() {
    static RECORDED: Notify = Notify::const_new();
    /// Ten times what it may take, and more.
    const PATIENCE: Duration = Duration::from_secs(10);
    let fleet = Fleet::of(2);
    let waits = Migration::new("notes", "0002_waits").run_rust("waits_on_a_flag", |db| {
        Box::pin(async move {
            let flagged = db.raw("SELECT 1 FROM sqlite_master WHERE name = 'flag'", vec![]).await?;
            if !flagged.is_empty() {
                timeout(PATIENCE, RECORDED.notified()).await?;
            }
            Ok::<_, StepError>(())
        })
    });
    fleet.tenants[0].connection().execute_batch("CREATE TABLE flag (it)").unwrap();
    let mut batches = Vec::new();
    let summary = migrate_fleet(
        &history(vec![notes(), waits]),
        fleet.targets(),
        NonZeroUsize::new(2).unwrap(),
        |_| {},
        |tenants| {
            batches.push(tenants);
            RECORDED.notify_one();
            ready(Ok::<_, Infallible>(()))
        },
    )
    .await
    .unwrap();
    assert_eq!((summary.done, summary.failed.len()), (2, 0), "{:?}", summary.failed);
    assert_eq!(batches, [[TenantId::new(2)], [TenantId::new(1)]]);
}
