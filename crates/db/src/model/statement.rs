//! Statements: a model and what is asked of it, as SQL with every value bound beside it.

use std::fmt::Write;

use sea_query::{Expr, Query, Values};

use super::column::{Clause, Target};
use super::condition::{all_of, column, has_own_sql};
use super::writer::Writer;
use super::{
    Bound, Dialect, Field, FieldMeta, Model, ModelMeta, Problem, QueryError, TENANT_COLUMN, UnknownColumn,
    Value, ValueError, check,
};

/// SQL and the values bound to it.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) values: Vec<Bound>,
    /// It is a query in which an expression has SQL of the application's own.
    pub(crate) has_own_sql: bool,
}

/// Which rows of a model are meant, in which order.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) model: &'static ModelMeta,
    /// All of them hold.
    pub(crate) clauses: Vec<Clause>,
    /// Column and whether it descends. Empty: as the model says.
    pub(crate) orders: Vec<(Target, bool)>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

impl Selection {
    /// Every row of a model.
    pub(crate) fn all(model: &'static ModelMeta) -> Self {
        Self { model, clauses: Vec::new(), orders: Vec::new(), limit: None, offset: 0 }
    }

    /// The one row with this key.
    ///
    /// # Errors
    /// Raised when the model has no key: only hand-written metadata lacks one.
    pub(crate) fn by_key(model: &'static ModelMeta, key: Value) -> Result<Self, QueryError> {
        let target = key_of(model)?;
        let clauses = vec![Clause::Compare(target, super::column::Comparison::Eq, key)];
        Ok(Self { clauses, ..Self::all(model) })
    }

    /// The rows, each with all columns in the order of the model's fields.
    pub(crate) fn select(self, dialect: Dialect<'_>) -> Result<Statement, QueryError> {
        let mut sql = Writer::new(dialect);
        sql.push("SELECT ");
        sql.list(columns(self.model), Writer::name);
        sql.push(" FROM ");
        sql.table(self.model.table);
        let (limit, offset, orders, own) = (self.limit, self.offset, self.orders()?, self.has_own_sql());
        if let Some(condition) = self.condition(dialect)? {
            sql.push(" WHERE ");
            sql.expression(&condition);
        }
        if !orders.is_empty() {
            sql.push(" ORDER BY ");
            sql.list(orders, |sql, (field, descending)| sql.order(field, descending));
        }
        Ok(Statement { has_own_sql: own, ..Statement::limited(dialect, sql.into_parts(), limit, offset)? })
    }

    /// How many rows there are, without regard to limit and offset.
    pub(crate) fn count(self, dialect: Dialect<'_>) -> Result<Statement, QueryError> {
        let mut select = Query::select();
        select.expr(Expr::cust("COUNT(*)")).from(dialect.table(self.model.table));
        let own = self.has_own_sql();
        if let Some(condition) = self.condition(dialect)? {
            select.and_where(condition);
        }
        Ok(Statement { has_own_sql: own, ..Statement::new(dialect, dialect.build(&select))? })
    }

    /// The values that a column has and how many rows have each, in the place of the model's columns: all others are NULL,
    /// and the number comes behind them.
    pub(crate) fn tally(self, dialect: Dialect<'_>, of: Target) -> Result<Statement, QueryError> {
        let (model, limit, of) = (self.model, self.limit, column(self.model, of)?);
        let field =
            model.field(of).ok_or_else(|| UnknownColumn { model: model.table, column: of.to_owned() })?;
        let mut sql = Writer::new(dialect);
        sql.push("SELECT ");
        sql.list(columns(model), |sql, name| if name == of { sql.name(name) } else { sql.push("NULL") });
        sql.push(", COUNT(*) FROM ");
        sql.table(model.table);
        if let Some(condition) = self.condition(dialect)? {
            sql.push(" WHERE ");
            sql.expression(&condition);
        }
        sql.push(" GROUP BY ");
        sql.name(of);
        sql.push(" ORDER BY ");
        sql.order(field, false);
        Statement::limited(dialect, sql.into_parts(), limit, 0)
    }

    /// One row if there is any.
    pub(crate) fn exists(self, dialect: Dialect<'_>) -> Result<Statement, QueryError> {
        let mut select = Query::select();
        select.expr(Expr::cust("1")).from(dialect.table(self.model.table));
        let (limit, offset) = (self.limit.map_or(1, |limit| limit.min(1)), self.offset);
        let own = self.has_own_sql();
        if let Some(condition) = self.condition(dialect)? {
            select.and_where(condition);
        }
        let statement = Statement::limited(dialect, dialect.build(&select), Some(limit), offset)?;
        Ok(Statement { has_own_sql: own, ..statement })
    }

    /// New values for the rows.
    pub(crate) fn update(
        self,
        dialect: Dialect<'_>,
        assignments: impl IntoIterator<Item = (Target, Value)>,
    ) -> Result<Statement, QueryError> {
        self.refuse_limit()?;
        let mut update = Query::update();
        update.table(dialect.table(self.model.table));
        let own = self.has_own_sql();
        for (target, value) in assignments {
            update.value(column(self.model, target)?, stored(dialect, self.model, target.field, value)?);
        }
        if let Some(condition) = self.condition(dialect)? {
            update.and_where(condition);
        }
        Ok(Statement { has_own_sql: own, ..Statement::new(dialect, dialect.build(&update))? })
    }

    /// The end of the rows.
    pub(crate) fn delete(self, dialect: Dialect<'_>) -> Result<Statement, QueryError> {
        self.refuse_limit()?;
        let mut delete = Query::delete();
        delete.from_table(dialect.table(self.model.table));
        let own = self.has_own_sql();
        if let Some(condition) = self.condition(dialect)? {
            delete.and_where(condition);
        }
        Ok(Statement { has_own_sql: own, ..Statement::new(dialect, dialect.build(&delete))? })
    }

    fn refuse_limit(&self) -> Result<(), QueryError> {
        if self.limit.is_some() || self.offset > 0 { Err(QueryError::LimitedChange) } else { Ok(()) }
    }

    fn has_own_sql(&self) -> bool {
        self.clauses.iter().any(has_own_sql)
    }

    fn condition(self, dialect: Dialect<'_>) -> Result<Option<Expr>, QueryError> {
        all_of(dialect, self.model, self.clauses)
    }

    /// The columns by which the rows are sorted, and whether each descends.
    fn orders(&self) -> Result<Vec<(&'static FieldMeta, bool)>, QueryError> {
        if self.orders.is_empty() {
            let of_model = self.model.ordering.iter().map(|order| {
                let unknown = || UnknownColumn { model: self.model.table, column: order.column.to_owned() };
                Ok((self.model.field(order.column).ok_or_else(unknown)?, order.descending))
            });
            return of_model.collect();
        }
        let asked = self.orders.iter().map(|(target, descending)| {
            column(self.model, *target)?;
            Ok((target.field, *descending))
        });
        asked.collect()
    }
}

impl Statement {
    /// A new row with these values, which comes back as it was stored. A key that the database gives is left out
    /// while it is NULL.
    pub(crate) fn insert(
        dialect: Dialect<'_>,
        model: &'static ModelMeta,
        values: Vec<Value>,
    ) -> Result<Self, QueryError> {
        let mut sql = Self::insert_only(dialect, model, values)?;
        sql.push(" RETURNING ");
        sql.list(columns(model), Writer::name);
        Self::new(dialect, sql.into_parts())
    }

    /// The same without the way back, for many rows.
    pub(crate) fn insert_silent(
        dialect: Dialect<'_>,
        model: &'static ModelMeta,
        values: Vec<Value>,
    ) -> Result<Self, QueryError> {
        Self::new(dialect, Self::insert_only(dialect, model, values)?.into_parts())
    }

    /// New values for all columns of the row that has the object's key.
    pub(crate) fn update_model<M: Model>(dialect: Dialect<'_>, object: &M) -> Result<Self, QueryError> {
        let key = object.key().ok_or(QueryError::Unsaved { model: M::TABLE })?.to_value();
        let pairs = M::META.fields.iter().zip(object.values()).filter(|(field, _)| !field.primary_key);
        let assignments = pairs.map(|(field, value)| (Target { model: M::META, field }, value));
        Selection::by_key(M::META, key)?.update(dialect, assignments)
    }

    /// SQL that an application wrote itself.
    pub(crate) fn raw(dialect: Dialect<'_>, sql: String, values: Vec<Value>) -> Result<Self, QueryError> {
        let encoded =
            values.into_iter().map(|value| dialect.encode_untyped(value).ok_or(QueryError::RawDecimal));
        Self::new(dialect, (sql, Values(encoded.collect::<Result<_, _>>()?)))
    }

    fn insert_only<'a>(
        dialect: Dialect<'a>,
        model: &'static ModelMeta,
        values: Vec<Value>,
    ) -> Result<Writer<'a>, QueryError> {
        let mut row = Vec::with_capacity(model.fields.len() + 1);
        row.extend(dialect.tenant().map(|tenant| (TENANT_COLUMN, tenant.get().into())));
        for (field, value) in model.fields.iter().zip(values) {
            if !(field.auto && value == Value::Null) {
                row.push((field.column, stored(dialect, model, field, value)?));
            }
        }
        let mut sql = Writer::new(dialect);
        sql.push("INSERT INTO ");
        sql.table(model.table);
        if row.is_empty() {
            sql.push(" DEFAULT VALUES");
        } else {
            sql.push(" (");
            sql.list(row.iter(), |sql, (column, _)| sql.name(column));
            sql.push(") VALUES (");
            sql.list(row, |sql, (_, value)| sql.value(value));
            sql.push(")");
        }
        Ok(sql)
    }

    fn limited(
        dialect: Dialect<'_>,
        built: (String, Values),
        limit: Option<u64>,
        offset: u64,
    ) -> Result<Self, QueryError> {
        let mut statement = Self::new(dialect, built)?;
        // Literals: a bound limit would keep PostgreSQL from ever choosing a generic plan, and text made of a
        // number can't be anything else. SQLite knows no offset without a limit.
        let most = i64::MAX.unsigned_abs();
        if limit.is_some() || offset > 0 {
            let limit = limit.unwrap_or(most).min(most);
            // Writing to a String can't fail.
            let _ = write!(statement.sql, " LIMIT {limit}");
        }
        if offset > 0 {
            let _ = write!(statement.sql, " OFFSET {}", offset.min(most));
        }
        Ok(statement)
    }

    fn new(dialect: Dialect<'_>, (sql, Values(values)): (String, Values)) -> Result<Self, QueryError> {
        let (count, max) = (values.len(), dialect.most_values());
        if count > max {
            return Err(QueryError::TooManyValues { count, max });
        }
        let values = values.into_iter().map(|value| Bound::from_sea(value).ok_or_else(unbindable));
        Ok(Self { sql, values: values.collect::<Result<_, _>>()?, has_own_sql: false })
    }
}

/// The model's key as a column.
pub(crate) fn key_of(model: &'static ModelMeta) -> Result<Target, QueryError> {
    let unknown = || UnknownColumn { model: model.table, column: "key".to_owned() };
    Ok(model.primary_key().map(|field| Target { model, field }).ok_or_else(unknown)?)
}

/// A value in the form in which it is compared with a column.
pub(super) fn compared(
    dialect: Dialect<'_>,
    target: Target,
    value: Value,
) -> Result<sea_query::Value, QueryError> {
    let fitting = check::fits(target.field.kind, &value);
    let encoded = fitting.and_then(|()| dialect.encode(target.field.kind, value));
    encoded.map_err(|problem| value_error(target.model, target.field, problem).into())
}

fn stored(
    dialect: Dialect<'_>,
    model: &ModelMeta,
    field: &FieldMeta,
    value: Value,
) -> Result<sea_query::Value, QueryError> {
    let fitting = check::storable(field, &value);
    let encoded = fitting.and_then(|()| dialect.encode(field.kind, value));
    encoded.map_err(|problem| value_error(model, field, problem).into())
}

fn value_error(model: &ModelMeta, field: &FieldMeta, problem: Problem) -> ValueError {
    ValueError { model: model.table.into(), field: field.column.into(), problem }
}

fn columns(model: &'static ModelMeta) -> impl Iterator<Item = &'static str> {
    model.fields.iter().map(|field| field.column)
}

/// Only an expression that the application brought has a value of a kind that no column has.
fn unbindable() -> QueryError {
    let problem = Problem::OutOfRange { expected: super::Kind::BigInt };
    ValueError { model: "a condition".into(), field: "expression".into(), problem }.into()
}
