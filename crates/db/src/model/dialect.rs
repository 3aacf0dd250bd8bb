//! What the databases say differently: where a table is, the form of a value, how text is compared.

use sea_query::{
    Expr, ExprTrait, IntoTableRef, PostgresQueryBuilder, QueryStatementWriter, SqliteQueryBuilder, TableRef,
    Values,
};
use tenantry_core::RowKey;

use super::{Kind, Problem, Value, postgres_form, sqlite_form};

/// The column by which rows of shared tables are told apart.
pub(crate) const TENANT_COLUMN: &str = "tenant_id";

/// The database that a statement is made for, and what of it is the tenant's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect<'a> {
    Sqlite,
    Postgres {
        /// The schema in which the tenant's tables are.
        schema: &'a str,
        /// The tenant by which rows of shared tables are told apart.
        tenant: Option<RowKey>,
    },
}

impl Dialect<'_> {
    /// The statement as the database takes it.
    pub(super) fn build(self, statement: &impl QueryStatementWriter) -> (String, Values) {
        match self {
            Self::Sqlite => statement.build(SqliteQueryBuilder),
            Self::Postgres { .. } => statement.build(PostgresQueryBuilder),
        }
    }

    /// The most values that one statement takes.
    pub(super) fn most_values(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Postgres { .. } => 65_535,
        }
    }

    /// The table, named in full where the name alone could be another tenant's.
    pub(super) fn table(self, name: &'static str) -> TableRef {
        match self {
            Self::Sqlite => name.into_table_ref(),
            Self::Postgres { schema, .. } => (schema.to_owned(), name).into_table_ref(),
        }
    }

    /// The tenant by which rows of shared tables are told apart; `None` where tables are not shared.
    pub(super) fn tenant(self) -> Option<RowKey> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { tenant, .. } => tenant,
        }
    }

    /// What holds for the tenant's rows alone; `None` where tables are not shared.
    pub(super) fn own_rows(self) -> Option<Expr> {
        Some(Expr::col(TENANT_COLUMN).eq(self.tenant()?.get()))
    }

    /// The form in which a value stands in a column of `kind`. The caller has found that it fits.
    ///
    /// # Errors
    /// Raised when a decimal does not fit.
    pub(super) fn encode(self, kind: Kind, value: Value) -> Result<sea_query::Value, Problem> {
        match self {
            Self::Sqlite => sqlite_form::encode(kind, value),
            Self::Postgres { .. } => Ok(postgres_form::encode(value)),
        }
    }

    /// The form in which a value stands where no kind says more; `None` where it has none.
    pub(super) fn encode_untyped(self, value: Value) -> Option<sea_query::Value> {
        match self {
            Self::Sqlite => sqlite_form::encode_untyped(value),
            Self::Postgres { .. } => Some(postgres_form::encode(value)),
        }
    }

    /// A column of text, to be compared or sorted by its bytes.
    pub(super) fn by_bytes(self, column: &'static str) -> Expr {
        match self {
            Self::Sqlite => Expr::col(column),
            Self::Postgres { .. } => Expr::cust_with_exprs(r#"$1 COLLATE "C""#, [Expr::col(column)]),
        }
    }

    /// Whether a column has a text in it, whose every character stands for itself.
    pub(super) fn contains(self, column: &'static str, text: sea_query::Value) -> Expr {
        let both = [Expr::col(column), Expr::Value(text)];
        match self {
            // LIKE would ignore the case of ASCII letters.
            Self::Sqlite => Expr::cust_with_exprs("instr(?, ?) > 0", both),
            Self::Postgres { .. } => Expr::cust_with_exprs("strpos($1, $2) > 0", both),
        }
    }

    /// The same, whatever the case of ASCII letters. LIKE would do too, but where text and pattern are long and alike it
    /// takes minutes for one value, in which SQLite can't be stopped.
    pub(super) fn contains_ignoring_case(self, column: &'static str, text: sea_query::Value) -> Expr {
        let both = [Expr::col(column), Expr::Value(text)];
        match self {
            Self::Sqlite => Expr::cust_with_exprs("instr(lower(?), lower(?)) > 0", both),
            // In this collation only ASCII letters have a lower case.
            Self::Postgres { .. } => {
                Expr::cust_with_exprs(r#"strpos(lower($1 COLLATE "C"), lower($2 COLLATE "C")) > 0"#, both)
            }
        }
    }

    /// Whether a column starts with a text, whatever the case of ASCII letters.
    pub(super) fn starts_with_ignoring_case(self, column: &'static str, text: sea_query::Value) -> Expr {
        let (column, text) = (Expr::col(column), Expr::Value(text));
        match self {
            Self::Sqlite => Expr::cust_with_exprs(
                "lower(substr(?, 1, length(?))) = lower(?)",
                [column, text.clone(), text],
            ),
            Self::Postgres { .. } => Expr::cust_with_exprs(
                r#"starts_with(lower($1 COLLATE "C"), lower($2 COLLATE "C"))"#,
                [column, text],
            ),
        }
    }
}
