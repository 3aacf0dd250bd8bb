//! Makes sure that every registered model has its content type and its permissions in one tenant's data.
//!
//! Their ids differ from tenant to tenant and are asked for where they are needed: nothing here is remembered.

use super::session::Session;
use crate::model::{ModelMeta, QueryError, Value};

/// What can be done to a model's rows, each a permission of its own.
const ACTIONS: [&str; 4] = ["add", "change", "delete", "view"];

/// Adds what is missing, and says how many rows; what is there stays as it is.
pub(super) async fn ensure(session: &Session, models: &[&'static ModelMeta]) -> Result<u64, QueryError> {
    let mut added = 0;
    for ModelMeta { app, name, .. } in models {
        let of_model = || vec![Value::from(*app), Value::from(*name)];
        added += session.execute(CONTENT_TYPE, of_model()).await?;
        for action in ACTIONS {
            let permission = [format!("{action}_{name}"), format!("Can {action} {name}")];
            let values = of_model().into_iter().chain(permission.map(Value::Text));
            added += session.execute(PERMISSION, values.collect()).await?;
        }
    }
    Ok(added)
}

const CONTENT_TYPE: &str = "INSERT INTO django_content_type (app_label, model) \
    SELECT CAST($1 AS varchar(100)), CAST($2 AS varchar(100)) WHERE NOT EXISTS \
    (SELECT 1 FROM django_content_type WHERE app_label = $1 AND model = $2)";

const PERMISSION: &str = "INSERT INTO auth_permission (content_type_id, codename, name) \
    SELECT of.id, wanted.codename, wanted.name FROM \
    (SELECT CAST($1 AS varchar(100)) AS app, CAST($2 AS varchar(100)) AS model, \
     CAST($3 AS varchar(100)) AS codename, CAST($4 AS varchar(255)) AS name) AS wanted \
    JOIN django_content_type AS of ON of.app_label = wanted.app AND of.model = wanted.model \
    WHERE NOT EXISTS (SELECT 1 FROM auth_permission AS held \
    WHERE held.content_type_id = of.id AND held.codename = wanted.codename)";
