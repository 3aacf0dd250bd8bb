//! Operations as SQL for a SQLite file.
//!
//! The column types are those that Django gives its columns on SQLite; tables are not STRICT, which would forbid them.

use sea_query::{
    Alias, ColumnDef, ColumnType, Expr, ExprTrait, Index as SqlIndex, SqliteQueryBuilder, Table as SqlTable,
};

use super::super::operation::Operation;
use super::super::table::{Column, Index, Table};
use super::constant;
use crate::model::{Kind, OnDelete, Relation};

/// The statements that an operation on the schema comes to on SQLite; none for what only runs.
pub(super) fn render(operation: &Operation) -> Vec<String> {
    match operation {
        Operation::CreateTable(table) => create_table(table),
        Operation::DropTable { table } => {
            vec![SqlTable::drop().table(Alias::new(*table)).build(SqliteQueryBuilder)]
        }
        Operation::RenameTable { from, to } => {
            vec![SqlTable::rename().table(Alias::new(*from), Alias::new(*to)).build(SqliteQueryBuilder)]
        }
        Operation::AddColumn { table, column } => add_column(table, column),
        Operation::RenameColumn { table, from, to } => {
            let mut alter = SqlTable::alter();
            alter.table(Alias::new(*table)).rename_column(Alias::new(*from), Alias::new(*to));
            vec![alter.build(SqliteQueryBuilder)]
        }
        Operation::DropColumn { table, column } => {
            let mut alter = SqlTable::alter();
            alter.table(Alias::new(*table)).drop_column(Alias::new(*column));
            vec![alter.build(SqliteQueryBuilder)]
        }
        Operation::CreateIndex { table, index } => vec![create_index(table, index)],
        Operation::DropIndex { table, index } => {
            vec![SqlIndex::drop().name(index.name_on(table)).build(SqliteQueryBuilder)]
        }
        Operation::RunSql(_) | Operation::RunRust { .. } => Vec::new(),
    }
}

fn create_table(table: &Table) -> Vec<String> {
    let mut create = SqlTable::create();
    create.table(Alias::new(table.name));
    for column in &table.columns {
        create.col(column_def(column));
    }
    let indexes = table.all_indexes().map(|index| create_index(table.name, &index));
    std::iter::once(create.build(SqliteQueryBuilder)).chain(indexes).collect()
}

fn add_column(table: &str, column: &Column) -> Vec<String> {
    let mut alter = SqlTable::alter();
    alter.table(Alias::new(table)).add_column(column_def(column));
    let index = column.own_index().map(|index| create_index(table, &index));
    std::iter::once(alter.build(SqliteQueryBuilder)).chain(index).collect()
}

fn create_index(table: &str, index: &Index) -> String {
    let mut create = SqlIndex::create();
    create.name(index.name_on(table)).table(Alias::new(table));
    for column in &index.columns {
        create.col(Alias::new(*column));
    }
    if index.unique {
        create.unique();
    }
    create.build(SqliteQueryBuilder)
}

fn column_def(column: &Column) -> ColumnDef {
    let mut def = ColumnDef::new_with_type(Alias::new(column.name), ColumnType::custom(column_type(column)));
    if column.null {
        def.null()
    } else {
        def.not_null()
    };
    if column.primary_key {
        def.primary_key();
    }
    if column.auto {
        def.auto_increment();
    }
    if column.unique {
        def.unique_key();
    }
    if column.not_negative {
        def.check(Expr::col(Alias::new(column.name)).gte(0));
    }
    if let Some(default) = column.default {
        def.default(constant(default));
    }
    if let Some(relation) = column.relation {
        def.extra(references(relation));
    }
    def
}

/// The type that a column is declared with on SQLite.
pub(super) fn column_type(column: &Column) -> String {
    let name = match column.kind {
        Kind::SmallInt => "smallint",
        Kind::Int => "integer",
        // Only `integer` makes a key that SQLite gives; what refers to it is declared alike, as Django does.
        Kind::BigInt if column.auto || column.relation.is_some() => "integer",
        Kind::BigInt => "bigint",
        Kind::Bool => "bool",
        Kind::Float => "real",
        Kind::Decimal { .. } => "integer",
        Kind::Text { max: Some(max) } => return format!("varchar({max})"),
        Kind::Text { max: None } | Kind::Json => "text",
        Kind::Date => "date",
        Kind::DateTime => "datetime",
        Kind::Uuid => "char(32)",
        Kind::Binary => "blob",
    };
    if column.not_negative { format!("{name} unsigned") } else { name.to_owned() }
}

/// A reference beside its column. sea-query writes references only at a table's end, where it has no word for when
/// they are checked.
fn references(Relation { table, column, on_delete }: Relation) -> String {
    let action = match on_delete {
        OnDelete::Cascade => " ON DELETE CASCADE",
        OnDelete::SetNull => " ON DELETE SET NULL",
        OnDelete::Protect => "",
    };
    format!(r#"REFERENCES "{table}" ("{column}"){action} DEFERRABLE INITIALLY DEFERRED"#)
}
