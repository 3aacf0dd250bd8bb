-- The directory: which tenants there are, what leads to them, where their data is. Never a tenant's records.

CREATE TABLE tenant (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    slug         TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    status       TEXT NOT NULL,
    -- What undelete brings it back to, and when the deletion was asked for.
    deleted_from TEXT,
    deleted      TEXT,
    created      TEXT NOT NULL,
    -- Where its data is: a name on a server, or a database that it claims as a whole; DATABASE/SCHEMA is one schema of one.
    server       TEXT,
    isolation    TEXT,
    opaque       TEXT UNIQUE,
    claimed      TEXT UNIQUE,
    -- The version of its data as last heard of; the truth stands beside the data.
    version      TEXT,
    -- The instance's generation in which this row, or a domain of it, was changed last.
    generation   INTEGER NOT NULL,
    CHECK ((server IS NULL) = (opaque IS NULL) AND (server IS NULL) <> (claimed IS NULL))
) STRICT;
CREATE INDEX tenant_generation ON tenant (generation);
CREATE INDEX tenant_version ON tenant (version);

CREATE TABLE domain (
    host      TEXT PRIMARY KEY,
    tenant_id INTEGER NOT NULL REFERENCES tenant (id),
    -- The primary one has position 0.
    position  INTEGER NOT NULL,
    UNIQUE (tenant_id, position)
) STRICT;

-- Servers that hold tenants' data, with the place they were at when first used.
CREATE TABLE server (
    alias    TEXT PRIMARY KEY,
    location TEXT NOT NULL,
    since    TEXT NOT NULL
) STRICT;

-- Changes of several steps that are under way. What is left of one whose owner is gone, reconcile ends.
CREATE TABLE journal (
    tenant_id INTEGER PRIMARY KEY REFERENCES tenant (id),
    operation TEXT NOT NULL,
    owner     TEXT NOT NULL,
    -- Whether the file that a tenant claims was there before.
    existed   INTEGER NOT NULL,
    started   TEXT NOT NULL
) STRICT;

CREATE TABLE operator (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    created  TEXT NOT NULL
) STRICT;

-- What was done to the instance, by whom. A tenant's slug stands here as it was then.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     TEXT NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    tenant INTEGER,
    slug   TEXT,
    detail TEXT NOT NULL
) STRICT;

-- One row. `generation` grows with every change of a tenant or domain, `removals` with every purge.
CREATE TABLE instance (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,
    removals   INTEGER NOT NULL
) STRICT;
INSERT INTO instance VALUES (1, 0, 0);
