//! The tables that tenants share: made and migrated once for all of them, each of whom is entered and gets its rows.
//!
//! Beside the tenants' tables stand two that are nobody's: the ledger of all, and the registry of who is in them. The
//! first in it is the template, whose rows no tenant sees: what migrations put there is what each new tenant begins with.

use tenantry_core::{OpaqueName, RowKey};

use super::ledger;
use super::session::Session;
use crate::model::{QueryError, TENANT_COLUMN};
use crate::postgres::{SHARED, alone, beside_others, quoted, tenant_setting};
use crate::tenant_db::Store;

/// The table of the tenants whose rows are in the shared ones.
const REGISTRY: &str = "tenantry_tenant";

/// Each table of tenants' rows with its columns but the tenant's, as the loops below go through them.
fn tables() -> String {
    format!(
        "SELECT found.oid::regclass AS name, string_agg(quote_ident(part.attname), ', ' ORDER BY part.attnum) AS columns \
         FROM pg_class AS found \
         JOIN pg_attribute AS own ON own.attrelid = found.oid AND own.attname = '{TENANT_COLUMN}' AND NOT own.attisdropped \
         JOIN pg_attribute AS part ON part.attrelid = found.oid AND part.attnum > 0 AND NOT part.attisdropped \
         AND part.attgenerated = '' AND part.attnum <> own.attnum \
         WHERE found.relnamespace = '{SHARED}'::regnamespace AND found.relkind IN ('r', 'p') \
         AND NOT found.relispartition GROUP BY found.oid"
    )
}

/// What the role that serves gets on the schema and on the tables that will be made there. Nothing on their sequences: a
/// column that takes its values from one needs no right for that.
fn grants(serving: &str) -> String {
    let serving = quoted(serving);
    format!(
        r#"GRANT USAGE ON SCHEMA "{SHARED}" TO {serving};
        ALTER DEFAULT PRIVILEGES IN SCHEMA "{SHARED}" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {serving}"#
    )
}

/// Lets a role serve from shared tables that are there, for their owner to run.
pub(super) fn grants_on_all(serving: &str) -> String {
    let (grants, role, ledger) = (grants(serving), quoted(serving), ledger::TABLE);
    format!(
        r#"{grants};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{SHARED}" TO {role};
        REVOKE INSERT, UPDATE, DELETE ON "{SHARED}"."{ledger}" FROM {role};
        REVOKE ALL ON "{SHARED}"."{REGISTRY}" FROM {role}"#
    )
}

/// Waits for the lock of those who migrate for as long as a statement may run, which is longer than for a table's: several
/// tenants are made at once, and the first has all the tables made.
fn patiently(lock: &str) -> String {
    format!("SET LOCAL lock_timeout = 0; {lock}; SET LOCAL lock_timeout = DEFAULT")
}

/// Makes the schema and the registry, unless they are there, and lets the role that serves work on the tables that will
/// be made.
pub(crate) fn made(serving: &str) -> String {
    let (alone, grants) = (patiently(&alone(SHARED)), grants(serving));
    format!(
        r#"{alone};
        CREATE SCHEMA IF NOT EXISTS "{SHARED}";
        CREATE TABLE IF NOT EXISTS "{SHARED}"."{REGISTRY}" (key bigint PRIMARY KEY CHECK (key >= 0),
            name varchar(26) UNIQUE, entered timestamptz NOT NULL DEFAULT now(),
            CHECK ((key = {template}) = (name IS NULL)));
        INSERT INTO "{SHARED}"."{REGISTRY}" (key) VALUES ({template}) ON CONFLICT DO NOTHING;
        {grants}"#,
        template = RowKey::TEMPLATE,
    )
}

/// Leaves the role that serves nothing but to read the ledger, which it would otherwise have by what holds for all tables.
pub(super) fn ledger_is_read_only(serving: &str) -> String {
    format!("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}", ledger::TABLE, quoted(serving))
}

/// Enters a tenant and gives it a copy of the template's rows, with the ids that they have there: one sequence gives the
/// ids of all tenants, so that none of them comes again.
///
/// A policy shows the rows of one tenant at a time, the owner as well: they are read as a text in between.
pub(crate) fn entered(name: &OpaqueName) -> String {
    let (beside_others, tables, key) = (patiently(&beside_others(SHARED)), tables(), RowKey::of(name));
    let (as_template, as_tenant) = (tenant_setting(RowKey::TEMPLATE), tenant_setting(key));
    format!(
        r#"SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        {beside_others};
        DO $tenantry$
        DECLARE shared record; rows text;
        BEGIN
            INSERT INTO "{SHARED}"."{REGISTRY}" (key, name) VALUES ({key}, '{name}');
            FOR shared IN {tables} LOOP
                {as_template};
                EXECUTE format('SELECT array_agg(stored)::text FROM %s AS stored', shared.name) INTO rows;
                CONTINUE WHEN rows IS NULL;
                {as_tenant};
                EXECUTE format('INSERT INTO %1$s ({TENANT_COLUMN}, %2$s) SELECT {key}, %2$s FROM unnest($1::%1$s[])',
                    shared.name, shared.columns) USING rows;
            END LOOP;
        END $tenantry$"#
    )
}

/// Removes a tenant and all of its rows, if it is entered. References are checked when the transaction ends, so that no
/// table has to come before another.
///
/// A transaction of the role that serves, `serving`, may have begun before its process heard that the tenant is gone: what
/// it still writes would stay for ever. Waits for those that have, `patience` milliseconds at the most.
pub(crate) fn removed(name: &OpaqueName, serving: &str, patience: u128) -> String {
    let (beside_others, tables, key) = (patiently(&beside_others(SHARED)), tables(), RowKey::of(name));
    let as_tenant = tenant_setting(key);
    let serving = serving.replace('\'', "''");
    format!(
        r#"SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SET LOCAL statement_timeout = 0;
        DO $tenantry$
        DECLARE
            begun CONSTANT text[] := ARRAY(SELECT held.virtualtransaction FROM pg_locks AS held
                JOIN pg_stat_activity AS process ON process.pid = held.pid
                WHERE held.locktype = 'virtualxid' AND process.datname = current_database()
                AND process.usename = '{serving}' AND held.pid <> pg_backend_pid());
            until CONSTANT timestamptz := clock_timestamp() + interval '{patience} milliseconds';
        BEGIN
            WHILE EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'virtualxid' AND virtualtransaction = ANY (begun)) LOOP
                IF clock_timestamp() > until THEN
                    RAISE EXCEPTION 'a transaction that may be of this tenant has not ended';
                END IF;
                PERFORM pg_sleep(0.01);
            END LOOP;
        END $tenantry$;
        {beside_others};
        DO $tenantry$
        DECLARE shared record;
        BEGIN
            IF to_regclass('"{SHARED}"."{REGISTRY}"') IS NULL THEN RETURN; END IF;
            DELETE FROM "{SHARED}"."{REGISTRY}" WHERE key = {key} AND name = '{name}';
            IF NOT FOUND THEN RETURN; END IF;
            {as_tenant};
            FOR shared IN {tables} LOOP
                EXECUTE format('DELETE FROM %s WHERE {TENANT_COLUMN} = {key}', shared.name);
            END LOOP;
        END $tenantry$"#
    )
}

/// Who is in the shared tables of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Present {
    /// Nobody: there are no such tables.
    NoTables,
    /// Nobody yet.
    NoTenant,
    /// Tenants.
    Tenants,
}

/// Looks who is in the shared tables of a server.
///
/// # Errors
/// Raised when the registry can't be read.
pub(crate) async fn present(store: &Store) -> Result<Present, QueryError> {
    let session = Session::read(store);
    if !is_there(&session).await? {
        return Ok(Present::NoTables);
    }
    let first = format!("SELECT 1 FROM {REGISTRY} WHERE name IS NOT NULL LIMIT 1");
    let found = session.rows(&first, Vec::new()).await?;
    Ok(if found.is_empty() { Present::NoTenant } else { Present::Tenants })
}

async fn is_there(session: &Session) -> Result<bool, QueryError> {
    let there = format!("SELECT 1 WHERE to_regclass('{REGISTRY}') IS NOT NULL");
    Ok(!session.rows(&there, Vec::new()).await?.is_empty())
}

/// The keys of all who are entered, the template's first; none where there are no shared tables.
pub(super) async fn keys(session: &Session) -> Result<Vec<RowKey>, QueryError> {
    if !is_there(session).await? {
        return Ok(Vec::new());
    }
    let rows = session.rows(&format!("SELECT name FROM {REGISTRY} ORDER BY key"), Vec::new()).await?;
    let keys = rows.iter().map(|row| match row.get::<Option<String>>("name")? {
        None => Ok(RowKey::TEMPLATE),
        Some(name) => {
            let name: OpaqueName = name.parse().map_err(|error| QueryError::Database(Box::new(error)))?;
            Ok(RowKey::of(&name))
        }
    });
    keys.collect()
}
