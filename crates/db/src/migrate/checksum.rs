//! A migration's checksum: SHA-256 over a description of its operations that is our own.
//!
//! It depends neither on the SQL that is rendered nor on how Rust prints a struct. Only what a column says is
//! described, so that an attribute invented later leaves the checksums of older migrations as they are.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::operation::{Migration, Operation};
use super::table::{Column, Constant, Index, Table};
use crate::model::{Kind, OnDelete};

/// What is hashed: texts, each preceded by its length, so that no two descriptions run into the same bytes.
pub(super) struct Description(Sha256);

impl Description {
    /// A description that begins with its own name, so that two sorts of them never have the same hash.
    pub(super) fn new(of: &str) -> Self {
        Self(Sha256::new()).text(of)
    }

    /// Adds a text.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.update(text.len().to_string());
        self.0.update(":");
        self.0.update(text);
        self
    }

    /// Adds a list: its length, then its items.
    fn list<T>(self, items: &[T], add: impl Fn(Self, &T) -> Self) -> Self {
        let counted = self.text(&items.len().to_string());
        items.iter().fold(counted, add)
    }

    fn when(self, said: bool, what: &str) -> Self {
        if said { self.text(what) } else { self }
    }

    /// The hash, as 64 lower-case hexadecimal digits.
    pub(super) fn finish(self) -> String {
        HEXLOWER.encode(&self.0.finalize())
    }
}

/// The checksum of a migration's operations.
pub(super) fn checksum(migration: &Migration) -> String {
    Description::new("tenantry migration 1").list(&migration.operations, operation).finish()
}

fn operation(to: Description, operation: &Operation) -> Description {
    match operation {
        Operation::CreateTable(new) => table(to.text("create_table"), new),
        Operation::DropTable { table } => to.text("drop_table").text(table),
        Operation::RenameTable { from, to: name } => to.text("rename_table").text(from).text(name),
        Operation::AddColumn { table, column: new } => column(to.text("add_column").text(table), new),
        Operation::RenameColumn { table, from, to: name } => {
            to.text("rename_column").text(table).text(from).text(name)
        }
        Operation::DropColumn { table, column } => to.text("drop_column").text(table).text(column),
        Operation::CreateIndex { table, index: new } => index(to.text("create_index"), table, new),
        Operation::DropIndex { table, index: old } => index(to.text("drop_index"), table, old),
        Operation::RunSql(sql) => to.text("run_sql").text(sql.sqlite).text(sql.postgres),
        Operation::RunRust { name, .. } => to.text("run_rust").text(name),
    }
}

fn table(to: Description, table: &Table) -> Description {
    to.text(table.name)
        .list(&table.columns, column)
        .list(&table.indexes, |to, new| index(to, table.name, new))
}

fn column(to: Description, column: &Column) -> Description {
    let to = kind(to.text("column").text(column.name), column.kind)
        .when(column.null, "null")
        .when(column.unique, "unique")
        .when(column.primary_key, "primary_key")
        .when(column.auto, "auto")
        .when(column.not_negative, "not_negative");
    let to = match column.default {
        Some(default) => constant(to.text("default"), default),
        None => to,
    };
    let to = match column.relation {
        Some(relation) => to
            .text("references")
            .text(relation.table)
            .text(relation.column)
            .text(on_delete(relation.on_delete)),
        None => to,
    };
    // The index's name is known only with its table's, which a column lacks: what was given is described.
    match column.own_index() {
        Some(own) => index(to, "", &own),
        None => to,
    }
}

fn index(to: Description, table: &str, index: &Index) -> Description {
    to.text("index")
        .text(&index.name_on(table))
        .when(index.unique, "unique")
        .list(&index.columns, |to, name| to.text(name))
}

fn kind(to: Description, kind: Kind) -> Description {
    match kind {
        Kind::SmallInt => to.text("small_int"),
        Kind::Int => to.text("int"),
        Kind::BigInt => to.text("big_int"),
        Kind::Bool => to.text("bool"),
        Kind::Float => to.text("float"),
        Kind::Decimal { digits, places } => {
            to.text("decimal").text(&digits.to_string()).text(&places.to_string())
        }
        Kind::Text { max: Some(max) } => to.text("varchar").text(&max.to_string()),
        Kind::Text { max: None } => to.text("text"),
        Kind::Date => to.text("date"),
        Kind::DateTime => to.text("datetime"),
        Kind::Uuid => to.text("uuid"),
        Kind::Json => to.text("json"),
        Kind::Binary => to.text("binary"),
    }
}

fn constant(to: Description, constant: Constant) -> Description {
    match constant {
        Constant::Bool(value) => to.text("bool").text(if value { "true" } else { "false" }),
        Constant::Int(value) => to.text("int").text(&value.to_string()),
        Constant::Float(value) => to.text("float").text(&value.to_bits().to_string()),
        Constant::Text(value) => to.text("text").text(value),
    }
}

fn on_delete(on_delete: OnDelete) -> &'static str {
    match on_delete {
        OnDelete::Cascade => "cascade",
        OnDelete::Protect => "protect",
        OnDelete::SetNull => "set_null",
    }
}
