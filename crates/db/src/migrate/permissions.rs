//! Makes sure that every registered model has its content type and its permissions in one tenant's data.
//!
//! Their ids differ from tenant to tenant and are asked for where they are needed: nothing here is remembered.

use rusqlite::{Connection, params};

use crate::model::ModelMeta;

/// What can be done to a model's rows, each a permission of its own.
const ACTIONS: [&str; 4] = ["add", "change", "delete", "view"];

/// Adds what is missing; what is there stays as it is.
pub(super) fn ensure(connection: &Connection, models: &[&'static ModelMeta]) -> rusqlite::Result<()> {
    let mut content_type = connection.prepare(
        "INSERT INTO django_content_type (app_label, model) SELECT ?1, ?2 WHERE NOT EXISTS \
         (SELECT 1 FROM django_content_type WHERE app_label = ?1 AND model = ?2)",
    )?;
    let mut permission = connection.prepare(
        "INSERT INTO auth_permission (content_type_id, codename, name) \
         SELECT id, ?3, ?4 FROM django_content_type AS of WHERE app_label = ?1 AND model = ?2 AND NOT EXISTS \
         (SELECT 1 FROM auth_permission WHERE content_type_id = of.id AND codename = ?3)",
    )?;
    for ModelMeta { app, name, .. } in models {
        content_type.execute(params![app, name])?;
        for action in ACTIONS {
            let (codename, title) = (format!("{action}_{name}"), format!("Can {action} {name}"));
            permission.execute(params![app, name, codename, title])?;
        }
    }
    Ok(())
}
