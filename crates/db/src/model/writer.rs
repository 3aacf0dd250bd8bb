//! SQL written part by part, as a list's and a new row's are: a tree of the whole statement costs as
//! much as reading the list's rows.

use std::fmt::Write;

use sea_query::{
    Expr, PostgresQueryBuilder, QueryBuilder, SqlWriter, SqlWriterValues, SqliteQueryBuilder, Values,
};

use super::{Dialect, FieldMeta, Kind};

/// A statement that is being written, with the values that are bound to it.
pub(super) struct Writer<'a> {
    dialect: Dialect<'a>,
    sql: SqlWriterValues,
}

impl<'a> Writer<'a> {
    pub(super) fn new(dialect: Dialect<'a>) -> Self {
        let (placeholder, numbered) = match dialect {
            Dialect::Sqlite => SqliteQueryBuilder.placeholder(),
            Dialect::Postgres { .. } => PostgresQueryBuilder.placeholder(),
        };
        Self { dialect, sql: SqlWriterValues::new(placeholder, numbered) }
    }

    /// SQL as it is.
    pub(super) fn push(&mut self, sql: &str) {
        // It is written into a String, which can't fail.
        let _ = self.sql.write_str(sql);
    }

    /// Parts with commas between them.
    pub(super) fn list<T>(
        &mut self,
        parts: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            write(self, part);
        }
    }

    /// A name: one of the program's own, which has no quote in it.
    pub(super) fn name(&mut self, name: &str) {
        self.push("\"");
        self.push(name);
        self.push("\"");
    }

    /// A table, named in full where the name alone could be another tenant's.
    pub(super) fn table(&mut self, name: &str) {
        if let Dialect::Postgres { schema, .. } = self.dialect {
            self.name(schema);
            self.push(".");
        }
        self.name(name);
    }

    /// A value, which is bound.
    pub(super) fn value(&mut self, value: sea_query::Value) {
        match self.dialect {
            Dialect::Sqlite => self.sql.push_param(value, &SqliteQueryBuilder),
            Dialect::Postgres { .. } => self.sql.push_param(value, &PostgresQueryBuilder),
        }
    }

    /// An expression; its values are bound.
    pub(super) fn expression(&mut self, expression: &Expr) {
        match self.dialect {
            Dialect::Sqlite => SqliteQueryBuilder.prepare_expr(expression, &mut self.sql),
            Dialect::Postgres { .. } => PostgresQueryBuilder.prepare_expr(expression, &mut self.sql),
        }
    }

    /// A column to sort by: NULLs before everything, text by its bytes. SQLite sorts so by itself.
    pub(super) fn order(&mut self, field: &FieldMeta, descending: bool) {
        self.name(field.column);
        let postgres = matches!(self.dialect, Dialect::Postgres { .. });
        if postgres && matches!(field.kind, Kind::Text { .. }) {
            self.push(r#" COLLATE "C""#);
        }
        self.push(if descending { " DESC" } else { " ASC" });
        // Without a word on NULLs where there are none, so that an index helps.
        if postgres && field.null {
            self.push(if descending { " NULLS LAST" } else { " NULLS FIRST" });
        }
    }

    /// The SQL and its values.
    pub(super) fn into_parts(self) -> (String, Values) {
        self.sql.into_parts()
    }
}
