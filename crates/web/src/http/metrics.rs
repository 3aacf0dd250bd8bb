//! `/metrics`: what the process holds and has done, in Prometheus' text format, for a listener of its own.
//!
//! Servers and roles are labels, tenants never are: their number has no bound, and their names are nobody else's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType::{self, Counter, Gauge};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tenantry_db::directory::DirectoryStats;
use tenantry_db::{FileStats, Instance, Role, ServerStats, Stats};

use super::{Failure, RequestCounts};

/// `/metrics`, and nothing else.
///
/// It says which servers there are and how busy each is, and belongs on a listener that only those who watch over the
/// instance can reach: never among the routes of tenants' hosts.
pub fn metrics(instance: Instance, requests: RequestCounts) -> Router {
    let mut registry = Registry::with_prefix("tenantry");
    registry.register_collector(Box::new(Measured { instance, requests }));
    let registry = Arc::new(registry);
    let text = async move || -> Result<_, Failure> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text))
    };
    Router::new().route("/metrics", get(text))
}

/// What is measured: everything is read when it is asked for.
#[derive(Debug)]
struct Measured {
    instance: Instance,
    requests: RequestCounts,
}

type Label<'a> = (&'a str, &'a str);

/// A figure.
#[derive(Clone, Copy)]
enum Figure {
    Number(u64),
    Time(Duration),
}

/// Figures under one name, told apart by a label where there are several, each read from `T`.
struct Family<T: 'static> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    figures: &'static [Sample<T>],
}

type Sample<T> = (Option<Label<'static>>, fn(&T) -> Figure);

const OF_REQUESTS: [Family<RequestCounts>; 3] = [
    Family {
        name: "http_requests",
        help: "Requests that were answered, by the class of their status",
        kind: Counter,
        figures: &[
            (Some(("status", "1xx")), |requests| Figure::Number(requests.by_class()[0])),
            (Some(("status", "2xx")), |requests| Figure::Number(requests.by_class()[1])),
            (Some(("status", "3xx")), |requests| Figure::Number(requests.by_class()[2])),
            (Some(("status", "4xx")), |requests| Figure::Number(requests.by_class()[3])),
            (Some(("status", "5xx")), |requests| Figure::Number(requests.by_class()[4])),
        ],
    },
    Family {
        name: "http_requests_abandoned",
        help: "Requests whose client went away before it was answered",
        kind: Counter,
        figures: &[(None, |requests| Figure::Number(requests.abandoned()))],
    },
    Family {
        name: "http_requests_in_flight",
        help: "Requests that are being answered",
        kind: Gauge,
        figures: &[(None, |requests| Figure::Number(requests.in_flight()))],
    },
];

const OF_FILES: [Family<FileStats>; 5] = [
    Family {
        name: "sqlite_open_tenants",
        help: "Tenants whose SQLite file is open",
        kind: Gauge,
        figures: &[(None, |files| number(files.open))],
    },
    Family {
        name: "sqlite_descriptors",
        help: "File descriptors that tenants' files take",
        kind: Gauge,
        figures: &[(None, |files| number(files.descriptors))],
    },
    Family {
        name: "sqlite_descriptors_limit",
        help: "The most file descriptors that tenants' files may take (OPEN_TENANTS)",
        kind: Gauge,
        figures: &[(None, |files| number(files.descriptors_limit))],
    },
    Family {
        name: "sqlite_openings",
        help: "Tenants' files that were opened",
        kind: Counter,
        figures: &[(None, |files| Figure::Number(files.openings))],
    },
    Family {
        name: "sqlite_evictions",
        help: "Tenants' files that were closed to make room for others",
        kind: Counter,
        figures: &[(None, |files| Figure::Number(files.evictions))],
    },
];

const OF_SERVERS: [Family<ServerStats>; 9] = [
    Family {
        name: "postgres_connections",
        help: "Connections to a PostgreSQL server that are open or being opened",
        kind: Gauge,
        figures: &[
            (Some(("state", "idle")), |server| number(server.idle)),
            (Some(("state", "in_use")), |server| number(server.open.saturating_sub(server.idle))),
        ],
    },
    Family {
        name: "postgres_connections_limit",
        help: "The most connections to a PostgreSQL server at a time (POSTGRES_CONNECTIONS)",
        kind: Gauge,
        figures: &[(None, |server| number(server.limit))],
    },
    Family {
        name: "postgres_waiting_operations",
        help: "Operations that wait for a connection",
        kind: Gauge,
        figures: &[(None, |server| number(server.waiting))],
    },
    Family {
        name: "postgres_waits",
        help: "Waits of operations for a connection that have ended, in vain too",
        kind: Counter,
        figures: &[(None, |server| Figure::Number(server.waits))],
    },
    Family {
        name: "postgres_wait_seconds",
        help: "How long those waits took together",
        kind: Counter,
        figures: &[(None, |server| Figure::Time(server.waited))],
    },
    Family {
        name: "postgres_connects",
        help: "Attempts to open a connection",
        kind: Counter,
        figures: &[
            (Some(("outcome", "opened")), |server| Figure::Number(server.opened)),
            (Some(("outcome", "failed")), |server| Figure::Number(server.failed)),
        ],
    },
    Family {
        name: "postgres_evictions",
        help: "Idle connections to one database that were closed to make room for one to another",
        kind: Counter,
        figures: &[(None, |server| Figure::Number(server.made_room))],
    },
    Family {
        name: "postgres_refused_operations",
        help: "Operations that got no connection: too many of their tenant's waited, or the server was out of reach",
        kind: Counter,
        figures: &[
            (Some(("reason", "crowded")), |server| Figure::Number(server.crowded)),
            (Some(("reason", "unreachable")), |server| Figure::Number(server.unreachable)),
        ],
    },
    Family {
        name: "postgres_dropped_operations",
        help: "Operations that were dropped half-way, by what became of their connection once they had been ended",
        kind: Counter,
        figures: &[
            (Some(("connection", "kept")), |server| Figure::Number(server.cleaned)),
            (Some(("connection", "closed")), |server| Figure::Number(server.discarded)),
        ],
    },
];

const OF_DIRECTORY: [Family<DirectoryStats>; 3] = [
    Family {
        name: "directory_generation",
        help: "The number of the last change of the directory that this process has read",
        kind: Gauge,
        figures: &[(None, |directory| {
            Figure::Number(u64::try_from(directory.generation).unwrap_or_default())
        })],
    },
    Family {
        name: "directory_unseen_seconds",
        help: "For how long it has not been known whether the directory has a newer change",
        kind: Gauge,
        figures: &[(None, |directory| Figure::Time(directory.unseen))],
    },
    Family {
        name: "directory_tenants",
        help: "Tenants in the directory, by whether their entry can be read",
        kind: Gauge,
        figures: &[
            (Some(("entry", "whole")), |directory| number(directory.tenants)),
            (Some(("entry", "unreadable")), |directory| number(directory.unreadable)),
        ],
    },
];

const OF_ALL: [Family<Stats>; 1] = [Family {
    name: "dropped_operations",
    help: "Operations on tenants' data whose caller went away before they ended",
    kind: Counter,
    figures: &[(None, |stats| Figure::Number(stats.dropped_operations))],
}];

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.instance.stats();
        encode(&mut encoder, &OF_REQUESTS, &[(Vec::new(), &self.requests)])?;
        encode(&mut encoder, &OF_ALL, &[(Vec::new(), &stats)])?;
        encode(&mut encoder, &OF_DIRECTORY, &[(Vec::new(), &stats.directory)])?;
        encode(&mut encoder, &OF_FILES, &[(Vec::new(), &stats.files)])?;
        let servers: Vec<_> = stats
            .servers
            .iter()
            .map(|(alias, role, server)| {
                (vec![("server", alias.as_str()), ("role", role_name(*role))], server)
            })
            .collect();
        encode(&mut encoder, &OF_SERVERS, &servers)
    }
}

/// Writes what is read from each of `measured`, under its labels.
fn encode<T>(
    encoder: &mut DescriptorEncoder<'_>,
    families: &[Family<T>],
    measured: &[(Vec<Label<'_>>, &T)],
) -> fmt::Result {
    for Family { name, help, kind, figures } in families {
        let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
        for (labels, measured) in measured {
            for (label, figure) in *figures {
                let labels: Vec<_> = labels.iter().chain(label).copied().collect();
                let sample = family.encode_family(&labels)?;
                match (kind, figure(measured)) {
                    (Counter, Figure::Number(number)) => ConstCounter::new(number).encode(sample)?,
                    (Counter, Figure::Time(time)) => ConstCounter::new(time.as_secs_f64()).encode(sample)?,
                    (_, Figure::Number(number)) => ConstGauge::new(number).encode(sample)?,
                    (_, Figure::Time(time)) => ConstGauge::new(time.as_secs_f64()).encode(sample)?,
                }
            }
        }
    }
    Ok(())
}

fn number(count: usize) -> Figure {
    Figure::Number(u64::try_from(count).unwrap_or(u64::MAX))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Serving => "serving",
        Role::Owning => "owning",
    }
}
