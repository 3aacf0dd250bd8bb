//! Who did what to which record: Django's own table, which Django can go on reading. What a change leads from and to is a
//! word more in its message than Django writes, and one that it passes over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenantry_db::TenantDb;
use tenantry_db::model::{Auto, Model, ModelMeta, QueryError};

use super::text;
use crate::auth::people::{ContentType, User};

/// The most characters of a value that an entry keeps: an entry is read by people.
const KEPT: usize = 200;

/// One entry: someone added, changed or deleted a record in the admin.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(app = "admin", table = "django_admin_log", crate = "tenantry_db", ordering("-action_time", "-id"))]
pub struct LogEntry {
    /// The key.
    #[field(primary_key)]
    pub id: Auto<i64>,
    /// The record's key as text.
    pub object_id: Option<String>,
    /// What the record was called then.
    #[field(max_length = 200)]
    pub object_repr: String,
    /// 1 added, 2 changed, 3 deleted.
    pub action_flag: i16,
    /// What was changed, as JSON.
    pub change_message: String,
    /// The record's model.
    #[field(references(ContentType), on_delete = set_null)]
    pub content_type_id: Option<i64>,
    /// Who did it.
    #[field(references(User), on_delete = cascade)]
    pub user_id: i64,
    /// When.
    #[field(default = now)]
    pub action_time: Timestamp,
}

/// What was done to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Added,
    Changed(Vec<Change>),
    Deleted,
}

/// A field that was changed, each value as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) label: String,
    /// Nothing where the entry is one of Django's, which keeps none.
    pub(super) values: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Changed>,
}

#[derive(Default, Serialize, Deserialize)]
struct Changed {
    #[serde(default)]
    fields: Vec<String>,
    /// From what to what, one for each field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<(String, String)>,
}

/// Writes an entry for each of some records of a model: its key, its name, and what was done to it.
///
/// # Errors
/// Raised when the tenant's data can't be used.
pub(super) async fn write(
    db: &TenantDb,
    user_id: i64,
    meta: &'static ModelMeta,
    done: Vec<(String, String, Action)>,
) -> Result<(), QueryError> {
    let content_type_id = content_type(db, meta).await?;
    let entry = |(key, title, action): (String, String, Action)| LogEntry {
        id: Auto::unset(),
        object_id: Some(key),
        object_repr: text::cut(&title, KEPT - 1),
        action_flag: action.flag(),
        change_message: action.message(),
        content_type_id,
        user_id,
        action_time: Timestamp::now(),
    };
    db.insert_all(done.into_iter().map(entry).collect()).await.map(drop)
}

/// The tenant's own number for a model. It differs from tenant to tenant, and is never kept.
pub(super) async fn content_type(db: &TenantDb, meta: &ModelMeta) -> Result<Option<i64>, QueryError> {
    let query = db.query::<ContentType>().filter(ContentType::APP_LABEL.eq(meta.app));
    let found = query.filter(ContentType::MODEL.eq(meta.name)).first().await?;
    Ok(found.and_then(|found| found.id.get()))
}

impl Action {
    fn flag(&self) -> i16 {
        match self {
            Self::Added => 1,
            Self::Changed(_) => 2,
            Self::Deleted => 3,
        }
    }

    /// As Django writes it: nothing for a deletion.
    fn message(&self) -> String {
        let part = match self {
            Self::Added => Part { added: Some(serde_json::Map::new()), changed: None },
            Self::Changed(changes) => {
                let fields = changes.iter().map(|change| change.label.clone()).collect();
                let kept = |(old, new): &(String, String)| (text::cut(old, KEPT), text::cut(new, KEPT));
                let values = changes.iter().filter_map(|change| change.values.as_ref().map(kept)).collect();
                Part { added: None, changed: Some(Changed { fields, values }) }
            }
            Self::Deleted => return String::new(),
        };
        serde_json::to_string(&[part]).unwrap_or_default()
    }
}

impl LogEntry {
    /// What was done. What can't be read is a change without fields, as which Django shows it too.
    pub(super) fn action(&self) -> Action {
        match self.action_flag {
            1 => Action::Added,
            3 => Action::Deleted,
            _ => Action::Changed(self.changes()),
        }
    }

    fn changes(&self) -> Vec<Change> {
        let parts: Vec<Part> = serde_json::from_str(&self.change_message).unwrap_or_default();
        let changed = parts.into_iter().filter_map(|part| part.changed);
        let changes = changed.flat_map(|Changed { fields, values }| {
            let mut values = values.into_iter();
            fields.into_iter().map(move |label| Change { label, values: values.next() })
        });
        changes.collect()
    }

    /// "added", "changed title and state", "deleted".
    pub(super) fn words(&self) -> String {
        match self.action() {
            Action::Added => "added".to_owned(),
            Action::Deleted => "deleted".to_owned(),
            Action::Changed(changes) if changes.is_empty() => "changed".to_owned(),
            Action::Changed(changes) => {
                let labels: Vec<_> = changes.iter().map(|change| change.label.to_lowercase()).collect();
                format!("changed {}", listed(&labels))
            }
        }
    }
}

/// "a", "a and b", "a, b and c".
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &Action) -> LogEntry {
        LogEntry {
            id: Auto::unset(),
            object_id: Some("1".to_owned()),
            object_repr: "Rent".to_owned(),
            action_flag: action.flag(),
            change_message: action.message(),
            content_type_id: None,
            user_id: 1,
            action_time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_written_is_read_and_has_django_s_form() {
        let title = Change { label: "Title".to_owned(), values: Some(("a".to_owned(), "b".repeat(300))) };
        assert_eq!(entry(&Action::Added).change_message, r#"[{"added":{}}]"#);
        assert_eq!(entry(&Action::Deleted).change_message, "");
        let changed = entry(&Action::Changed(vec![title]));
        assert!(changed.change_message.starts_with(r#"[{"changed":{"fields":["Title"],"values":[["a","bb"#));
        let Action::Changed(read) = changed.action() else { panic!("{:?}", changed.action()) };
        assert_eq!(
            read[0].values.as_ref().map(|(old, new)| (old.as_str(), new.chars().count())),
            Some(("a", KEPT + 1))
        );
        assert_eq!(
            (changed.words(), entry(&Action::Added).action()),
            ("changed title".to_owned(), Action::Added)
        );
    }

    #[test]
    fn an_entry_of_django_s_is_read_without_values_and_a_broken_one_without_fields() {
        let of = |message: &str| LogEntry {
            change_message: message.to_owned(),
            ..entry(&Action::Changed(vec![]))
        };
        let django =
            of(r#"[{"changed": {"fields": ["Title", "State"]}}, {"added": {"name": "tag", "object": "x"}}]"#);
        assert_eq!(django.words(), "changed title and state");
        for message in ["", "Changed title.", "[{}]", r#"{"changed": 1}"#, r#"[{"changed": {"fields": 3}}]"#]
        {
            assert_eq!(of(message).action(), Action::Changed(vec![]), "{message}");
        }
    }
}
