//! What can go wrong between a value, a model and the database, one case for each thing that a caller can act on.

use std::borrow::Cow;
use std::error::Error;

use super::Kind;

/// Raised when a value does not fit its field. It never shows the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{model}.{field}: {problem}")]
pub struct ValueError {
    /// The model's table.
    pub model: Cow<'static, str>,
    /// The column.
    pub field: Cow<'static, str>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The value is of another kind.
    #[error("{expected} is expected, {found} was found")]
    WrongKind {
        /// What the field holds.
        expected: Kind,
        /// What was found.
        found: &'static str,
    },
    /// There is no value where there must be one.
    #[error("a value is needed")]
    Null,
    /// The text is longer than the field allows.
    #[error("{length} characters are too many, at most {max} are allowed")]
    TooLong {
        /// The characters it has.
        length: usize,
        /// The characters it may have.
        max: u32,
    },
    /// The value is not one of the field's choices.
    #[error("not one of the choices")]
    NotAChoice,
    /// The number or the date is outside of what the field can hold.
    #[error("out of range for {expected}")]
    OutOfRange {
        /// What the field holds.
        expected: Kind,
    },
    /// The decimal number has more places than the field keeps: it would have to be rounded.
    #[error("more than {places} digits after the point")]
    TooManyPlaces {
        /// The places that the field keeps.
        places: u8,
    },
    /// The float is not a number, or infinite: no two databases agree on those.
    #[error("not a finite number")]
    NotFinite,
    /// The text has the character U+0000, which PostgreSQL can't hold.
    #[error("the character U+0000 is not allowed")]
    NulCharacter,
    /// What is stored can't be read as the field's kind.
    #[error("what is stored is not {expected}")]
    Malformed {
        /// What the field holds.
        expected: Kind,
    },
}

/// Raised when a model has no such column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{model} has no column {column:?}")]
pub struct UnknownColumn {
    /// The model's table.
    pub model: &'static str,
    /// The column, cut after 60 characters.
    pub column: String,
}

/// Raised when a tenant's data is of a version that this program does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// A migration of this program was not applied to it.
    #[error("the tenant's data is behind this program: migration {missing} was not applied to it")]
    Behind {
        /// The first one that is missing.
        missing: String,
    },
    /// A migration was applied to it that this program does not know, and that was not declared additive.
    #[error("the tenant's data is ahead of this program: migration {unknown} is not known here")]
    Ahead {
        /// The first one that is not known.
        unknown: String,
    },
    /// Its past is not this program's, so that no migration leads from the one to the other.
    #[error("the tenant's data is not this program's: {why}")]
    Foreign {
        /// What is not the same.
        why: String,
    },
}

/// Raised when an operation on a tenant's data fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No row is what was asked for.
    #[error("no such row in {model}")]
    NotFound {
        /// The model's table.
        model: &'static str,
    },
    /// Several rows are what was asked for, and one was expected.
    #[error("several rows in {model} where one was expected")]
    Several {
        /// The model's table.
        model: &'static str,
    },
    /// Another row has the same value.
    #[error("another row has the same {}", columns.join(", "))]
    Unique {
        /// The columns that must be unique, together.
        columns: Vec<String>,
    },
    /// The row refers to one that does not exist, or is still referred to.
    #[error("a row that this one refers to does not exist, or this one is still referred to")]
    ForeignKey,
    /// A column got no value.
    #[error("{column} needs a value")]
    NotNull {
        /// The column.
        column: String,
    },
    /// A check of the table failed.
    #[error("the check {constraint} failed")]
    Check {
        /// The check.
        constraint: String,
    },
    /// A value does not fit its field.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The model has no such column.
    #[error(transparent)]
    UnknownColumn(#[from] UnknownColumn),
    /// One statement has more values than a database takes.
    #[error("{count} values are too many for one statement, at most {max} are allowed")]
    TooManyValues {
        /// The values it has.
        count: usize,
        /// The values it may have.
        max: usize,
    },
    /// A decimal in raw SQL: without its field, its scale is not known.
    #[error("a decimal has no scale in raw SQL: give the scaled integer")]
    RawDecimal,
    /// Raw SQL gave a column of a type that no field here has, an array for one.
    #[error("the column {column} is of type {type_name}: cast it to one that a field can have")]
    RawType {
        /// The column.
        column: String,
        /// Its type.
        type_name: String,
    },
    /// An update or a deletion of a query that has a limit or an offset.
    #[error("an update or a deletion can't have a limit or an offset")]
    LimitedChange,
    /// The object has no key yet: it was never inserted.
    #[error("this {model} has no key yet")]
    Unsaved {
        /// The model's table.
        model: &'static str,
    },
    /// A statement that writes was given where only reading is allowed.
    #[error("the statement writes: only reading is allowed here")]
    ReadOnly,
    /// A statement that no tenant may run: `COMMIT`, `ATTACH`, a pragma that changes the connection; in shared tables also one
    /// that is not about rows, or that names `set_config` or another way to come to other tenants' rows.
    #[error(
        "the statement is not allowed: it ends the transaction, changes the connection or leaves the tenant's data"
    )]
    Denied,
    /// Something takes more than one tenant may take of what all share: an answer of more than 256 MiB; a value or a row
    /// of more than 64 MiB; a statement of more than 8 MiB; a pattern of LIKE or GLOB of more than 500 bytes; a text of
    /// more than 4,096 bytes that is searched for in others; more than 1,000 conditions, or one that lies more than 100
    /// deep in others.
    #[error("the answer, a value, a pattern, a condition or the statement itself is too large")]
    TooLarge,
    /// A transaction was begun inside another.
    #[error("a transaction can't be begun inside another")]
    NestedTransaction,
    /// The transaction had ended before the operation began.
    #[error("the transaction has ended")]
    TransactionEnded,
    /// An earlier operation of the transaction failed or was dropped half-way: nothing of it is kept.
    #[error("an earlier operation of the transaction failed: nothing of it is kept")]
    TransactionAborted,
    /// The operation ran past its deadline and was stopped.
    #[error("the operation took too long")]
    Timeout,
    /// The tenant is not active any more.
    #[error("the tenant's data is closed")]
    Closed,
    /// The tenant's data is of a version that this program does not serve. Nothing was done.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The tenant's data is not there: another process has just purged it, or someone has removed it.
    #[error("the tenant's data is not there")]
    Gone,
    /// The tenant's files are in the data folder of another machine, with which this one shares the directory. What is here
    /// under the same name, if anything, is not its data: nothing was read or written.
    #[error("the tenant's files are in another data folder: it is served where they are")]
    Elsewhere,
    /// The disk is full.
    #[error("the disk that holds the tenant's data is full: make room there and try again")]
    Full,
    /// Too many operations wait for this tenant's data already. Nothing was done.
    #[error("too many operations wait for the tenant's data")]
    Crowded,
    /// Another connection held the database for too long.
    #[error("the database is busy")]
    Busy,
    /// Someone else changed the same rows at the same time. Nothing of the transaction is kept; it may be tried again.
    #[error("another transaction changed the same rows")]
    Conflict,
    /// There is no connection to the database server: it can't be reached, does not let us in, or must not be used with
    /// the role that is configured. Or it is the directory that can't be asked whether the tenant's files are here.
    #[error("the database server can't be used")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The tables that tenants share on the server do not keep them apart as they should: none of them is served until an
    /// operator has mended what the cause names.
    #[error("the tables that tenants share do not keep them apart")]
    Unprotected(#[source] Box<dyn Error + Send + Sync>),
    /// Anything else; the cause is for the log, not for clients.
    #[error("the database failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}
