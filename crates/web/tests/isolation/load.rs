//! Many clients that press the tenants at once, and what they have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenantry_db::Instance;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::tenants::{NOTES, PASSWORD, Staged, Tenants, USER};

/// How hard to press.
pub(crate) struct Load {
    /// Requests whose answers are read and searched.
    pub(crate) requests: usize,
    /// Further requests whose clients go away in the middle.
    pub(crate) dropped: usize,
    /// How many times the notes those multiply by themselves.
    pub(crate) power: u32,
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
    /// The tenants that let someone sign in, once for each time.
    pub(crate) signed_in: Vec<String>,
    /// The most tenants' files that were open when an answer came.
    pub(crate) open_files: usize,
}

/// Clients at a time.
pub(crate) const CLIENTS: usize = 32;

/// How many requests go to the same two tenants before it is two others' turn. Within the first of twenty parts of the load
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
                instance: tenants.site.instance.clone(),
                tenants: Arc::clone(&staged),
                reports: Arc::clone(&tenants.reports),
                power: self.power,
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
    instance: Instance,
    tenants: Arc<[Staged]>,
    reports: Arc<[Semaphore]>,
    power: u32,
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
            let pressed_at_once = if index < requests / 20 { self.tenants.len() } else { 2 };
            let own = (index / PHASE + self.number % pressed_at_once) % self.tenants.len();
            if index.is_multiple_of(every) {
                let long = if index.is_multiple_of(2 * every) { "report" } else { "half" };
                let long =
                    get(&self.tenants[own].host, &format!("/{long}/{}/{}", self.power, self.number), "");
                self.client.leave(&long, &self.reports[self.number]).await;
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
            6 => {
                let answer = self.client.ask(&get(&tenant.host, "/whole", "")).await;
                self.search(tenant, &answer, 200);
            }
            7 if index.is_multiple_of(9) => self.sign_in(index, tenant, other).await,
            7..=10 => {
                let answer = self.client.ask(&get(&tenant.host, "/notes", "")).await;
                self.search(tenant, &answer, 200);
            }
            _ => {
                let id = -1 - i64::try_from(index).unwrap() % NOTES;
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

    /// Signs in by a form that the tenant made; mostly, though, by one that another made, which is refused before the
    /// password is looked at.
    async fn sign_in(&mut self, index: usize, tenant: &Staged, other: &Staged) {
        let own = index.is_multiple_of(7);
        let maker = if own { tenant } else { other };
        let form = self.client.ask(&get(&maker.host, "/admin/login/", "")).await;
        self.search(maker, &form, 200);
        let token = form.between("name=\"csrfmiddlewaretoken\" value=\"", "\"");
        let fields = format!("csrfmiddlewaretoken={token}&username={USER}&password={PASSWORD}&next=/admin/");
        let request = format!(
            "POST /admin/login/ HTTP/1.1\r\nHost: {}\r\nCookie: csrftoken={}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{fields}",
            tenant.host,
            form.between("set-cookie: csrftoken=", ";"),
            fields.len()
        );
        let answer = self.client.ask(&request).await;
        if own {
            self.search_for(tenant, &answer, 302, "location: /admin/\r\n");
            self.seen.signed_in.push(tenant.slug.clone());
        } else {
            self.search_for(tenant, &answer, 403, "");
        }
    }

    fn search(&mut self, tenant: &Staged, answer: &Answer, expected: u16) {
        let to_login = "location: /admin/login/?next=/admin/";
        let text = if expected == 302 { to_login } else { tenant.canary.as_str() };
        self.search_for(tenant, answer, expected, text);
    }

    /// Looks for other tenants' canaries in every byte, and for what there has to be: where there is a page of data, the
    /// own one.
    fn search_for(&mut self, tenant: &Staged, answer: &Answer, expected: u16, text: &str) {
        self.seen.answered += 1;
        let others = self.tenants.iter().filter(|other| other.slug != tenant.slug);
        let crossed: Vec<&str> = others
            .filter(|other| answer.text.contains(&other.canary))
            .map(|other| other.slug.as_str())
            .collect();
        if !crossed.is_empty() {
            self.seen.crossings.push(format!("{} got something of {}", tenant.slug, crossed.join(", ")));
        }
        self.seen.open_files = self.seen.open_files.max(self.instance.stats().files.open);
        if answer.status() != expected || !answer.text.contains(text) {
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
        self.signed_in.extend(other.signed_in);
        self.open_files = self.open_files.max(other.open_files);
        self
    }
}

pub(crate) fn get(host: &str, path: &str, cookie: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n")
}
