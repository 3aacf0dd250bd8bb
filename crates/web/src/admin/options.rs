//! What an application says of a model's admin: columns, search, filters and the like, with names that the compiler checks.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use tenantry_db::TenantDb;
use tenantry_db::model::{Column, Field, Model, Order, OrderBy, QueryError, TextOperand, Value, ValueError};

/// How the admin shows a model. Everything is optional: what is not said follows from the model's fields.
///
/// ```
/// use jiff::Timestamp;
/// use tenantry_db::model::{Auto, Model};
/// use tenantry_web::admin::Admin;
///
/// #[derive(Model)]
/// #[model(app = "notes", crate = "tenantry_db")]
/// struct Note {
///     #[field(primary_key)]
///     id: Auto<i64>,
///     #[field(max_length = 200)]
///     title: String,
///     #[field(default = "draft", choices("draft" = "Draft", "done" = "Done"))]
///     state: String,
///     #[field(default = "")]
///     body: String,
///     #[field(default = now)]
///     created: Timestamp,
/// }
///
/// let admin = Admin::<Note>::new()
///     .columns((Note::TITLE, Note::STATE, Note::CREATED))
///     .search((Note::TITLE, Note::BODY))
///     .filters((Note::STATE, Note::CREATED))
///     .ordering([Note::CREATED.desc(), Note::TITLE.asc()])
///     .fieldset("", (Note::TITLE, Note::BODY))
///     .fieldset("Publishing", (Note::STATE, Note::CREATED))
///     .read_only(Note::CREATED)
///     .action("finish", "Mark as done", async |db, keys| {
///         let notes = db.query::<Note>().filter(Note::ID.in_(keys));
///         notes.update([Note::STATE.set("done")]).await.map(drop)
///     });
/// # let _ = admin;
/// ```
///
/// A column of another model does not compile:
///
/// ```compile_fail
/// # use tenantry_db::model::{Auto, Model};
/// # use tenantry_web::admin::Admin;
/// # #[derive(Model)]
/// # #[model(app = "a", crate = "tenantry_db")]
/// # struct Note { #[field(primary_key)] id: Auto<i64>, title: String }
/// # #[derive(Model)]
/// # #[model(app = "a", crate = "tenantry_db")]
/// # struct Tag { #[field(primary_key)] id: Auto<i64>, name: String }
/// let admin = Admin::<Note>::new().columns((Note::TITLE, Tag::NAME));
/// ```
pub struct Admin<M> {
    pub(super) options: Options,
    model: PhantomData<fn() -> M>,
}

/// What [`Admin`] was told, by the columns' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) names: Option<(&'static str, &'static str)>,
    pub(super) title: Option<&'static str>,
    pub(super) columns: Vec<&'static str>,
    pub(super) search: Option<Vec<&'static str>>,
    pub(super) filters: Option<Vec<&'static str>>,
    pub(super) ordering: Vec<Order>,
    pub(super) fieldsets: Vec<Fieldset>,
    pub(super) read_only: Vec<&'static str>,
    pub(super) actions: Vec<BulkAction>,
}

/// Something that can be done with the selected rows of a list.
#[derive(Clone)]
pub(super) struct BulkAction {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) run: Arc<dyn Fn(TenantDb, Vec<Value>) -> Running + Send + Sync>,
}

type Running = Pin<Box<dyn Future<Output = Result<(), QueryError>> + Send>>;

impl fmt::Debug for BulkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Fields that stand together in a form.
#[derive(Clone, Debug)]
pub(super) struct Fieldset {
    pub(super) title: &'static str,
    pub(super) columns: Vec<&'static str>,
}

impl<M: Model> Admin<M> {
    /// The admin that follows from the model's fields:
    ///
    /// - a row is called by its first text, and the list has that column, then up to four others that are short: choices,
    ///   relations, dates, numbers, yes or no;
    /// - every short text is searched, and what has choices, is yes or no, or a date can be filtered by;
    /// - rows are sorted as the model says, and where it doesn't, the newest key comes first;
    /// - the form has every field but a key that the database gives. A text must not be empty unless it may be NULL or
    ///   its default is `""`.
    #[must_use]
    pub const fn new() -> Self {
        let options = Options {
            names: None,
            title: None,
            columns: Vec::new(),
            search: None,
            filters: None,
            ordering: Vec::new(),
            fieldsets: Vec::new(),
            read_only: Vec::new(),
            actions: Vec::new(),
        };
        Self { options, model: PhantomData }
    }

    /// What one row and several are called, in the middle of a sentence: `"diary entry"`, `"diary entries"`.
    #[must_use]
    pub fn names(mut self, one: &'static str, several: &'static str) -> Self {
        self.options.names = Some((one, several));
        self
    }

    /// The column by whose text a row is called.
    #[must_use]
    pub fn title<T>(mut self, column: Column<M, T>) -> Self {
        self.options.title = Some(column.column_name());
        self
    }

    /// The columns of the list.
    #[must_use]
    pub fn columns(mut self, columns: impl Columns<M>) -> Self {
        self.options.columns = columns.names();
        self
    }

    /// The columns of text that are searched; `()` for no search.
    #[must_use]
    pub fn search(mut self, columns: impl TextColumns<M>) -> Self {
        self.options.search = Some(columns.names());
        self
    }

    /// The columns by which the list can be filtered; `()` for none.
    #[must_use]
    pub fn filters(mut self, columns: impl Columns<M>) -> Self {
        self.options.filters = Some(columns.names());
        self
    }

    /// How the list is sorted where the person says nothing.
    #[must_use]
    pub fn ordering(mut self, orders: impl IntoIterator<Item = OrderBy<M>>) -> Self {
        self.options.ordering = orders.into_iter().map(Order::from).collect();
        self
    }

    /// Fields that stand together in the form, under a title or under none (`""`). A field that is in no set is not in
    /// the form once there is one.
    #[must_use]
    pub fn fieldset(mut self, title: &'static str, columns: impl Columns<M>) -> Self {
        self.options.fieldsets.push(Fieldset { title, columns: columns.names() });
        self
    }

    /// Something that can be done with the selected rows of the list by who may change them. `name` stands in the form,
    /// `label` is for people.
    ///
    /// `run` gets the keys of the rows, and a door in whose transaction all of it is kept or nothing; what it changed in those
    /// rows is noted down in their histories.
    #[must_use]
    pub fn action<F>(
        mut self,
        name: &'static str,
        label: &'static str,
        run: impl Fn(TenantDb, Vec<M::Key>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), QueryError>> + Send + 'static,
    {
        let run = move |db: TenantDb, keys: Vec<Value>| -> Running {
            let key = |value| M::Key::from_value(value).map_err(unreadable::<M>);
            match keys.into_iter().map(key).collect::<Result<Vec<_>, _>>() {
                Ok(keys) => Box::pin(run(db, keys)),
                Err(error) => Box::pin(std::future::ready(Err(error.into()))),
            }
        };
        self.options.actions.push(BulkAction { name, label, run: Arc::new(run) });
        self
    }

    /// The columns that are shown and can't be changed.
    #[must_use]
    pub fn read_only(mut self, columns: impl Columns<M>) -> Self {
        self.options.read_only = columns.names();
        self
    }
}

fn unreadable<M: Model>(problem: tenantry_db::model::Problem) -> ValueError {
    ValueError { model: M::TABLE.into(), field: M::KEY_COLUMN.into(), problem }
}

/// A column of model `M`, or several in a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column of `{M}`",
    label = "not a column, nor a tuple of columns, of this model",
    note = "columns are the constants that #[derive(Model)] gives: (Note::TITLE, Note::STATE)"
)]
pub trait Columns<M> {
    /// The columns' names.
    fn names(self) -> Vec<&'static str>;
}

/// A column of text of model `M`, or several in a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no column of text of `{M}`",
    label = "only columns of text are searched",
    note = "columns are the constants that #[derive(Model)] gives: (Note::TITLE, Note::BODY)"
)]
pub trait TextColumns<M>: Columns<M> {}

impl<M, T> Columns<M> for Column<M, T> {
    fn names(self) -> Vec<&'static str> {
        vec![self.column_name()]
    }
}

impl<M, T: TextOperand> TextColumns<M> for Column<M, T> {}

impl<M> Columns<M> for () {
    fn names(self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl<M> TextColumns<M> for () {}

macro_rules! tuples {
    ($($column:ident $type:ident),+) => {
        impl<M, $($type),+> Columns<M> for ($(Column<M, $type>,)+) {
            fn names(self) -> Vec<&'static str> {
                let ($($column,)+) = self;
                vec![$($column.column_name()),+]
            }
        }

        impl<M, $($type: TextOperand),+> TextColumns<M> for ($(Column<M, $type>,)+) {}
    };
}

tuples!(a A);
tuples!(a A, b B);
tuples!(a A, b B, c C);
tuples!(a A, b B, c C, d D);
tuples!(a A, b B, c C, d D, e E);
tuples!(a A, b B, c C, d D, e E, f F);
tuples!(a A, b B, c C, d D, e E, f F, g G);
tuples!(a A, b B, c C, d D, e E, f F, g G, h H);
tuples!(a A, b B, c C, d D, e E, f F, g G, h H, i I);
tuples!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J);
tuples!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J, k K);
tuples!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J, k K, l L);

impl<M: Model> Default for Admin<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for Admin<M> {
    fn clone(&self) -> Self {
        Self { options: self.options.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for Admin<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}
