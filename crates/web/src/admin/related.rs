//! The records that others refer to, by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenantry_db::TenantDb;
use tenantry_db::model::{FieldMeta, QueryError, Row, Value};

use super::models::Registered;
use super::staff::Staff;
use super::text;

/// The most keys that one statement asks for.
const AT_ONCE: usize = 500;

/// What the records are called that a field refers to. Where the person may not see them, only their keys are known.
#[derive(Debug, Default)]
pub(super) struct Titles(BTreeMap<String, String>);

impl Titles {
    /// The names behind these values of a field, through this door to the data; none where the field refers to nothing.
    pub(super) async fn of(
        staff: &Staff,
        db: &TenantDb,
        field: &FieldMeta,
        values: &[&Value],
    ) -> Result<Self, QueryError> {
        let Some(model) = seen(staff, field) else { return Ok(Self::default()) };
        let keys = values.iter().filter(|value| ***value != Value::Null).map(|value| (*value).clone());
        let keys: BTreeMap<String, Value> = keys.map(|value| (text::raw(&value), value)).collect();
        let keys: Vec<Value> = keys.into_values().collect();
        let mut titles = BTreeMap::new();
        let key = model.meta.primary_key().map(|key| model.meta.column(key.column)).transpose()?;
        for some in keys.chunks(AT_ONCE) {
            let Some(key) = key else { break };
            let rows = db.rows(model.meta).filter(key.in_(some.to_vec())).all().await?;
            titles.extend(rows.iter().map(|row| (model.key(row), model.title(row))));
        }
        Ok(Self(titles))
    }

    pub(super) fn get(&self, value: &Value) -> Option<String> {
        self.0.get(&text::raw(value)).cloned()
    }
}

/// The model that a field refers to, where the person may see it.
pub(super) fn seen(staff: &Staff, field: &FieldMeta) -> Option<Arc<Registered>> {
    let model = staff.site.models.by_table(field.relation?.table)?;
    model.is_seen(&staff.permissions).then_some(model)
}

/// What a value of a row is called: the name of the record that it refers to, or the value itself.
pub(super) async fn in_words(
    staff: &Staff,
    db: &TenantDb,
    field: &FieldMeta,
    row: &Row,
) -> Result<String, QueryError> {
    let Some(value) = row.value(field.column) else { return Ok(String::new()) };
    let titles = Titles::of(staff, db, field, &[value]).await?;
    Ok(titles.get(value).unwrap_or_else(|| text::plain(field, value)))
}
