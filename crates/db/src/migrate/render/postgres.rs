//! Operations as SQL for PostgreSQL: a tenant's own schema, or the schema whose tables tenants share.
//!
//! Tables are named without their schema: the transaction that runs these statements has it alone in its path. In shared
//! tables each key, unique or not, each index and each reference begins with the tenant, and a policy shows a role the
//! rows of the tenant that its transaction names, and none where it names none.

use sea_query::{
    Alias, ColumnDef, ColumnType, Expr, ExprTrait, Index as SqlIndex, PostgresQueryBuilder, Table as SqlTable,
};

use super::super::operation::Operation;
use super::super::table::{Column, Index, Table};
use super::constant;
use crate::model::{Kind, OnDelete, Relation, TENANT_COLUMN};
use crate::postgres::CURRENT_TENANT;

/// The statements that an operation on the schema comes to; none for what only runs.
pub(super) fn render(operation: &Operation, shared: bool) -> Vec<String> {
    match operation {
        Operation::CreateTable(table) => create_table(table, shared),
        Operation::DropTable { table } => {
            vec![SqlTable::drop().table(Alias::new(*table)).build(PostgresQueryBuilder)]
        }
        Operation::RenameTable { from, to } => {
            vec![SqlTable::rename().table(Alias::new(*from), Alias::new(*to)).build(PostgresQueryBuilder)]
        }
        Operation::AddColumn { table, column } => add_column(table, column, shared),
        Operation::RenameColumn { table, from, to } => {
            let mut alter = SqlTable::alter();
            alter.table(Alias::new(*table)).rename_column(Alias::new(*from), Alias::new(*to));
            vec![alter.build(PostgresQueryBuilder)]
        }
        Operation::DropColumn { table, column } => {
            let mut alter = SqlTable::alter();
            alter.table(Alias::new(*table)).drop_column(Alias::new(*column));
            vec![alter.build(PostgresQueryBuilder)]
        }
        Operation::CreateIndex { table, index } => vec![create_index(table, index, shared)],
        Operation::DropIndex { table, index } => {
            vec![SqlIndex::drop().name(index.name_on(table)).build(PostgresQueryBuilder)]
        }
        Operation::RunSql(_) | Operation::RunRust { .. } => Vec::new(),
    }
}

fn create_table(table: &Table, shared: bool) -> Vec<String> {
    let mut create = SqlTable::create();
    create.table(Alias::new(table.name));
    if shared {
        create.col(tenant_column());
    }
    for column in &table.columns {
        create.col(column_def(column));
        if column.primary_key {
            create.primary_key(&mut key(None, [column.name], shared));
        }
        if column.unique {
            let name = format!("{}_{}_key", table.name, column.name);
            create.index(key(Some(name), [column.name], shared).unique());
        }
    }
    let created = create.build(PostgresQueryBuilder);
    let references = table.columns.iter().filter_map(|column| {
        let relation = column.relation?;
        Some(add_reference(table.name, column, relation, shared))
    });
    let indexes = table.all_indexes().map(|index| create_index(table.name, &index, shared));
    let policy = if shared { policy(table.name) } else { Vec::new() };
    [created].into_iter().chain(references).chain(indexes).chain(policy).collect()
}

fn add_column(table: &str, column: &Column, shared: bool) -> Vec<String> {
    let mut alter = SqlTable::alter();
    alter.table(Alias::new(table)).add_column(column_def(column));
    let reference = column.relation.map(|relation| add_reference(table, column, relation, shared));
    let index = column.own_index().map(|index| create_index(table, &index, shared));
    [alter.build(PostgresQueryBuilder)].into_iter().chain(reference).chain(index).collect()
}

fn create_index(table: &str, index: &Index, shared: bool) -> String {
    let mut create = key(Some(index.name_on(table)), index.columns.iter().copied(), shared);
    create.table(Alias::new(table));
    if index.unique {
        create.unique();
    }
    create.build(PostgresQueryBuilder)
}

/// Columns of a key or an index, the tenant first in shared tables.
fn key<'a>(
    name: Option<String>,
    columns: impl IntoIterator<Item = &'a str>,
    shared: bool,
) -> sea_query::IndexCreateStatement {
    let mut key = SqlIndex::create();
    if let Some(name) = name {
        key.name(name);
    }
    if shared {
        key.col(Alias::new(TENANT_COLUMN));
    }
    for column in columns {
        key.col(Alias::new(column));
    }
    key
}

/// The tenant that a row belongs to. By default the one that the transaction names, so that SQL that knows of no
/// tenants can insert too.
fn tenant_column() -> ColumnDef {
    let mut def = ColumnDef::new_with_type(Alias::new(TENANT_COLUMN), ColumnType::custom("bigint"));
    def.not_null().default(Expr::cust(CURRENT_TENANT));
    def
}

fn column_def(column: &Column) -> ColumnDef {
    let mut def =
        ColumnDef::new_with_type(Alias::new(column.name), ColumnType::custom(column_type(column.kind)));
    if column.null {
        def.null()
    } else {
        def.not_null()
    };
    if column.auto {
        // One sequence for all tenants: an id is never another tenant's, wherever a tenant is moved.
        def.extra("GENERATED BY DEFAULT AS IDENTITY");
    }
    if column.not_negative {
        def.check(Expr::col(Alias::new(column.name)).gte(0));
    }
    if let Some(default) = column.default {
        def.default(constant(default));
    }
    def
}

/// The type that a column is declared with. Text is compared by its bytes, as on every other database.
fn column_type(kind: Kind) -> String {
    match kind {
        Kind::Text { .. } => format!(r#"{} COLLATE "C""#, declared_type(kind)),
        _ => declared_type(kind),
    }
}

/// The type as the database tells it.
pub(super) fn declared_type(kind: Kind) -> String {
    let name = match kind {
        Kind::SmallInt => "smallint",
        Kind::Int => "integer",
        Kind::BigInt => "bigint",
        Kind::Bool => "boolean",
        Kind::Float => "double precision",
        Kind::Decimal { digits, places } => return format!("numeric({digits},{places})"),
        Kind::Text { max: Some(max) } => return format!("character varying({max})"),
        Kind::Text { max: None } => "text",
        Kind::Date => "date",
        Kind::DateTime => "timestamp with time zone",
        Kind::Uuid => "uuid",
        Kind::Json => "jsonb",
        Kind::Binary => "bytea",
    };
    name.to_owned()
}

/// A reference, which is checked when the transaction ends. sea-query has no word for that, nor for setting one column
/// of several to NULL.
fn add_reference(
    table: &str,
    column: &Column,
    Relation { table: target, column: target_column, on_delete }: Relation,
    shared: bool,
) -> String {
    let name = column.name;
    let action = match on_delete {
        OnDelete::Cascade => " ON DELETE CASCADE".to_owned(),
        OnDelete::SetNull => format!(r#" ON DELETE SET NULL ("{name}")"#),
        OnDelete::Protect => String::new(),
    };
    let tenant = if shared { format!(r#""{TENANT_COLUMN}", "#) } else { String::new() };
    format!(
        r#"ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{name}_fkey" FOREIGN KEY ({tenant}"{name}") REFERENCES "{target}" ({tenant}"{target_column}"){action} DEFERRABLE INITIALLY DEFERRED"#
    )
}

/// The expression of every policy as the server tells it.
pub(in super::super) fn policy_as_told() -> String {
    format!("({TENANT_COLUMN} = (NULLIF(current_setting('tenantry.tenant'::text, true), ''::text))::bigint)")
}

/// The policy of a shared table. It holds for the table's owner too, who migrates tenants' rows.
fn policy(table: &str) -> Vec<String> {
    let own = format!(r#""{TENANT_COLUMN}" = {CURRENT_TENANT}"#);
    vec![
        format!(r#"ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY"#),
        format!(r#"ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY"#),
        format!(r#"CREATE POLICY tenant ON "{table}" USING ({own}) WITH CHECK ({own})"#),
    ]
}
