//! A form for one record: its fields, each with a widget, what was typed, and what is wrong with it.

mod stamp;
mod widget;

use tenantry_db::model::{FieldMeta, ModelMeta, QueryError, Row, Value};

use super::answer::segment;
use super::models::Registered;
use super::posted::Posted;
use super::related;
use super::staff::Staff;
use super::text;

pub(super) use stamp::Stamps;
pub(super) use widget::{Offer, Widget, in_words, is_required, raw};

/// The most records that a chooser shows at once; with more, they are searched.
const FEW: u64 = 100;

/// A form for one record.
pub(super) struct Form {
    pub(super) sets: Vec<FieldSet>,
    /// What is wrong with the whole.
    pub(super) errors: Vec<String>,
}

/// Fields that stand together.
pub(super) struct FieldSet {
    pub(super) title: &'static str,
    pub(super) fields: Vec<FormField>,
}

/// One field.
pub(super) struct FormField {
    pub(super) meta: &'static FieldMeta,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) required: bool,
    pub(super) widget: Widget,
    /// What stands in the widget.
    pub(super) raw: String,
    pub(super) errors: Vec<String>,
    /// What others have put there since the form was made.
    pub(super) meanwhile: Option<String>,
}

/// What was typed for one record.
#[derive(Debug)]
pub(super) struct Typed {
    /// The record with all that could be read.
    pub(super) row: Row,
    /// What is wrong, by column.
    pub(super) wrong: Vec<(&'static str, String)>,
    /// What was typed, by column.
    pub(super) raw: Vec<(&'static str, String)>,
}

impl Form {
    /// The form for a record. Fields that nobody may change are shown, as all are where `view_only`; `is_new`: it is not
    /// stored yet.
    pub(super) async fn new(
        staff: &Staff,
        model: &Registered,
        row: &Row,
        is_new: bool,
        view_only: bool,
    ) -> Result<Self, QueryError> {
        let mut sets = Vec::new();
        for set in model.fieldsets() {
            let mut fields = Vec::new();
            for meta in set.columns.iter().filter_map(|column| model.field(column)) {
                let fixed = view_only || !is_editable(model, meta, is_new);
                if !(fixed && is_new) {
                    fields.push(FormField::new(staff, meta, row, fixed).await?);
                }
            }
            sets.push(FieldSet { title: set.title, fields });
        }
        sets.retain(|set| !set.fields.is_empty());
        Ok(Self { sets, errors: Vec::new() })
    }

    /// Puts back what was typed, and says what is wrong with it.
    pub(super) fn told(mut self, typed: &Typed) -> Self {
        for field in self.fields_mut() {
            if let Some((_, raw)) = typed.raw.iter().find(|(column, _)| *column == field.meta.column) {
                field.raw.clone_from(raw);
            }
            let wrong = typed.wrong.iter().filter(|(column, _)| *column == field.meta.column);
            field.errors.extend(wrong.map(|(_, sentence)| sentence.clone()));
        }
        self
    }

    pub(super) fn fields_mut(&mut self) -> impl Iterator<Item = &mut FormField> {
        self.sets.iter_mut().flat_map(|set| &mut set.fields)
    }

    /// Whether anything is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
            || self.sets.iter().flat_map(|set| &set.fields).any(|field| !field.errors.is_empty())
    }
}

impl FormField {
    async fn new(
        staff: &Staff,
        meta: &'static FieldMeta,
        row: &Row,
        fixed: bool,
    ) -> Result<Self, QueryError> {
        let value = row.value(meta.column).unwrap_or(&Value::Null);
        let widget = if fixed {
            Widget::Fixed(related::in_words(staff, &staff.db, meta, row).await?)
        } else {
            match relation(staff, meta, row).await? {
                Some(widget) => widget,
                None => widget::widget(meta, value),
            }
        };
        Ok(Self {
            meta,
            label: text::label(meta),
            help: help(meta),
            required: !fixed && is_required(meta),
            widget,
            raw: raw(meta, value),
            errors: Vec::new(),
            meanwhile: None,
        })
    }

    pub(super) fn is_checked(&self) -> bool {
        self.raw == "on"
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.widget, Widget::Fixed(_))
    }

    /// What describes the field, by the ids of the elements that do.
    pub(super) fn described_by(&self) -> String {
        let column = self.meta.column;
        let parts = [
            (!self.errors.is_empty()).then(|| format!("{column}-errors")),
            (!self.help.is_empty()).then(|| format!("{column}-help")),
            self.meanwhile.is_some().then(|| format!("{column}-meanwhile")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// What people are told beside a field.
fn help(meta: &FieldMeta) -> String {
    use tenantry_db::model::Kind;
    let of_kind = match meta.kind {
        Kind::DateTime => "In UTC.",
        Kind::Json => "JSON.",
        Kind::Binary => "Bytes, in base64.",
        _ => "",
    };
    let own = meta.help_text.trim();
    let dot = if own.is_empty() || own.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{own}{dot} {of_kind}").trim().to_owned()
}

/// A chooser for a field that refers to records which the person may see.
async fn relation(staff: &Staff, meta: &'static FieldMeta, row: &Row) -> Result<Option<Widget>, QueryError> {
    let Some(model) = related::seen(staff, meta) else { return Ok(None) };
    let rows = staff.db.rows(model.meta).limit(FEW + 1).all().await?;
    if rows.len() as u64 > FEW {
        let title = match row.value(meta.column) {
            None | Some(Value::Null) => String::new(),
            Some(_) => related::in_words(staff, &staff.db, meta, row).await?,
        };
        let path = staff.path(&model, "choose/");
        return Ok(Some(Widget::Chooser { path, title }));
    }
    let mut offers: Vec<Offer> =
        rows.iter().map(|row| Offer { value: model.key(row), label: model.title(row) }).collect();
    offers.sort_by(|one, other| one.label.cmp(&other.label));
    offers.insert(0, Offer { value: String::new(), label: "–".to_owned() });
    Ok(Some(Widget::Select(offers)))
}

/// Whether a field can be typed: a key only while the record is new.
fn is_editable(model: &Registered, meta: &FieldMeta, is_new: bool) -> bool {
    !model.is_read_only(meta) && (is_new || !meta.primary_key)
}

impl Typed {
    /// What was typed over `base`. A field that is as it was is not read: what its widget can't show wholly stays whole.
    pub(super) fn read(model: &Registered, base: &Row, posted: &Posted, is_new: bool) -> Self {
        let mut typed = Self { row: base.clone(), wrong: Vec::new(), raw: Vec::new() };
        let columns = model.fieldsets().into_iter().flat_map(|set| set.columns);
        for meta in
            columns.filter_map(|column| model.field(column)).filter(|it| is_editable(model, it, is_new))
        {
            typed.read_one(meta, base, posted);
        }
        typed
    }

    fn read_one(&mut self, meta: &'static FieldMeta, base: &Row, posted: &Posted) {
        let stored = base.value(meta.column).unwrap_or(&Value::Null);
        let is_check = matches!(widget::widget(meta, stored), Widget::Check);
        let raw_before = raw(meta, stored);
        // A box that is not ticked is not sent; any other field that is missing was not in the form.
        let sent = match posted.get(meta.column) {
            Some(sent) => sent,
            None if is_check => "",
            None if stored == &Value::Null => "",
            None => return,
        };
        self.raw.push((meta.column, sent.to_owned()));
        let as_before = stored != &Value::Null && widget::is_same(meta, sent, &raw_before);
        if as_before && meta.check(stored).is_ok() && !(is_required(meta) && sent.is_empty()) {
            return;
        }
        match widget::parse(meta, sent) {
            Ok(value) => {
                // The name is the model's own.
                let _ = self.row.set(meta.column, value);
            }
            Err(sentence) => self.wrong.push((meta.column, sentence)),
        }
    }

    /// What a database found wrong, at its field where it is one's.
    ///
    /// # Errors
    /// The error itself where nothing that was typed is at fault.
    pub(super) fn blame(
        &mut self,
        model: &Registered,
        error: QueryError,
    ) -> Result<Option<String>, QueryError> {
        let named = |column: &str| model.field(column).map(|field| field.column);
        match error {
            QueryError::Unique { columns } => {
                let known: Vec<_> = columns.iter().filter_map(|column| named(column)).collect();
                if let [one] = known.as_slice() {
                    self.wrong.push((one, format!("Another {} has this already.", model.one())));
                    return Ok(None);
                }
                let labels: Vec<_> = known.iter().filter_map(|it| model.field(it)).map(text::label).collect();
                Ok(Some(format!(
                    "Another {} has the same {}.",
                    model.one(),
                    super::log::listed(&labels).to_lowercase()
                )))
            }
            QueryError::Value(error) => match model.field(&error.field) {
                Some(field) => {
                    self.wrong.push((field.column, in_words(field, &error.problem)));
                    Ok(None)
                }
                None => Err(error.into()),
            },
            QueryError::NotNull { column } => {
                let sentence = "This field is required.".to_owned();
                let Some(column) = named(&column) else { return Err(QueryError::NotNull { column }) };
                self.wrong.push((column, sentence));
                Ok(None)
            }
            QueryError::ForeignKey => {
                Ok(Some("A record that is referred to does not exist any more.".to_owned()))
            }
            QueryError::Check { constraint } => {
                Ok(Some(format!("A rule of the data is not kept: {constraint}.")))
            }
            other => Err(other),
        }
    }
}

/// The fields in which two rows of a model differ.
pub(super) fn differences(meta: &'static ModelMeta, one: &Row, other: &Row) -> Vec<&'static FieldMeta> {
    meta.fields.iter().filter(|field| one.value(field.column) != other.value(field.column)).collect()
}

/// The path of a record's own page below its model's.
pub(super) fn change_path(staff: &Staff, model: &Registered, key: &str) -> String {
    staff.path(model, &format!("{}/change/", segment(key)))
}
