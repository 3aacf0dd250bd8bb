//! What SQL that an application wrote itself may not name where tenants share tables.
//!
//! There a transaction says whose rows it works on, and any SQL can say so too: the server has no right to withhold. What is
//! here stops the ways that PostgreSQL itself offers. It does not make SQL safe that strangers have a hand in: that belongs
//! into values, on every database.

/// What sets a setting, what runs a text as SQL, and what tells of other connections, on which other tenants are named.
const BARRED: [&str; 12] = [
    "set_config",
    "pg_settings",
    "query_to_xml",
    "cursor_to_xml",
    "ts_stat",
    "ts_rewrite",
    "dblink",
    "crosstab",
    "connectby",
    "xpath_table",
    "pg_stat_",
    // An identifier with escapes may be any of them.
    "u&\"",
];

/// Whether SQL names a way to the rows of other tenants.
pub(crate) fn names_other_rows(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    BARRED.iter().any(|name| sql.contains(name))
}
