//! Many clients that press the tenants at once, and what they have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::tenants::{NOTES, Staged, Tenants};

/// How hard to press.
pub(crate) struct Load {
    /// Requests whose answers are read and searched.
    pub(crate) requests: usize,
    /// Further requests whose clients go away in the middle.
    pub(crate) dropped: usize,
}

/// What the clients have seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) answered: usize,
    /// Answers to another tenant's session: each led to the login.
    pub(crate) refused_sessions: usize,
    /// Answers with something of another tenant.
    pub(crate) crossings: Vec<String>,
    /// Answers that are not what they should be.
    pub(crate) wrong: Vec<String>,
    /// Notes whose addition was acknowledged: tenant and title.
    pub(crate) added: Vec<(String, String)>,
}

/// Clients at a time.
pub(crate) const CLIENTS: usize = 32;

/// How many requests go to the same two tenants before it is two others' turn. Within the first of ten parts of the load
/// all tenants are pressed at once: nearly every request then finds its file closed.
const PHASE: usize = 250;

impl Load {
    pub(crate) async fn press(&self, tenants: &Tenants) -> Seen {
        let begun = Arc::new(AtomicUsize::new(0));
        let staged: Arc<[Staged]> = tenants.all.iter().map(Staged::again).collect();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let client = Pressing {
                number,
                client: Client::new(tenants.site.address),
                tenants: Arc::clone(&staged),
                reports: Arc::clone(&tenants.reports),
                seen: Seen::default(),
            };
            clients.spawn(client.run(Arc::clone(&begun), self.requests, self.requests / self.dropped));
        }
        let all = clients.join_all().await;
        all.into_iter().fold(Seen::default(), Seen::and)
    }
}

struct Pressing {
    number: usize,
    client: Client,
    tenants: Arc<[Staged]>,
    reports: Arc<[Semaphore]>,
    seen: Seen,
}

impl Pressing {
    /// Takes the next request of all until none is left. Each `every`-th comes with one that is left in the middle.
    async fn run(mut self, begun: Arc<AtomicUsize>, requests: usize, every: usize) -> Seen {
        loop {
            let index = begun.fetch_add(1, Ordering::Relaxed);
            if index >= requests {
                return self.seen;
            }
            let pressed_at_once = if index < requests / 10 { self.tenants.len() } else { 2 };
            let own = (index / PHASE + self.number % pressed_at_once) % self.tenants.len();
            if index.is_multiple_of(every) {
                let report = get(&self.tenants[own].host, &format!("/report/{}", self.number), "");
                self.client.leave(&report, &self.reports[self.number]).await;
            }
            self.ask(index, own).await;
        }
    }

    async fn ask(&mut self, index: usize, own: usize) {
        let tenants = Arc::clone(&self.tenants);
        let tenant = &tenants[own];
        let other = &tenants[(own + 1 + index % (tenants.len() - 1)) % tenants.len()];
        match index % 20 {
            0 => self.add(index, tenant).await,
            1..=3 => {
                let answer = self.client.ask(&get(&tenant.host, "/admin/", &tenant.cookie)).await;
                self.search(tenant, &answer, 200);
            }
            4..=5 => {
                let answer = self.client.ask(&get(&tenant.host, "/admin/", &other.cookie)).await;
                self.search(tenant, &answer, 302);
                self.seen.refused_sessions += 1;
            }
            6..=10 => {
                let answer = self.client.ask(&get(&tenant.host, "/notes", "")).await;
                self.search(tenant, &answer, 200);
            }
            _ => {
                let id = 1 + i64::try_from(index).unwrap() % NOTES;
                let answer = self.client.ask(&get(&tenant.host, &format!("/notes/{id}"), "")).await;
                self.search(tenant, &answer, 200);
            }
        }
    }

    async fn add(&mut self, index: usize, tenant: &Staged) {
        let title = format!("added {index} {}", tenant.canary);
        let body = format!(r#"{{"title":"{title}","body":"{}"}}"#, tenant.canary);
        let request = format!(
            "POST /notes HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            tenant.host,
            body.len()
        );
        let answer = self.client.ask(&request).await;
        self.search(tenant, &answer, 201);
        self.seen.added.push((tenant.slug.clone(), title));
    }

    /// Looks for other tenants' canaries in every byte, and for the own one where there is a page of data.
    fn search(&mut self, tenant: &Staged, answer: &Answer, expected: u16) {
        self.seen.answered += 1;
        let others = self.tenants.iter().filter(|other| other.slug != tenant.slug);
        let crossed: Vec<&str> = others
            .filter(|other| answer.text.contains(&other.canary))
            .map(|other| other.slug.as_str())
            .collect();
        if !crossed.is_empty() {
            self.seen.crossings.push(format!("{} got something of {}", tenant.slug, crossed.join(", ")));
        }
        let to_login = "location: /admin/login/?next=/admin/";
        let expected_text = if expected == 302 { to_login } else { tenant.canary.as_str() };
        if answer.status() != expected || !answer.text.contains(expected_text) {
            self.seen.wrong.push(format!("{}, {expected} expected: {:.200}", tenant.slug, answer.text));
        }
    }
}

impl Seen {
    fn and(mut self, other: Self) -> Self {
        self.answered += other.answered;
        self.refused_sessions += other.refused_sessions;
        self.crossings.extend(other.crossings);
        self.wrong.extend(other.wrong);
        self.added.extend(other.added);
        self
    }
}

fn get(host: &str, path: &str, cookie: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n")
}
