//! What is done with single objects: find, insert, update, delete.

use super::TenantDb;
use super::query::FromStored;
use crate::model::{Field, Model, ModelMeta, QueryError, Selection, Statement};

/// The rows that one job inserts, so that other operations get their turn in between.
const ROWS_PER_JOB: usize = 1_000;

impl TenantDb {
    /// The object with this key, if there is one.
    ///
    /// # Errors
    /// Raised when a stored value can't be read, or the database fails.
    pub async fn find<M: Model>(&self, key: impl Into<M::Key>) -> Result<Option<M>, QueryError> {
        let statement = Selection::by_key(M::META, key.into().to_value())?.select(self.dialect())?;
        let operation = self.operation().await?;
        let rows = operation.way().read_rows(statement, Some(1), M::META, M::decode).await;
        Ok(operation.end(rows).await?.pop())
    }

    /// Inserts an object and gives it back as it was stored: with its key, and with instants cut to the microsecond.
    ///
    /// # Errors
    /// Raised when a value does not fit its field, a constraint is violated, or the database fails.
    pub async fn insert<M: Model>(&self, object: M) -> Result<M, QueryError> {
        let statement = Statement::insert(self.dialect(), M::META, object.values())?;
        self.insert_returning(statement, M::META).await
    }

    /// Inserts objects, all or none, and says how many.
    ///
    /// # Errors
    /// Raised when a value of any object does not fit its field, a constraint is violated, or the database fails.
    /// Nothing is inserted then.
    pub async fn insert_all<M: Model>(&self, objects: Vec<M>) -> Result<u64, QueryError> {
        let statements =
            objects.iter().map(|object| Statement::insert_silent(self.dialect(), M::META, object.values()));
        self.run_together(statements.collect()).await
    }

    /// Stores every field of an object that was inserted before.
    ///
    /// # Errors
    /// [`QueryError::Unsaved`] when it has no key, [`QueryError::NotFound`] when no row has its key. Raised also when
    /// a value does not fit its field, a constraint is violated, or the database fails.
    pub async fn update<M: Model>(&self, object: &M) -> Result<(), QueryError> {
        let statement = Statement::update_model(self.dialect(), object)?;
        match self.changes(statement).await? {
            0 => Err(QueryError::NotFound { model: M::TABLE }),
            _ => Ok(()),
        }
    }

    /// Deletes the object with this key, and says whether there was one.
    ///
    /// # Errors
    /// Raised when it is still referred to, or the database fails.
    pub async fn delete<M: Model>(&self, key: impl Into<M::Key>) -> Result<bool, QueryError> {
        let statement = Selection::by_key(M::META, key.into().to_value())?.delete(self.dialect())?;
        Ok(self.changes(statement).await? > 0)
    }

    pub(super) async fn insert_returning<R: FromStored>(
        &self,
        statement: Statement,
        model: &'static ModelMeta,
    ) -> Result<R, QueryError> {
        let operation = self.operation().await?;
        let rows = operation.way().write_row(statement, model, R::from_stored).await;
        operation.end(rows).await?.pop().ok_or(QueryError::NotFound { model: model.table })
    }

    /// Runs statements that change rows, all in one transaction, and says how many rows they changed.
    pub(super) async fn run_together(
        &self,
        statements: Result<Vec<Statement>, QueryError>,
    ) -> Result<u64, QueryError> {
        let statements = statements?;
        if self.is_transaction() {
            return self.run_all(statements).await;
        }
        self.transaction(async move |tx| tx.run_all(statements).await).await
    }

    async fn run_all(&self, statements: Vec<Statement>) -> Result<u64, QueryError> {
        let mut changed = 0;
        let mut left = statements.into_iter();
        loop {
            let chunk: Vec<_> = left.by_ref().take(ROWS_PER_JOB).collect();
            if chunk.is_empty() {
                return Ok(changed);
            }
            let operation = self.operation().await?;
            let ran = operation.way().changes_all(chunk).await;
            changed += operation.end(ran).await?;
        }
    }

    /// Runs a statement that has no answer but how many rows it changed.
    pub(super) async fn changes(&self, statement: Statement) -> Result<u64, QueryError> {
        let operation = self.operation().await?;
        let changed = operation.way().changes(statement).await;
        operation.end(changed).await
    }
}
