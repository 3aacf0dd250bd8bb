//! The tables of who may use whom. Whoever adds a crate or a module adds it here, at its place.

/// The crates, by folder under `crates/` and package: each may use only those above it.
pub(super) const CRATES: [(&str, &str); 5] = [
    ("core", "tenantry-core"),
    ("macros", "tenantry-macros"),
    ("db", "tenantry-db"),
    ("web", "tenantry-web"),
    ("tenantry", "tenantry"),
];

/// The modules directly under a crate's `src`: each may use only those to its left.
pub(super) const MODULES: [(&str, &str); 4] = [
    ("core", "text < alias < host < host_pattern < slug < name < status < placement < tenant < extract"),
    (
        "db",
        "model < sqlite < postgres < places < tenant_db < migrate < servers < directory < instance < lifecycle < extract",
    ),
    ("web", "http < auth < rest < admin"),
    ("tenantry", "config < cli < app < commands < prelude"),
];

/// A library that only a part of the repository may use.
pub(super) struct Fence {
    /// Its crates, or the start of a path in it.
    pub(super) names: &'static [&'static str],
    /// Where it may be used: folders end in `/`.
    pub(super) only_in: &'static [&'static str],
    /// What to tell who uses it elsewhere.
    pub(super) because: &'static str,
}

/// The libraries that are kept inside.
pub(super) const FENCES: &[Fence] = &[
    Fence {
        names: &["rusqlite"],
        only_in: &[
            "crates/db/src/sqlite/",
            "crates/db/src/directory/",
            "crates/db/src/lifecycle/template.rs",
            "crates/db/src/migrate/",
            "crates/db/src/model/sqlite_form.rs",
            "crates/db/src/model/cell.rs",
            "crates/db/src/model/typed.rs",
            "crates/db/src/tenant_db",
            "crates/db/tests/",
            "crates/web/tests/",
            // What another program does to the directory.
            "crates/tenantry/tests/",
            "bench/",
        ],
        because: "what knows SQLite is kept together, so that another database can stand beside it",
    },
    Fence {
        names: &["tokio_postgres", "tokio_postgres_rustls", "postgres_protocol", "rustls"],
        only_in: &[
            "crates/db/src/postgres/",
            "crates/db/src/model/postgres_form.rs",
            "crates/db/src/model/typed.rs",
            "crates/db/src/tenant_db",
            "crates/db/tests/",
            // What an administrator does on the server.
            "crates/tenantry/tests/",
            "bench/",
        ],
        because: "what knows PostgreSQL is kept together, so that another database can stand beside it",
    },
    Fence {
        names: &["sqlx", "sqlx_core", "sqlx_postgres"],
        only_in: &["bench/"],
        because: "a `begin()` that is cancelled leaves its connection in a transaction: it is there to be compared with",
    },
    Fence {
        names: &["axum", "axum_core", "http", "http_body_util", "hyper", "hyper_util", "tower", "tower_http"],
        only_in: &[
            "crates/web/",
            "crates/tenantry/",
            "examples/",
            "bench/",
            // An extractor is a foreign trait's impl: it must stand beside its type.
            "crates/core/src/extract.rs",
            "crates/db/src/extract.rs",
        ],
        because: "HTTP's types stop at `web`",
    },
];

/// A part of the repository that does without some libraries.
pub(super) struct Ban {
    /// The folder.
    pub(super) inside: &'static str,
    /// The starts of paths that it may not use.
    pub(super) names: &'static [&'static str],
    /// What to tell who uses one.
    pub(super) because: &'static str,
}

/// The libraries that are kept out.
pub(super) const BANS: &[Ban] = &[Ban {
    inside: "crates/core/src/",
    names: &[
        "std::env",
        "std::fs",
        "std::io",
        "std::net::TcpListener",
        "std::net::TcpStream",
        "std::net::ToSocketAddrs",
        "std::net::UdpSocket",
        "std::os",
        "std::process",
        "std::thread",
        "tokio",
    ],
    because: "`core` has no I/O",
}];
