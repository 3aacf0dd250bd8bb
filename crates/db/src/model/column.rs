//! Columns whose model and type the compiler knows, and the conditions, orders and assignments made of them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Not;

use sea_query::Expr;

use super::{Field, FieldMeta, ModelMeta, Order, Row, UnknownColumn, Value};

/// A column of model `M` whose field has type `T`: `Note::TITLE` for one.
///
/// A model that is known only by its metadata has columns of type `Column<Row, Value>`, from [`ModelMeta::column`].
pub struct Column<M, T> {
    target: Target,
    types: PhantomData<fn() -> (M, T)>,
}

/// A column and the model it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) model: &'static ModelMeta,
    pub(crate) field: &'static FieldMeta,
}

/// Which rows of model `M` are meant.
#[derive(Clone, Debug)]
pub struct Condition<M> {
    pub(crate) clause: Clause,
    /// How deep the clauses lie in one another.
    depth: usize,
    model: PhantomData<fn() -> M>,
}

/// A condition without its model's type.
#[derive(Clone, Debug)]
pub(crate) enum Clause {
    Compare(Target, Comparison, Value),
    In(Target, Vec<Value>),
    /// Among what a column, of another model perhaps, has in the rows for which a clause holds.
    InRows(Target, Target, Box<Clause>),
    IsNull(Target),
    Text(Target, Match, String),
    Joined(Joint, Vec<Clause>),
    Not(Box<Clause>),
    Expr(Box<Expr>),
    TooDeep,
}

/// How conditions are joined to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joint {
    And,
    Or,
}

/// How deep conditions may lie in one another. Whatever is done with them calls itself once for each level, and who
/// asks for many things must not thereby reach the end of the thread's stack, at which the process ends.
const DEEPEST: usize = 100;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Match {
    Contains,
    StartsWith,
    ContainsIgnoringCase,
    StartsWithIgnoringCase,
}

/// A column of model `M` to sort by.
#[derive(Debug)]
pub struct OrderBy<M> {
    pub(crate) target: Target,
    pub(crate) descending: bool,
    model: PhantomData<fn() -> M>,
}

/// A column of model `M` and the value that it gets.
#[derive(Clone, Debug)]
pub struct Assignment<M> {
    pub(crate) target: Target,
    pub(crate) value: Value,
    model: PhantomData<fn() -> M>,
}

/// What a column is compared with: the field's type without its `Option` or `Auto`, or a [`Value`].
pub trait Operand {
    /// The type.
    type Plain;

    /// It as a value.
    fn operand(plain: Self::Plain) -> Value;
}

/// What a column of text is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "only text contains or starts with text"
)]
pub trait TextOperand: Operand {}

/// What a column can be set to: the field's type, or a [`Value`].
pub trait Settable {
    /// It as a value.
    fn into_value(self) -> Value;
}

impl<T: Field> Operand for T {
    type Plain = T::Plain;

    fn operand(plain: T::Plain) -> Value {
        plain.to_value()
    }
}

impl Operand for Value {
    type Plain = Self;

    fn operand(plain: Self) -> Value {
        plain
    }
}

impl<T: Field<Plain = String>> TextOperand for T {}
impl TextOperand for Value {}

impl<T: Field> Settable for T {
    fn into_value(self) -> Value {
        self.to_value()
    }
}

impl Settable for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl ModelMeta {
    /// The column of that name, to be used in queries that [`TenantDb::rows`](crate::TenantDb::rows) begins: what a
    /// user named becomes a column only here.
    ///
    /// # Errors
    /// Raised when the model has no such column.
    pub fn column(&'static self, name: &str) -> Result<Column<Row, Value>, UnknownColumn> {
        let unknown = || UnknownColumn { model: self.table, column: name.chars().take(60).collect() };
        self.field(name).map(|field| Column::new(self, field)).ok_or_else(unknown)
    }
}

impl<M, T> Column<M, T> {
    /// The column of `field` in `model`; for the derive macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(model: &'static ModelMeta, field: &'static FieldMeta) -> Self {
        Self { target: Target { model, field }, types: PhantomData }
    }

    pub(crate) const fn target(self) -> Target {
        self.target
    }

    /// The column's name.
    #[must_use]
    pub const fn column_name(self) -> &'static str {
        self.target.field.column
    }

    /// The column as an expression of sea-query, for what the methods here don't offer.
    #[must_use]
    pub fn expr(self) -> Expr {
        Expr::col(self.column_name())
    }

    /// The value is NULL.
    #[must_use]
    pub fn is_null(self) -> Condition<M> {
        Condition::new(Clause::IsNull(self.target))
    }

    /// The value is not NULL.
    #[must_use]
    pub fn is_not_null(self) -> Condition<M> {
        !self.is_null()
    }

    /// The least first, NULL before all.
    #[must_use]
    pub const fn asc(self) -> OrderBy<M> {
        OrderBy { target: self.target, descending: false, model: PhantomData }
    }

    /// The greatest first, NULL after all.
    #[must_use]
    pub const fn desc(self) -> OrderBy<M> {
        OrderBy { target: self.target, descending: true, model: PhantomData }
    }
}

/// The six comparisons, each a method.
macro_rules! comparisons {
    ($($(#[$doc:meta])+ $name:ident => $comparison:ident;)+) => {$(
        $(#[$doc])+
        #[must_use]
        pub fn $name(self, value: impl Into<T::Plain>) -> Condition<M> {
            Condition::new(Clause::Compare(self.target, Comparison::$comparison, T::operand(value.into())))
        }
    )+};
}

impl<M, T: Operand> Column<M, T> {
    comparisons! {
        /// The value is equal. NULL is equal to nothing: see [`Column::is_null`].
        eq => Eq;
        /// There is a value and it is not equal.
        ne => Ne;
        /// The value is less. Text is compared by its bytes.
        lt => Lt;
        /// The value is less or equal.
        le => Le;
        /// The value is greater.
        gt => Gt;
        /// The value is greater or equal.
        ge => Ge;
    }

    /// The value is one of these; never where there are none.
    #[must_use]
    pub fn in_(self, values: impl IntoIterator<Item = impl Into<T::Plain>>) -> Condition<M> {
        let values = values.into_iter().map(|value| T::operand(value.into())).collect();
        Condition::new(Clause::In(self.target, values))
    }
}

impl<M, T: Operand> Column<M, T> {
    /// The value is one of those that `column`, of any model, has in the rows for which `condition` holds. It is asked in the
    /// same statement, wherever the tenant's data is.
    ///
    /// ```
    /// # use tenantry_db::{TenantDb, model::{Auto, Model, QueryError}};
    /// # #[derive(Model)]
    /// # #[model(app = "notes", crate = "tenantry_db")]
    /// # struct Author { #[field(primary_key)] id: Auto<i64>, name: String }
    /// # #[derive(Model)]
    /// # #[model(app = "notes", crate = "tenantry_db")]
    /// # struct Note { #[field(primary_key)] id: Auto<i64>, author_id: i64 }
    /// async fn notes_of(db: &TenantDb, name: &str) -> Result<Vec<Note>, QueryError> {
    ///     let of_them = Note::AUTHOR_ID.in_rows(Author::ID, Author::NAME.eq(name));
    ///     db.query().filter(of_them).all().await
    /// }
    /// ```
    #[must_use]
    pub fn in_rows<N, U>(self, column: Column<N, U>, condition: Condition<N>) -> Condition<M>
    where
        U: Operand<Plain = T::Plain>,
    {
        let clause = Clause::InRows(self.target, column.target, Box::new(condition.clause));
        Condition::at(condition.depth + 1, clause)
    }
}

impl<M, T: Settable> Column<M, T> {
    /// The column gets this value.
    #[must_use]
    pub fn set(self, value: impl Into<T>) -> Assignment<M> {
        Assignment { target: self.target, value: value.into().into_value(), model: PhantomData }
    }
}

impl<M, T: TextOperand> Column<M, T> {
    /// The text has this text in it, which has 4,096 bytes at most. Every character stands for itself; upper and lower
    /// case differ.
    #[must_use]
    pub fn contains(self, text: impl Into<String>) -> Condition<M> {
        self.matches(Match::Contains, text)
    }

    /// The text starts with this text. Every character stands for itself; upper and lower case differ.
    #[must_use]
    pub fn starts_with(self, text: impl Into<String>) -> Condition<M> {
        self.matches(Match::StartsWith, text)
    }

    /// The text has this text in it, which has 4,096 bytes at most, `A` to `Z` being the same as `a` to `z`. No other
    /// letters are folded, so that every database answers the same.
    #[must_use]
    pub fn contains_ignoring_case(self, text: impl Into<String>) -> Condition<M> {
        self.matches(Match::ContainsIgnoringCase, text)
    }

    /// The text starts with this text, `A` to `Z` being the same as `a` to `z`.
    #[must_use]
    pub fn starts_with_ignoring_case(self, text: impl Into<String>) -> Condition<M> {
        self.matches(Match::StartsWithIgnoringCase, text)
    }

    fn matches(self, how: Match, text: impl Into<String>) -> Condition<M> {
        Condition::new(Clause::Text(self.target, how, text.into()))
    }
}

impl<M> Condition<M> {
    fn new(clause: Clause) -> Self {
        Self::at(1, clause)
    }

    fn at(depth: usize, clause: Clause) -> Self {
        let (depth, clause) = if depth > DEEPEST { (1, Clause::TooDeep) } else { (depth, clause) };
        Self { clause, depth, model: PhantomData }
    }

    /// Both, one after the other; what is joined in the same way already lies no deeper for it.
    fn join(self, joint: Joint, other: Self) -> Self {
        let (mut all, mut depth) = self.parts(joint);
        let (mut others, other_depth) = other.parts(joint);
        all.append(&mut others);
        depth = depth.max(other_depth);
        Self::at(depth, Clause::Joined(joint, all))
    }

    /// The parts of what is joined so, and how deep the whole is.
    fn parts(self, joint: Joint) -> (Vec<Clause>, usize) {
        match self.clause {
            Clause::Joined(found, parts) if found == joint => (parts, self.depth),
            clause => (vec![clause], self.depth + 1),
        }
    }

    /// What sea-query can say and the methods of [`Column`] can't. Its values are bound as they are, in the form that
    /// the database at hand has for them. See [`Query::filter_expr`](crate::Query::filter_expr).
    #[must_use]
    pub fn expr(expr: Expr) -> Self {
        Self::new(Clause::Expr(Box::new(expr)))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(Joint::And, other)
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(Joint::Or, other)
    }
}

impl<M> Not for Condition<M> {
    type Output = Self;

    /// It does not hold. As SQL has it, a condition on NULL holds neither way.
    fn not(self) -> Self {
        Self::at(self.depth + 1, Clause::Not(Box::new(self.clause)))
    }
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M> From<OrderBy<M>> for Order {
    /// The order for code that knows the model only by its metadata.
    fn from(by: OrderBy<M>) -> Self {
        Self { column: by.target.field.column, descending: by.descending }
    }
}

impl<M> Clone for OrderBy<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for OrderBy<M> {}

impl<M, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.target.model.table, self.column_name())
    }
}
