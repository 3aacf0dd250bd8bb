//! What a form remembers of the record as it was when the form was made, so that whoever sends it later is told what others
//! have changed since.

use tenantry_core::TenantId;
use tenantry_db::model::{FieldMeta, ModelMeta, Row, Value};

use super::widget::raw;
use crate::auth::FormTokens;

/// A fingerprint for each field of a record.
pub(in crate::admin) struct Stamps<'a> {
    forms: &'a FormTokens,
    tenant: TenantId,
    model: &'static ModelMeta,
}

impl<'a> Stamps<'a> {
    pub(in crate::admin) fn new(forms: &'a FormTokens, tenant: TenantId, model: &'static ModelMeta) -> Self {
        Self { forms, tenant, model }
    }

    /// The record as it is now.
    pub(in crate::admin) fn of(&self, row: &Row) -> String {
        let stamps = self.model.fields.iter().map(|field| self.one(field, row.value(field.column)));
        stamps.collect::<Vec<_>>().join(".")
    }

    /// The columns of `row` that are not as they were; all of them where the stamp is not one.
    pub(in crate::admin) fn changed(&self, stamp: &str, row: &Row) -> Vec<&'static str> {
        let mut before = stamp.split('.');
        let fields = self.model.fields.iter();
        let changed = fields.filter(|field| before.next() != Some(&self.one(field, row.value(field.column))));
        changed.map(|field| field.column).collect()
    }

    /// Whether a value is what the stamp was made of.
    pub(in crate::admin) fn is_as_before(&self, stamp: &str, field: &FieldMeta, value: &Value) -> bool {
        let index = self.model.fields.iter().position(|other| other.column == field.column);
        let before = index.and_then(|index| stamp.split('.').nth(index));
        before == Some(&self.one(field, Some(value)))
    }

    fn one(&self, field: &FieldMeta, value: Option<&Value>) -> String {
        let place = format!("{}.{}", self.model.table, field.column);
        let value = match value {
            Some(Value::Null) | None => "-".to_owned(),
            Some(value) => format!("+{}", raw(field, value)),
        };
        self.forms.fingerprint(self.tenant, &place, &value)
    }
}
