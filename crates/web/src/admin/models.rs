//! The models that the admin knows: those that were registered, and those that every tenant has, which others refer to.

use std::sync::Arc;

use tenantry_db::model::{FieldMeta, Kind, Model, ModelMeta, Order, Row, Value};

use super::export::Format;
use super::log::LogEntry;
use super::options::{Admin, BulkAction, Fieldset, Options};
use super::text;
use crate::auth::people::{
    ContentType, Group, GroupPermission, Permission, Permissions, User, UserGroup, UserPermission,
};
use crate::auth::session::Session;

/// The models that a site's admin shows, in the order in which they were registered.
#[derive(Clone, Debug, Default)]
pub struct Models(Vec<Arc<Registered>>);

/// A model with what was said of its admin.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) meta: &'static ModelMeta,
    options: Options,
}

/// What can be done to a model's rows, each a permission of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Add,
    Change,
    Delete,
    View,
}

/// What is sent for the deletion of the selected rows.
pub(super) const DELETE_SELECTED: &str = "delete_selected";

/// The columns that a list has where nothing is said.
const COLUMNS: usize = 5;

/// The most characters of a text that is short.
const SHORT: u32 = 255;

impl Models {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model. Its permissions are made where it is registered for migrations as well.
    pub fn register<M: Model>(&mut self, admin: Admin<M>) {
        self.0.push(Arc::new(Registered { meta: M::META, options: admin.options }));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Registered>> {
        self.0.iter()
    }

    pub(super) fn find(&self, app: &str, model: &str) -> Option<&Arc<Registered>> {
        self.0.iter().find(|it| it.meta.app == app && it.meta.name == model)
    }

    pub(super) fn is_registered(&self, meta: &ModelMeta) -> bool {
        self.find(meta.app, meta.name).is_some()
    }

    /// The model with this table, registered or one that every tenant has.
    pub(super) fn by_table(&self, table: &str) -> Option<Arc<Registered>> {
        let registered = self.0.iter().find(|it| it.meta.table == table).cloned();
        registered.or_else(|| {
            let built_in = BUILT_IN.iter().find(|it| it.table == table)?;
            Some(Arc::new(Registered { meta: built_in, options: Options::default() }))
        })
    }

    /// Every model that is known.
    pub(super) fn known(&self) -> impl Iterator<Item = &'static ModelMeta> {
        let registered = self.0.iter().map(|it| it.meta);
        registered.chain(BUILT_IN.iter().copied().filter(|it| !self.is_registered(it)))
    }
}

const BUILT_IN: [&ModelMeta; 9] = [
    User::META,
    Group::META,
    Permission::META,
    ContentType::META,
    UserGroup::META,
    UserPermission::META,
    GroupPermission::META,
    Session::META,
    LogEntry::META,
];

impl Registered {
    /// What one row is called.
    pub(super) fn one(&self) -> String {
        self.options.names.map_or_else(|| text::words(self.meta.name), |(one, _)| one.to_owned())
    }

    /// What several are called.
    pub(super) fn several(&self) -> String {
        self.options
            .names
            .map_or_else(|| format!("{}s", text::words(self.meta.name)), |(_, it)| it.to_owned())
    }

    /// So many of them, in words.
    pub(super) fn counted(&self, count: u64) -> String {
        let name = if count == 1 { self.one() } else { self.several() };
        format!("{} {name}", text::grouped(count))
    }

    pub(super) fn permits(&self, permissions: &Permissions, right: Right) -> bool {
        may(permissions, self.meta, right)
    }

    /// Whether the user may see the rows: who may change them must.
    pub(super) fn is_seen(&self, permissions: &Permissions) -> bool {
        self.permits(permissions, Right::View) || self.permits(permissions, Right::Change)
    }

    pub(super) fn field(&self, column: &str) -> Option<&'static FieldMeta> {
        self.meta.field(column)
    }

    /// The column by whose text a row is called.
    pub(super) fn title_column(&self) -> Option<&'static str> {
        let first_text = || {
            let mut texts = self.meta.fields.iter().filter(|it| is_short_text(it) && it.choices.is_empty());
            // A user is not called by the password's hash.
            texts.find(|it| it.unique).or_else(|| texts_of(self.meta).next()).map(|it| it.column)
        };
        self.options.title.or_else(first_text)
    }

    /// What a row is called: never empty.
    pub(super) fn title(&self, row: &Row) -> String {
        let named =
            self.title_column().and_then(|column| Some(text::plain(self.field(column)?, row.value(column)?)));
        match named.filter(|it| !it.trim().is_empty()) {
            Some(named) => text::cut(&named, 120),
            None => format!("{} {}", text::capital(&self.one()), self.key(row)),
        }
    }

    /// The row's key as text.
    pub(super) fn key(&self, row: &Row) -> String {
        let key = self.meta.primary_key().and_then(|key| row.value(key.column));
        key.map(text::raw).unwrap_or_default()
    }

    /// The value of a key that stands as text in a path; `None` for what can't be one.
    pub(super) fn parse_key(&self, text: &str) -> Option<Value> {
        let kind = self.meta.primary_key()?.kind;
        match kind {
            Kind::SmallInt | Kind::Int | Kind::BigInt => text.parse().ok().map(Value::Int),
            Kind::Uuid => text.parse().ok().map(Value::Uuid),
            Kind::Text { .. } if !text.contains('\0') => Some(Value::Text(text.to_owned())),
            _ => None,
        }
    }

    /// The list's columns.
    pub(super) fn columns(&self) -> Vec<&'static FieldMeta> {
        if !self.options.columns.is_empty() {
            return self.fields(&self.options.columns);
        }
        let title = self.title_column().and_then(|column| self.field(column));
        let title = title.or_else(|| self.meta.primary_key());
        let others = self
            .meta
            .fields
            .iter()
            .filter(|it| !it.primary_key && Some(it.column) != title.map(|it| it.column));
        title.into_iter().chain(others.filter(|it| is_brief(it))).take(COLUMNS).collect()
    }

    pub(super) fn searched(&self) -> Vec<&'static FieldMeta> {
        match &self.options.search {
            Some(columns) => self.fields(columns),
            None => texts_of(self.meta).collect(),
        }
    }

    pub(super) fn filters(&self) -> Vec<&'static FieldMeta> {
        match &self.options.filters {
            Some(columns) => self.fields(columns),
            None => self.meta.fields.iter().filter(|it| is_filter(it)).collect(),
        }
    }

    pub(super) fn ordering(&self) -> Vec<Order> {
        let own = [self.options.ordering.as_slice(), self.meta.ordering];
        let said = own.into_iter().find(|it| !it.is_empty()).map(<[Order]>::to_vec);
        said.unwrap_or_else(|| {
            let key = self.meta.primary_key();
            key.map(|key| Order { column: key.column, descending: true }).into_iter().collect()
        })
    }

    /// The form's fields in their sets.
    pub(super) fn fieldsets(&self) -> Vec<Fieldset> {
        if !self.options.fieldsets.is_empty() {
            return self.options.fieldsets.clone();
        }
        let columns = self.meta.fields.iter().filter(|it| !it.auto).map(|it| it.column).collect();
        vec![Fieldset { title: "", columns }]
    }

    /// What can be done with the selected rows, by its name and what people are shown.
    pub(super) fn bulk(&self, permissions: &Permissions) -> Vec<(&'static str, &'static str)> {
        let mut offered = Vec::new();
        if self.is_seen(permissions) {
            offered.extend(Format::OFFERED);
        }
        if self.permits(permissions, Right::Delete) {
            offered.push((DELETE_SELECTED, "Delete"));
        }
        if self.permits(permissions, Right::Change) {
            offered.extend(self.options.actions.iter().map(|action| (action.name, action.label)));
        }
        offered
    }

    pub(super) fn action(&self, name: &str) -> Option<&BulkAction> {
        self.options.actions.iter().find(|action| action.name == name)
    }

    /// What a file of rows has of each: the key, and what the form and the list show.
    pub(super) fn exported(&self) -> Vec<&'static FieldMeta> {
        let in_form =
            self.fieldsets().into_iter().flat_map(|set| set.columns).filter_map(|it| self.field(it));
        let all = self.meta.primary_key().into_iter().chain(in_form).chain(self.columns());
        let mut fields: Vec<&'static FieldMeta> = Vec::new();
        for field in all {
            if fields.iter().all(|other| other.column != field.column) {
                fields.push(field);
            }
        }
        fields
    }

    pub(super) fn is_read_only(&self, field: &FieldMeta) -> bool {
        field.auto || self.options.read_only.contains(&field.column)
    }

    fn fields(&self, columns: &[&str]) -> Vec<&'static FieldMeta> {
        columns.iter().filter_map(|column| self.field(column)).collect()
    }
}

/// Whether the permissions have that right to a model's rows.
pub(super) fn may(permissions: &Permissions, meta: &ModelMeta, right: Right) -> bool {
    let action = match right {
        Right::Add => "add",
        Right::Change => "change",
        Right::Delete => "delete",
        Right::View => "view",
    };
    permissions.has(meta.app, &format!("{action}_{}", meta.name))
}

/// The short texts that people write freely.
fn texts_of(meta: &'static ModelMeta) -> impl Iterator<Item = &'static FieldMeta> {
    meta.fields.iter().filter(|it| is_short_text(it) && it.choices.is_empty() && it.relation.is_none())
}

fn is_short_text(field: &FieldMeta) -> bool {
    matches!(field.kind, Kind::Text { max } if max.is_none_or(|max| max <= SHORT)) && !field.primary_key
}

/// Whether a value takes little room in a list.
fn is_brief(field: &FieldMeta) -> bool {
    !field.choices.is_empty()
        || field.relation.is_some()
        || !matches!(field.kind, Kind::Text { .. } | Kind::Json | Kind::Binary | Kind::Uuid)
}

fn is_filter(field: &FieldMeta) -> bool {
    !field.choices.is_empty() || matches!(field.kind, Kind::Bool | Kind::Date | Kind::DateTime)
}
