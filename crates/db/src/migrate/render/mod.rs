//! Operations as SQL, by sea-query (policies excepted), for the isolation at hand.
//!
//! Names stand in the SQL as they are, since a [`History`](super::history::History) has checked each of them.

mod postgres;
mod sqlite;

use sea_query::Expr;

use super::operation::Operation;
use super::table::{Column, Constant};
use crate::model::{Dialect, Kind};

pub(super) use postgres::policy_as_told;

/// What schema the tables are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL schema that is one tenant's.
    Postgres,
    /// The PostgreSQL schema whose tables tenants share, under row-level security.
    Shared,
}

impl Target {
    /// The form of values in raw SQL.
    pub(super) fn dialect(self) -> Dialect<'static> {
        match self {
            Self::Sqlite => Dialect::Sqlite,
            Self::Postgres | Self::Shared => Dialect::Postgres { schema: "", tenant: None },
        }
    }

    /// The type of a column as the database tells it.
    pub(super) fn declared_type(self, column: &Column) -> String {
        match self {
            Self::Sqlite => sqlite::column_type(column),
            Self::Postgres | Self::Shared => postgres::declared_type(column.kind),
        }
    }

    /// Whether Django declares such a column in this way too: its own keys, and what leads to them, are narrower on
    /// PostgreSQL.
    pub(super) fn also_declared(self, column: &Column, declared: &str) -> bool {
        let is_key = column.kind == Kind::BigInt && (column.auto || column.relation.is_some());
        self == Self::Postgres && is_key && declared.starts_with("integer")
    }
}

/// The statements that an operation on the schema comes to; none for what only runs.
pub(super) fn render(target: Target, operation: &Operation) -> Vec<String> {
    match target {
        Target::Sqlite => sqlite::render(operation),
        Target::Postgres => postgres::render(operation, false),
        Target::Shared => postgres::render(operation, true),
    }
}

fn constant(value: Constant) -> Expr {
    match value {
        Constant::Bool(value) => Expr::val(value),
        Constant::Int(value) => Expr::val(value),
        Constant::Float(value) => Expr::val(value),
        Constant::Text(value) => Expr::val(value),
    }
}
