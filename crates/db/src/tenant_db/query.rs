//! Queries: which rows of a model are meant, and what is to be done with them.

use std::marker::PhantomData;

use sea_query::Expr;

use super::TenantDb;
use crate::model::{
    Assignment, Column, Condition, Model, ModelMeta, OrderBy, QueryError, Row, Selection, Statement,
    StoredRow, Value, ValueError, key_of,
};

/// Which rows of a model are meant. `R` is what they come back as: the model's struct, or a [`Row`].
#[derive(Debug)]
#[must_use = "a query does nothing until it is awaited through `all`, `first`, `one`, `count`, `update`, …"]
pub struct Query<'db, R> {
    db: &'db TenantDb,
    selection: Selection,
    shape: PhantomData<fn() -> R>,
}

/// What a row can come back as.
pub trait FromStored: Sized + Send + 'static {
    #[doc(hidden)]
    fn from_stored(row: &StoredRow<'_>) -> Result<Self, ValueError>;
}

impl<M: Model> FromStored for M {
    fn from_stored(row: &StoredRow<'_>) -> Result<Self, ValueError> {
        M::decode(row)
    }
}

impl FromStored for Row {
    fn from_stored(row: &StoredRow<'_>) -> Result<Self, ValueError> {
        Self::decode(row)
    }
}

impl<'db, R: FromStored> Query<'db, R> {
    pub(super) fn new(db: &'db TenantDb, model: &'static ModelMeta) -> Self {
        Self { db, selection: Selection::all(model), shape: PhantomData }
    }

    /// Only the rows for which the condition holds, and every one given before.
    pub fn filter(mut self, condition: Condition<R>) -> Self {
        self.selection.clauses.push(condition.clause);
        self
    }

    /// The same with an expression of sea-query: the way out where the methods of a column are not enough, for rows that refer
    /// to others by [`Column::in_rows`](crate::model::Column::in_rows) for one. What is custom in it is as the database has it:
    /// placeholders are `?` on SQLite, and `$1`, `$2` on PostgreSQL, and tables have the names that the application gave them.
    ///
    /// With more in it than columns, values and the usual operators, the query runs on PostgreSQL as [`TenantDb::raw`] does:
    /// what reads writes nothing, nothing of it is left in the session, and in tables that tenants share it names no more
    /// than is allowed there. That takes the server longer than a query that it has prepared.
    pub fn filter_expr(self, expr: Expr) -> Self {
        self.filter(Condition::expr(expr))
    }

    /// Sorts by this column, after those given before. Without any, the model's own ordering holds.
    pub fn order_by(mut self, order: OrderBy<R>) -> Self {
        self.selection.orders.push((order.target, order.descending));
        self
    }

    /// At most this many rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.selection.limit = Some(rows);
        self
    }

    /// Without this many of the first rows.
    pub fn offset(mut self, rows: u64) -> Self {
        self.selection.offset = rows;
        self
    }

    /// The rows.
    ///
    /// # Errors
    /// Raised when a condition's value does not fit its column, a stored value can't be read, or the database fails.
    pub async fn all(self) -> Result<Vec<R>, QueryError> {
        let (model, most) = (self.selection.model, self.selection.limit);
        let statement = self.selection.select(self.db.dialect())?;
        let operation = self.db.operation().await?;
        let rows = operation.way().read_rows(statement, most, model, R::from_stored).await;
        operation.end(rows).await
    }

    /// The first row, if there is any. Where nothing says how to sort, the key does.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub async fn first(mut self) -> Result<Option<R>, QueryError> {
        let selection = &mut self.selection;
        selection.limit = Some(selection.limit.map_or(1, |limit| limit.min(1)));
        if selection.orders.is_empty() && selection.model.ordering.is_empty() {
            selection.orders.push((key_of(selection.model)?, false));
        }
        Ok(self.all().await?.pop())
    }

    /// The only row.
    ///
    /// # Errors
    /// [`QueryError::NotFound`] when there is none, [`QueryError::Several`] when there are more; else as
    /// [`Query::all`].
    pub async fn one(mut self) -> Result<R, QueryError> {
        let model = self.selection.model.table;
        self.selection.limit = Some(self.selection.limit.map_or(2, |limit| limit.min(2)));
        let mut rows = self.all().await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            (Some(_), false) => Err(QueryError::Several { model }),
            (None, _) => Err(QueryError::NotFound { model }),
        }
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// Raised when a condition's value does not fit its column, or the database fails.
    pub async fn count(self) -> Result<u64, QueryError> {
        let (limit, offset) = (self.selection.limit.unwrap_or(u64::MAX), self.selection.offset);
        let statement = self.selection.count(self.db.dialect())?;
        let count = self.db.integer(statement).await?;
        let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        Ok(count.saturating_sub(offset).min(limit))
    }

    /// Whether there is any row.
    ///
    /// # Errors
    /// Raised when a condition's value does not fit its column, or the database fails.
    pub async fn exists(self) -> Result<bool, QueryError> {
        let statement = self.selection.exists(self.db.dialect())?;
        Ok(self.db.integer(statement).await?.is_some())
    }

    /// Gives columns of the rows new values, and says how many rows there were.
    ///
    /// # Errors
    /// Raised when a value does not fit its column, a constraint is violated, the query has a limit or an offset, or
    /// the database fails.
    pub async fn update(
        self,
        assignments: impl IntoIterator<Item = Assignment<R>>,
    ) -> Result<u64, QueryError> {
        let assignments = assignments.into_iter().map(|assignment| (assignment.target, assignment.value));
        let assignments: Vec<_> = assignments.collect();
        if assignments.is_empty() {
            return Ok(0);
        }
        let statement = self.selection.update(self.db.dialect(), assignments)?;
        self.db.changes(statement).await
    }

    /// Deletes the rows, and says how many there were.
    ///
    /// # Errors
    /// Raised when a row is still referred to, the query has a limit or an offset, or the database fails.
    pub async fn delete(self) -> Result<u64, QueryError> {
        let statement = self.selection.delete(self.db.dialect())?;
        self.db.changes(statement).await
    }
}

impl Query<'_, Row> {
    /// The values that a column has in these rows, the least first and NULL before all, and how many rows have each. A
    /// limit is one of values.
    ///
    /// ```
    /// # use tenantry_db::{TenantDb, model::{Auto, Model, QueryError, Value}};
    /// # #[derive(Model)]
    /// # #[model(app = "notes", crate = "tenantry_db")]
    /// # struct Note { #[field(primary_key)] id: Auto<i64>, state: String }
    /// async fn states(db: &TenantDb) -> Result<Vec<(Value, u64)>, QueryError> {
    ///     db.rows(Note::META).limit(100).tally(Note::META.column("state")?).await
    /// }
    /// ```
    ///
    /// # Errors
    /// Raised when a condition's value does not fit its column, a stored value can't be read, or the database fails.
    pub async fn tally(self, column: Column<Row, Value>) -> Result<Vec<(Value, u64)>, QueryError> {
        let (model, most) = (self.selection.model, self.selection.limit);
        let name = column.column_name();
        let statement = self.selection.tally(self.db.dialect(), column.target())?;
        let operation = self.db.operation().await?;
        let counted = |row: &StoredRow<'_>| Ok((Row::decode(row)?, row.count()?));
        let rows = operation.way().read_rows(statement, most, model, counted).await;
        let rows = operation.end(rows).await?.into_iter();
        Ok(rows.map(|(row, count)| (row.value(name).cloned().unwrap_or(Value::Null), count)).collect())
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub async fn find(self, key: impl Into<Value>) -> Result<Option<Row>, QueryError> {
        let by_key = Selection::by_key(self.selection.model, key.into())?;
        Ok(Self { selection: by_key, ..self }.all().await?.pop())
    }

    /// Inserts a row and gives it back as it was stored, with its key.
    ///
    /// # Errors
    /// Raised when a value does not fit its field, a constraint is violated, or the database fails.
    pub async fn insert(self, row: Row) -> Result<Row, QueryError> {
        let model = self.selection.model;
        let statement = Statement::insert(self.db.dialect(), model, row.into_values(model)?)?;
        self.db.insert_returning(statement, model).await
    }

    /// Inserts rows, all or none, and says how many.
    ///
    /// # Errors
    /// Raised when a value of any row does not fit its field, a constraint is violated, or the database fails. Nothing
    /// is inserted then.
    pub async fn insert_all(self, rows: Vec<Row>) -> Result<u64, QueryError> {
        let model = self.selection.model;
        let dialect = self.db.dialect();
        let insert = |row: Row| Statement::insert_silent(dialect, model, row.into_values(model)?);
        let statements = rows.into_iter().map(insert).collect();
        self.db.run_together(statements).await
    }
}

impl TenantDb {
    /// Runs a statement that reads at most one integer.
    async fn integer(&self, statement: Statement) -> Result<Option<i64>, QueryError> {
        let operation = self.operation().await?;
        let read = operation.way().integer(statement).await;
        operation.end(read).await
    }
}
