//! The rules that a migration must keep, so that whatever is rendered later is right in every isolation.

use std::collections::BTreeSet;

use super::operation::{Migration, Operation};
use super::table::{Column, Constant, Index, Table};
use crate::model::{Kind, ModelMeta, OnDelete};

/// The most bytes of a name: PostgreSQL cuts longer ones.
const LONGEST: usize = 63;
/// The tables that are frozen, Tenantry's own, or SQLite's.
const RESERVED_TABLES: [&str; 4] = ["auth_", "django_", "tenantry_", "sqlite_"];
/// The column that shared tables get for row-level security.
const TENANT_COLUMN: &str = "tenant_id";

/// What is wrong with a migration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// A name that can't be one.
    #[error(
        "{name:?} can't be the name of {what}: it needs 1 to 63 lower-case letters, digits and underscores, \
         a letter first (a migration's name may begin with a digit)"
    )]
    Name {
        /// What it was to name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A table that migrations of an application don't touch.
    #[error("{0} is frozen: an application neither makes nor changes tables of this prefix")]
    Frozen(&'static str),
    /// A column that shared tables have of their own.
    #[error(
        "a column of {0} is called tenant_id, which is the name of the tenant's own column in shared tables"
    )]
    TenantColumn(&'static str),
    /// A table with no key, or more than one.
    #[error("table {0} needs exactly one column as its key")]
    Key(&'static str),
    /// A column that is there twice, in a table or an index.
    #[error("column {column} is there twice in {table}")]
    ColumnTwice {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A migration that is declared additive and does more than to add.
    #[error(
        "it is declared additive, and an operation drops or renames something, or makes what is there unique: older \
         programs would trip over that"
    )]
    NotAdditive,
    /// An index over a column that its table doesn't have, or over none.
    #[error("an index of {table} is not over columns of that table")]
    Index {
        /// The table.
        table: &'static str,
    },
    /// A column that breaks a rule.
    #[error("column {table}.{column} {rule}")]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The rule.
        rule: &'static str,
    },
}

/// Checks the application and the name of a model.
pub(super) fn check_model(model: &ModelMeta) -> Result<(), BrokenRule> {
    name("an application", model.app)?;
    name("a model", model.name)
}

/// Checks a migration of an application.
pub(super) fn check(migration: &Migration) -> Result<(), BrokenRule> {
    name("an application", migration.app)?;
    // `0001_initial` begins with a digit: with a letter before it the same rule holds.
    if migration.name.len() >= LONGEST || !is_name(&format!("m{}", migration.name)) {
        return Err(BrokenRule::Name { what: "a migration", name: migration.name.to_owned() });
    }
    if migration.additive && !migration.operations.iter().all(adds) {
        return Err(BrokenRule::NotAdditive);
    }
    migration.operations.iter().try_for_each(check_operation)
}

/// Whether an operation leaves what is there as it is. What SQL and Rust do, their author answers for.
fn adds(operation: &Operation) -> bool {
    match operation {
        Operation::CreateTable(_) | Operation::AddColumn { .. } => true,
        Operation::CreateIndex { index, .. } => !index.unique,
        Operation::RunSql(_) | Operation::RunRust { .. } => true,
        Operation::DropTable { .. }
        | Operation::RenameTable { .. }
        | Operation::RenameColumn { .. }
        | Operation::DropColumn { .. }
        | Operation::DropIndex { .. } => false,
    }
}

fn check_operation(operation: &Operation) -> Result<(), BrokenRule> {
    match operation {
        Operation::CreateTable(table) => check_table(table),
        Operation::DropTable { table } => own_table(table),
        Operation::RenameTable { from, to } => own_table(from).and_then(|()| own_table(to)),
        Operation::AddColumn { table, column } => {
            own_table(table)?;
            check_column(table, column)?;
            check_added(table, column)
        }
        Operation::RenameColumn { table, from, to } => {
            own_table(table)?;
            column_name(table, from)?;
            column_name(table, to)
        }
        Operation::DropColumn { table, column } => {
            own_table(table)?;
            column_name(table, column)
        }
        Operation::CreateIndex { table, index } | Operation::DropIndex { table, index } => {
            own_table(table)?;
            check_index(table, index)
        }
        Operation::RunSql(_) => Ok(()),
        Operation::RunRust { name: step, .. } => name("a step", step),
    }
}

fn check_table(table: &Table) -> Result<(), BrokenRule> {
    own_table(table.name)?;
    let mut columns = BTreeSet::new();
    for column in &table.columns {
        check_column(table.name, column)?;
        if !columns.insert(column.name) {
            return Err(BrokenRule::ColumnTwice { table: table.name, column: column.name });
        }
    }
    if table.columns.iter().filter(|column| column.primary_key).count() != 1 {
        return Err(BrokenRule::Key(table.name));
    }
    for index in &table.indexes {
        check_index(table.name, index)?;
        if !index.columns.iter().all(|column| columns.contains(column)) {
            return Err(BrokenRule::Index { table: table.name });
        }
    }
    Ok(())
}

fn check_column(table: &'static str, column: &Column) -> Result<(), BrokenRule> {
    column_name(table, column.name)?;
    if let Some(index) = column.own_index() {
        check_index(table, &index)?;
    }
    if let Some(relation) = column.relation {
        name("a table", relation.table)?;
        name("a column", relation.column)?;
    }
    match broken_rule(column) {
        Some(rule) => Err(BrokenRule::Column { table, column: column.name, rule }),
        None => Ok(()),
    }
}

/// The rule that a column breaks by itself, whatever table it is in.
fn broken_rule(column: &Column) -> Option<&'static str> {
    let integer = matches!(column.kind, Kind::SmallInt | Kind::Int | Kind::BigInt);
    let sets_null = column.relation.is_some_and(|relation| relation.on_delete == OnDelete::SetNull);
    match column.kind {
        Kind::Decimal { digits, places } if !(1..=18).contains(&digits) || places > digits => {
            Some("needs 1 to 18 digits, and no more places than digits")
        }
        Kind::Text { max: Some(0) } => Some("has room for no character"),
        _ if column.primary_key && column.null => Some("is the key, so it can't be NULL"),
        _ if column.not_negative && !integer => Some("is no integer, so it has no rule about its sign"),
        _ if sets_null && !column.null => {
            Some("becomes NULL when what it refers to is deleted, so it must allow NULL")
        }
        _ if column.default.is_some_and(|default| !fits(default, column.kind)) => {
            Some("has a default that is no value of its kind")
        }
        _ => None,
    }
}

fn fits(default: Constant, kind: Kind) -> bool {
    match default {
        Constant::Bool(_) => kind == Kind::Bool,
        Constant::Int(_) => matches!(kind, Kind::SmallInt | Kind::Int | Kind::BigInt),
        Constant::Float(value) => kind == Kind::Float && value.is_finite(),
        Constant::Text(text) => match kind {
            Kind::Text { max } => max.is_none_or(|max| text.chars().count() <= max as usize),
            Kind::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            _ => false,
        },
    }
}

/// What SQLite can't add to a table that has rows.
fn check_added(table: &'static str, column: &Column) -> Result<(), BrokenRule> {
    let rule = if column.primary_key || column.unique {
        "can't be added as a key or unique: add it, then create a unique index"
    } else if !column.null && column.default.is_none() {
        "needs a default or must allow NULL, for the rows that are there already"
    } else if column.relation.is_some() && column.default.is_some() {
        "is a reference, so it can't have a default when it is added"
    } else {
        return Ok(());
    };
    Err(BrokenRule::Column { table, column: column.name, rule })
}

fn check_index(table: &'static str, index: &Index) -> Result<(), BrokenRule> {
    if index.columns.is_empty() {
        return Err(BrokenRule::Index { table });
    }
    let mut columns = BTreeSet::new();
    for column in &index.columns {
        column_name(table, column)?;
        if !columns.insert(column) {
            return Err(BrokenRule::ColumnTwice { table, column });
        }
    }
    name("an index", &index.name_on(table))
}

fn own_table(table: &'static str) -> Result<(), BrokenRule> {
    name("a table", table)?;
    if RESERVED_TABLES.iter().any(|prefix| table.starts_with(prefix)) {
        return Err(BrokenRule::Frozen(table));
    }
    Ok(())
}

fn column_name(table: &'static str, column: &str) -> Result<(), BrokenRule> {
    if column == TENANT_COLUMN {
        return Err(BrokenRule::TenantColumn(table));
    }
    name("a column", column)
}

fn name(what: &'static str, name: &str) -> Result<(), BrokenRule> {
    if is_name(name) { Ok(()) } else { Err(BrokenRule::Name { what, name: name.to_owned() }) }
}

fn is_name(name: &str) -> bool {
    let rest_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= LONGEST
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(rest_allowed)
}
