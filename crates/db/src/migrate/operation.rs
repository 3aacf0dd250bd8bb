//! A migration: a named list of operations, written once for every isolation.

use std::fmt;

use super::step::Step;
use super::table::{Column, Index, Table};

/// A named list of operations. All of them happen in one transaction, together with the ledger's row, or none does.
///
/// Names and SQL are `&'static str`: they stand in the program, and no word of a user can become one.
///
/// ```
/// use tenantry_db::migrate::{Column, Migration, Table};
///
/// Migration::new("notes", "0001_initial").create_table(
///     Table::new("notes_note")
///         .column(Column::id())
///         .column(Column::varchar("title", 200))
///         .column(Column::datetime("created").index()),
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Migration {
    pub(super) app: &'static str,
    pub(super) name: &'static str,
    pub(super) operations: Vec<Operation>,
    pub(super) additive: bool,
}

/// A migration's application and name, `notes.0001_initial` for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MigrationId {
    /// The application it belongs to.
    pub app: String,
    /// Its name, unique in the application.
    pub name: String,
}

/// One step of a migration.
///
/// A column can't be altered, nor a foreign key be added to one that exists: SQLite would need the whole table
/// rebuilt for either. Foreign keys are made with their column, by [`Operation::CreateTable`] or
/// [`Operation::AddColumn`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Creates a table with its indexes.
    CreateTable(Table),
    /// Drops a table, its rows and its indexes.
    DropTable {
        /// The table.
        table: &'static str,
    },
    /// Renames a table. Its indexes keep their names.
    RenameTable {
        /// Its name before.
        from: &'static str,
        /// Its name after.
        to: &'static str,
    },
    /// Adds a column with its index. It may be NULL or has a default, and is neither unique nor the key.
    AddColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: Box<Column>,
    },
    /// Renames a column. Its index keeps its name.
    RenameColumn {
        /// The table.
        table: &'static str,
        /// Its name before.
        from: &'static str,
        /// Its name after.
        to: &'static str,
    },
    /// Drops a column that is neither unique nor the key, and whose indexes were dropped before.
    DropColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Creates an index.
    CreateIndex {
        /// The table.
        table: &'static str,
        /// The index.
        index: Index,
    },
    /// Drops an index.
    DropIndex {
        /// The table.
        table: &'static str,
        /// The index, described as when it was made.
        index: Index,
    },
    /// Runs SQL, once for each tenant: also where they share tables, so that it is about rows and not about tables.
    RunSql(Sql),
    /// Runs Rust, once for each tenant. Where they share tables, its SQL is about rows alone.
    RunRust {
        /// The name by which the ledger knows it: the code itself can't be compared.
        name: &'static str,
        /// The code.
        step: Step,
    },
}

/// SQL in both dialects: one or more statements each, none of which begins or ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sql {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl Migration {
    /// A migration of this application and name, as yet without operations.
    ///
    /// Migrations are applied in the order in which they are registered: one that refers to another application's
    /// table is registered after it.
    #[must_use]
    pub fn new(app: &'static str, name: &'static str) -> Self {
        Self { app, name, operations: Vec::new(), additive: false }
    }

    /// Declares that a program without this migration can serve a database with it: it only adds what that program
    /// never touches (tables, columns that may be NULL or have a default, indexes that are not unique).
    ///
    /// The declaration is written beside the data when the migration is applied, where programs read it that don't know the
    /// migration. Without it they refuse that tenant's data, for requests and commands alike, until they are newer:
    /// see [`TenantDb::ready`](crate::TenantDb::ready).
    ///
    /// ```
    /// use tenantry_db::migrate::{Column, Migration};
    ///
    /// Migration::new("notes", "0003_colour").add_column("notes_note", Column::varchar("colour", 20).null()).additive();
    /// ```
    #[must_use]
    pub fn additive(mut self) -> Self {
        self.additive = true;
        self
    }

    /// Adds an operation.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Creates a table: [`Operation::CreateTable`].
    #[must_use]
    pub fn create_table(self, table: Table) -> Self {
        self.operation(Operation::CreateTable(table))
    }

    /// Drops a table: [`Operation::DropTable`].
    #[must_use]
    pub fn drop_table(self, table: &'static str) -> Self {
        self.operation(Operation::DropTable { table })
    }

    /// Renames a table: [`Operation::RenameTable`].
    #[must_use]
    pub fn rename_table(self, from: &'static str, to: &'static str) -> Self {
        self.operation(Operation::RenameTable { from, to })
    }

    /// Adds a column: [`Operation::AddColumn`].
    #[must_use]
    pub fn add_column(self, table: &'static str, column: Column) -> Self {
        self.operation(Operation::AddColumn { table, column: Box::new(column) })
    }

    /// Renames a column: [`Operation::RenameColumn`].
    #[must_use]
    pub fn rename_column(self, table: &'static str, from: &'static str, to: &'static str) -> Self {
        self.operation(Operation::RenameColumn { table, from, to })
    }

    /// Drops a column: [`Operation::DropColumn`].
    #[must_use]
    pub fn drop_column(self, table: &'static str, column: &'static str) -> Self {
        self.operation(Operation::DropColumn { table, column })
    }

    /// Creates an index: [`Operation::CreateIndex`].
    #[must_use]
    pub fn create_index(self, table: &'static str, index: Index) -> Self {
        self.operation(Operation::CreateIndex { table, index })
    }

    /// Drops an index: [`Operation::DropIndex`].
    #[must_use]
    pub fn drop_index(self, table: &'static str, index: Index) -> Self {
        self.operation(Operation::DropIndex { table, index })
    }

    /// Runs SQL: [`Operation::RunSql`].
    #[must_use]
    pub fn run_sql(self, sql: Sql) -> Self {
        self.operation(Operation::RunSql(sql))
    }

    /// Runs Rust: [`Operation::RunRust`].
    ///
    /// ```
    /// use tenantry_db::migrate::Migration;
    ///
    /// Migration::new("notes", "0002_trim").run_rust("trim_titles", |db| {
    ///     Box::pin(async move {
    ///         db.raw_execute("UPDATE notes_note SET title = trim(title)", vec![]).await?;
    ///         Ok(())
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn run_rust(self, name: &'static str, step: Step) -> Self {
        self.operation(Operation::RunRust { name, step })
    }

    /// Its application and name.
    #[must_use]
    pub fn id(&self) -> MigrationId {
        MigrationId { app: self.app.to_owned(), name: self.name.to_owned() }
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.app, self.name)
    }
}
