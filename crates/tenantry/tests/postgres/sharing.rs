//! Several machines that share a directory on PostgreSQL: what one changes, all go by; what one was killed at, another ends.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::server::PATIENCE;
use crate::common::{PASSWORD, Server};
use crate::place::{Place, connect, on_each, on_own};
use crate::proxy::Proxy;

/// A machine: a data folder, and settings by which the directory is on the server.
struct Machine<'p> {
    place: &'p Place,
    /// HOST:PORT of the server, as this machine reaches it.
    way: String,
    folder: TempDir,
}

impl<'p> Machine<'p> {
    fn new(place: &'p Place) -> Self {
        Self::by(place, &place.address)
    }

    fn by(place: &'p Place, way: &str) -> Self {
        Self { place, way: way.to_owned(), folder: tempfile::tempdir().unwrap() }
    }

    /// What its connections are known by on the server.
    fn name(&self) -> &str {
        self.folder.path().file_name().unwrap().to_str().unwrap()
    }

    fn command(&self, words: &str) -> Command {
        let (name, way) = (&self.place.name, &self.way);
        let mut command = self.place.command(words);
        command
            .current_dir(self.folder.path())
            .env_remove("DB_MAIN")
            .env_remove("DB_MAIN_OWNER")
            .env("DB_DEFAULT", format!("postgres://{name}@{way}/{name}"))
            .env(
                "DB_DEFAULT_OWNER",
                format!("postgres://{name}_owner@{way}/{name}?application_name={}", self.name()),
            )
            .env("SECRET_KEY", "the-same-on-every-machine-of-this-test");
        command
    }

    fn spawn(&self, words: &str) -> Child {
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn ok(&self, words: &str) -> String {
        done(words, self.spawn(words))
    }

    fn serve(&self) -> Server {
        Server::run(&mut self.command("serve"))
    }

    /// The tenants, each with its status.
    fn tenants(&self) -> Vec<(String, String)> {
        let listed: Value = serde_json::from_str(&self.ok("tenant list --json --per-page 1000")).unwrap();
        let text = |tenant: &Value, name: &str| tenant[name].as_str().unwrap().to_owned();
        let tenants = listed["tenants"].as_array().unwrap().iter();
        tenants.map(|tenant| (text(tenant, "slug"), text(tenant, "status"))).collect()
    }
}

fn done(words: &str, command: Child) -> String {
    let done = command.wait_with_output().unwrap();
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

impl Place {
    async fn count(&self, sql: &str) -> i64 {
        self.administrator.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// The same by a connection of its own, from a server that was started again.
    async fn count_anew(&self, sql: &str) -> i64 {
        let administrator = connect(&self.url_of_administrator()).await;
        administrator.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Changes of several steps that are under way.
    async fn under_way(&self) -> i64 {
        self.count("SELECT count(*) FROM tenantry.journal").await
    }

    /// To the roles it is as if the server were being started again: who is connected is put out, and nobody gets in.
    async fn go_away(&self) {
        let name = &self.name;
        let outside = connect(&self.administrators).await;
        let closed = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        outside.batch_execute(&closed).await.unwrap();
        let put_out = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}' AND usename LIKE '{name}%'"
        );
        outside.batch_execute(&put_out).await.unwrap();
    }

    async fn come_back(&self) {
        let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name);
        connect(&self.administrators).await.batch_execute(&open).await.unwrap();
    }

    /// Ends the connections of a machine to the directory; how many there were.
    async fn break_off(&self, machine: &Machine<'_>) -> i64 {
        let name = machine.name();
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ";
        self.count(&format!("{sql}'{name}'")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_machine_changes_all_go_by() {
    on_each(async |place| {
        let machines = [Machine::new(&place), Machine::new(&place)];
        let third = Machine::new(&place);
        third.ok("tenant create acme --domain acme.example");
        let servers = machines.each_ref().map(Machine::serve);
        let all = async |host: &str, status| {
            for server in &servers {
                server.until(host, status).await;
            }
        };
        all("acme.example", StatusCode::OK).await;
        third.ok("tenant create globex --domain globex.example");
        all("globex.example", StatusCode::OK).await;
        for (words, host, status) in [
            ("tenant suspend acme", "acme.example", StatusCode::SERVICE_UNAVAILABLE),
            ("tenant activate acme", "acme.example", StatusCode::OK),
            ("tenant domain add acme www.acme.example", "www.acme.example", StatusCode::OK),
            ("tenant domain remove acme www.acme.example", "www.acme.example", StatusCode::BAD_REQUEST),
        ] {
            // The command may wait until everyone has heard.
            let command = third.spawn(words);
            all(host, status).await;
            done(words, command);
            all(host, status).await;
            all("globex.example", StatusCode::OK).await;
        }
        let user = "createsuperuser --tenant acme --noinput --username ann --email ann@acme.example";
        machines[0].ok(user);
        assert!(servers[1].sign_in("acme.example", "ann", PASSWORD).await.1.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_heard_of_however_connections_end() {
    on_each(async |place| {
        let (machine, third) = (Machine::new(&place), Machine::new(&place));
        third.ok("tenant create acme --domain acme.example");
        let server = machine.serve();
        let suspended = "SELECT count(*) FROM tenantry.tenant WHERE status = 'suspended'";
        server.until("acme.example", StatusCode::OK).await;
        let command = third.spawn("tenant suspend acme");
        let mut broken_off = 0;
        while place.count(suspended).await == 0 {
            broken_off += place.break_off(&machine).await;
        }
        assert!(broken_off > 0, "it listens");
        server.until("acme.example", StatusCode::SERVICE_UNAVAILABLE).await;
        for _ in 0..50 {
            place.break_off(&machine).await;
            let status = server.get("acme.example", "/admin/login/", "").await.status();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        }
        done("tenant suspend", command);
    })
    .await;
}

/// Every eleventh message.
const STEP: usize = 11;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_machine_was_killed_at_another_ends() {
    on_each(async |place| {
        let proxy = Proxy::start(&place.address).await;
        let (killed, other) = (Machine::by(&place, &proxy.address), Machine::new(&place));
        other.ok("tenant create whole --domain whole.example");
        let mut at = 1;
        loop {
            proxy.arm(at);
            let process = killed.spawn(&format!("tenant create t-{at}"));
            proxy.name(process.id());
            let ended = process.wait_with_output().unwrap();
            proxy.disarm();
            let begun = Instant::now();
            loop {
                // The server may not have seen yet that the process is gone.
                other.ok("reconcile");
                if place.under_way().await == 0 {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "killed at message {at}");
            }
            let tenants = other.tenants();
            assert!(
                tenants.iter().all(|(_, status)| status == "active"),
                "killed at message {at}: {tenants:?}"
            );
            assert_eq!(i64::try_from(tenants.len()).unwrap(), place.places().await, "killed at message {at}");
            if ended.status.success() {
                break;
            }
            at += STEP;
        }
        assert!(at > 5 * STEP, "{at} messages are too few for a tenant");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_living_machine_does_no_other_ends() {
    on_each(async |place| {
        let (slow, other) = (Machine::new(&place), Machine::new(&place));
        other.ok("tenant create whole --domain whole.example");
        let mut number = 0;
        let process = loop {
            number += 1;
            let mut process = slow.spawn(&format!("tenant create slow-{number}"));
            while place.under_way().await == 0 && process.try_wait().unwrap().is_none() {}
            let id = Pid::from_child(&process);
            // It may have ended just now.
            let _ = kill_process(id, Signal::STOP);
            if place.under_way().await == 1 {
                break process;
            }
            let _ = kill_process(id, Signal::CONT);
            done("tenant create", process);
        };
        other.ok("reconcile");
        let server = other.serve();
        assert_eq!(place.under_way().await, 1, "who does it lives");
        kill_process(Pid::from_child(&process), Signal::CONT).unwrap();
        done("tenant create", process);
        assert_eq!(place.under_way().await, 0);
        let tenants = other.tenants();
        assert_eq!(tenants.len(), number + 1);
        assert!(tenants.iter().all(|(_, status)| status == "active"), "{tenants:?}");
        server.until("whole.example", StatusCode::OK).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_away_is_told_and_then_nobody_is_served_for_long() {
    on_each(async |place| {
        let (machine, other) = (Machine::new(&place), Machine::new(&place));
        // In a file of this machine's: only for want of the directory it is not served.
        machine.ok("tenant create acme --domain acme.example --server local");
        let server = machine.serve();
        server.until("acme.example", StatusCode::OK).await;

        place.go_away().await;
        server.until("acme.example", StatusCode::SERVICE_UNAVAILABLE).await;
        let begun = Instant::now();
        while server.get("acme.example", "/readyz", "").await.status() == StatusCode::OK {
            assert!(begun.elapsed() < PATIENCE, "it is ready without a directory");
        }
        assert_eq!(server.get("acme.example", "/healthz", "").await.status(), StatusCode::OK);
        for words in ["serve", "tenant create globex", "tenant list", "reconcile"] {
            let refused = other.command(words).output().unwrap();
            let said = String::from_utf8(refused.stderr).unwrap();
            assert!(!refused.status.success(), "{words}");
            let expected = format!(
                "the directory at postgres://{0}_owner@{1}/{0} can't be reached",
                place.name, place.address
            );
            assert!(said.contains(&expected) && !said.contains("hush"), "{words}: {said}");
        }
        place.come_back().await;
        server.until("acme.example", StatusCode::OK).await;
        assert_eq!(other.tenants(), [("acme".to_owned(), "active".to_owned())]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_in_a_file_of_one_machine_is_refused_by_the_others() {
    on_each(async |place| {
        let (machine, other) = (Machine::new(&place), Machine::new(&place));
        machine.ok("tenant create acme --domain acme.example --server local");
        machine.ok("tenant create globex --domain globex.example");
        let servers = [&machine, &other].map(Machine::serve);
        servers[0].until("acme.example", StatusCode::OK).await;
        servers[1].until("globex.example", StatusCode::OK).await;
        for _ in 0..3 {
            let status = servers[1].get("acme.example", "/admin/login/", "").await.status();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        }
        let refused = other.command("migrate --tenant acme").output().unwrap();
        let said = String::from_utf8(refused.stdout).unwrap();
        assert!(!refused.status.success() && said.contains("in another data folder"), "{said}");
        assert_eq!(std::fs::read_dir(other.folder.path().join("data/tenants")).unwrap().count(), 0);
        servers[0].until("acme.example", StatusCode::OK).await;
    })
    .await;
}

/// Ten times what may pass until a server that was started again is used again.
const AGAIN: Duration = Duration::from_secs(50);

/// Nobody waits for an answer for longer.
async fn asked(server: &Server) -> StatusCode {
    let answer = tokio::time::timeout(AGAIN, server.get("acme.example", "/admin/login/", "")).await;
    answer.expect("an answer hangs").status()
}

async fn ended(command: Child) -> bool {
    let ended = tokio::task::spawn_blocking(|| command.wait_with_output().unwrap());
    tokio::time::timeout(AGAIN, ended).await.expect("a command hangs").unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_started_again_under_load_loses_nothing_it_acknowledged() {
    on_own(async |mut place, cluster| {
        let over = AtomicBool::new(false);
        let (machines, third) = ([Machine::new(&place), Machine::new(&place)], Machine::new(&place));
        third.ok("tenant create acme --domain acme.example");
        let servers = machines.each_ref().map(Machine::serve);
        let asking = async |server: &Server| {
            while !over.load(Ordering::SeqCst) {
                let status = asked(server).await;
                assert!(matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{status}");
            }
        };
        let making = async {
            let mut cluster = cluster;
            let (mut tenants, mut people) = (vec!["acme".to_owned()], Vec::new());
            for number in 0..4 {
                let (slug, name) = (format!("t-{number}"), format!("ann-{number}"));
                let before = place.count_anew("SELECT count(*) FROM tenantry.tenant").await;
                let tenant = third.spawn(&format!("tenant create {slug} --domain {slug}.example"));
                let person = machines[0].spawn(&format!(
                    "createsuperuser --tenant acme --noinput --username {name} --email {name}@acme.example"
                ));
                let begun = Instant::now();
                while place.count_anew("SELECT count(*) FROM tenantry.tenant").await <= before {
                    assert!(begun.elapsed() < PATIENCE, "{slug} is not begun");
                }
                let restarted = tokio::task::spawn_blocking(move || {
                    cluster.restart();
                    cluster
                });
                cluster = restarted.await.unwrap();
                let begun = Instant::now();
                for server in &servers {
                    while asked(server).await != StatusCode::OK {
                        assert!(begun.elapsed() < AGAIN, "it does not serve again");
                    }
                }
                tenants.extend(ended(tenant).await.then_some(slug));
                people.extend(ended(person).await.then_some(name));
            }
            over.store(true, Ordering::SeqCst);
            (tenants, people, cluster)
        };
        let ((), (), (acknowledged, people, _cluster)) =
            tokio::join!(asking(&servers[0]), asking(&servers[1]), making);
        third.ok("reconcile");
        for (server, slug) in
            servers.iter().flat_map(|server| acknowledged.iter().map(move |slug| (server, slug)))
        {
            server.until(&format!("{slug}.example"), StatusCode::OK).await;
        }
        for name in people {
            let (answer, _) = servers[1].sign_in("acme.example", &name, PASSWORD).await;
            assert_eq!(answer.status(), StatusCode::FOUND, "{name}");
        }
        let tenants = third.tenants();
        assert!(tenants.iter().all(|(_, status)| status == "active"), "{tenants:?}");
        assert!(
            acknowledged.iter().all(|slug| tenants.iter().any(|(there, _)| there == slug)),
            "{tenants:?}"
        );
        drop((servers, machines, third));
        place.enter().await;
        assert_eq!(
            (place.places().await, place.under_way().await),
            (i64::try_from(tenants.len()).unwrap(), 0)
        );
    })
    .await;
}
