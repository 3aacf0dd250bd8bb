//! Clients that ask some hosts without a pause while an operator changes what these lead to; every answer is held against
//! what its host might say between the request and the answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenantry_core::TenantId;
use tenantry_db::Instance;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::client::{Answer, Client};
use crate::common::columns::Ground;
use crate::common::{self, Setup, Site};
use crate::load::get;
use crate::tenants::{canary, stage};

const CLIENTS: usize = 8;

/// How many requests begin and are answered before a change counts as looked at.
const ENOUGH: usize = 40;

/// Ten times what a change may take to be seen, and many times what an answer takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// A site under the eyes of such clients.
pub(crate) struct Watch {
    pub(crate) site: Site,
    canaries: Vec<String>,
    hosts: Vec<Watched>,
    /// Every session that a tenant gave, whether the tenant is there or not.
    sessions: Mutex<Vec<(usize, String)>>,
    /// The notes that the clients were told are stored, and by whom.
    stored: Mutex<Vec<(usize, String)>>,
    findings: Mutex<Vec<String>>,
    over: AtomicBool,
}

struct Watched {
    name: &'static str,
    phases: Mutex<Vec<Phase>>,
    /// Answers to requests that began in the last phase.
    looked: AtomicUsize,
}

/// What a host may say for a time.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// The tenants that it may lead to.
    tenants: Vec<usize>,
    /// Whether it may lead to none.
    refusal: bool,
}

/// A host that leads to this tenant.
pub(crate) fn served(tenant: usize) -> Phase {
    Phase { tenants: vec![tenant], refusal: false }
}

/// A host that is being changed: to one of these tenants, or none.
pub(crate) fn either<const N: usize>(tenants: [usize; N]) -> Phase {
    Phase { tenants: tenants.to_vec(), refusal: true }
}

/// A host that leads to nobody who is served.
pub(crate) fn refused() -> Phase {
    either([])
}

impl Watch {
    /// A site for so many tenants, and the hosts that are going to be watched. No tenant is made yet.
    pub(crate) fn new(ground: Ground, tenants: usize, hosts: &[&'static str], setup: Setup) -> Self {
        let none_begun: Arc<[Semaphore]> = Arc::new([]);
        let app = common::admin().merge(crate::app::routes(none_begun));
        let watched = |name: &&'static str| Watched {
            name,
            phases: Mutex::new(vec![refused()]),
            looked: AtomicUsize::new(0),
        };
        Self {
            site: common::start_with(ground, Setup { app, ..setup }, crate::app::registry(), 0),
            canaries: (0..tenants).map(|_| canary()).collect(),
            hosts: hosts.iter().map(watched).collect(),
            sessions: Mutex::default(),
            stored: Mutex::default(),
            findings: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    /// Makes the tenant with this number through `instance`, and lets its user in.
    pub(crate) async fn make(&self, instance: &Instance, number: usize, slug: &str, host: &str) -> TenantId {
        let staged = stage(instance, self.site.home(0), slug, host, self.canaries[number].clone()).await;
        self.sessions.lock().unwrap().push((number, staged.cookie));
        instance.directory().record(&slug.parse().unwrap()).unwrap().id
    }

    /// The same data as another process has it: the command line beside the server, or the server after a restart.
    pub(crate) fn beside(&self) -> Instance {
        self.site.beside(crate::app::registry(), 0)
    }

    /// A tenant's name: it is what marks it.
    pub(crate) fn name(&self, tenant: usize) -> &str {
        &self.canaries[tenant]
    }

    /// The tenants that have something in a text.
    pub(crate) fn seen_in(&self, text: &str) -> Vec<usize> {
        (0..self.canaries.len()).filter(|tenant| text.contains(&self.canaries[*tenant])).collect()
    }

    /// Lets the clients ask while `change` does what it does; then gives what they found to be wrong.
    pub(crate) async fn during(self: &Arc<Self>, change: impl Future<Output = ()>) -> Vec<String> {
        let clients = (0..CLIENTS).map(|number| Arc::clone(self).ask_on(number));
        let clients = clients.collect::<JoinSet<()>>();
        change.await;
        self.over.store(true, Ordering::Relaxed);
        clients.join_all().await;
        std::mem::take(&mut *self.findings.lock().unwrap())
    }

    /// From now on this is what the host may say.
    pub(crate) fn may(&self, host: usize, phase: Phase) {
        let mut phases = self.hosts[host].phases.lock().unwrap();
        phases.push(phase);
        self.hosts[host].looked.store(0, Ordering::Relaxed);
    }

    /// Waits until the clients have looked at the host as it is now.
    pub(crate) async fn look(&self, host: usize) {
        let seen = &self.hosts[host].looked;
        until("enough answers", async || seen.load(Ordering::Relaxed) >= ENOUGH).await;
    }

    /// Waits until the host leads to this tenant, which another process has seen to.
    pub(crate) async fn leads_to(&self, host: usize, tenant: usize) {
        let request = get(self.hosts[host].name, "/whole", "");
        let seen = async || {
            let answer = Client::new(self.site.address).ask(&request).await;
            answer.status() == 200 && self.seen_in(&answer.text) == [tenant]
        };
        until("the change", seen).await;
    }

    /// The titles of the notes that a tenant said it has stored.
    pub(crate) fn stored(&self, tenant: usize) -> Vec<String> {
        let stored = self.stored.lock().unwrap();
        stored.iter().filter(|(by, _)| *by == tenant).map(|(_, title)| title.clone()).collect()
    }

    async fn ask_on(self: Arc<Self>, number: usize) {
        let mut client = Client::new(self.site.address);
        for step in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let host = &self.hosts[(step + number) % self.hosts.len()];
            let began = host.phases.lock().unwrap().len() - 1;
            let (asked, request) = self.request(host, number, step);
            let answer = client.ask(&request).await;
            let phases = host.phases.lock().unwrap()[began..].to_vec();
            self.judge(host, &asked, &answer, &phases);
            if phases.len() == 1 {
                host.looked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn request(&self, host: &Watched, number: usize, step: usize) -> (Asked, String) {
        let turn = step / self.hosts.len();
        match turn % 7 {
            0 | 3 => (Asked::Data, get(host.name, "/whole", "")),
            1 | 4 => (Asked::Data, get(host.name, "/notes/-1", "")),
            2 => {
                let title = format!("{step} by {number}");
                let length = title.len();
                let head =
                    format!("POST /stamped HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}", host.name);
                let request = format!("{head}\r\n\r\n{title}");
                (Asked::ToStore(title), request)
            }
            _ => {
                let sessions = self.sessions.lock().unwrap();
                let (of, cookie) = &sessions[turn % sessions.len()];
                (Asked::Page { of: *of }, get(host.name, "/admin/", cookie))
            }
        }
    }

    /// Holds an answer against the phases from its request to its end.
    fn judge(&self, host: &Watched, asked: &Asked, answer: &Answer, phases: &[Phase]) {
        let tenants: BTreeSet<usize> = phases.iter().flat_map(|phase| &phase.tenants).copied().collect();
        let refusal = phases.iter().any(|phase| phase.refusal);
        let right = match (asked, answer.status(), self.seen_in(&answer.text).as_slice()) {
            // Nobody's session but its own opens a tenant's page.
            (Asked::Page { of }, 200, [tenant]) => tenant == of && tenants.contains(tenant),
            (Asked::Page { of }, 302, []) => {
                answer.text.contains("location: /admin/login/?") && tenants.iter().any(|tenant| tenant != of)
            }
            (Asked::Data, 200, [tenant]) => tenants.contains(tenant),
            (Asked::ToStore(title), 201, [tenant]) => {
                self.stored.lock().unwrap().push((*tenant, title.clone()));
                tenants.contains(tenant)
            }
            (_, 400 | 404 | 503, []) => refusal,
            _ => false,
        };
        if !right {
            let finding = format!("{}, {asked:?}, within {phases:?}: {}", host.name, answer.text);
            self.findings.lock().unwrap().push(finding);
        }
    }
}

/// What a client asked for.
#[derive(Debug)]
enum Asked {
    Data,
    ToStore(String),
    /// The admin's page, with a session of this tenant.
    Page {
        of: usize,
    },
}

/// Looks until `seen` says yes.
async fn until(what: &str, mut seen: impl AsyncFnMut() -> bool) {
    let looking = async {
        let mut pause = interval(Duration::from_millis(2));
        while !seen().await {
            pause.tick().await;
        }
    };
    timeout(DEADLINE, looking).await.unwrap_or_else(|_| panic!("{what} did not come"));
}
