//! Which columns the unique indexes of shared tables are over. Under row-level security the server refuses a value that is
//! there already without a word on its columns.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connection::{Connection, Naming};
use super::error::PostgresError;
use super::scope::SHARED;
use crate::model::{Bound, Statement, TENANT_COLUMN};

/// Their columns without the tenant's, by their names, as last seen.
#[derive(Debug, Default)]
pub(crate) struct UniqueIndexes(Mutex<HashMap<String, Vec<String>>>);

const COLUMNS: &str = "SELECT named.relname::text, part.attname::text \
    FROM pg_index AS found JOIN pg_class AS named ON named.oid = found.indexrelid \
    CROSS JOIN unnest(found.indkey::int2[]) WITH ORDINALITY AS key (number, place) \
    JOIN pg_attribute AS part ON part.attrelid = found.indrelid AND part.attnum = key.number \
    WHERE found.indisunique AND named.relnamespace = to_regnamespace($1) ORDER BY named.relname, key.place";

impl UniqueIndexes {
    pub(super) fn is_empty(&self) -> bool {
        self.known().is_empty()
    }

    /// Looks at all of them. Where that can't be done, an error says less.
    pub(super) async fn look(&self, connection: &mut Connection) {
        let values = vec![Bound::Text(SHARED.to_owned())];
        let asked = Statement { sql: COLUMNS.to_owned(), values, has_own_sql: false };
        let Ok((rows, _)) = connection.run(None, Naming::Full, &asked).await else { return };
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for row in rows {
            let column: String = row.get(1);
            let columns = found.entry(row.get(0)).or_default();
            if column != TENANT_COLUMN {
                columns.push(column);
            }
        }
        *self.known() = found;
    }

    /// Whether an error is about one of them that was not seen yet.
    pub(super) fn lacks(&self, error: &PostgresError) -> bool {
        error.untold_index().is_some_and(|index| !self.known().contains_key(index))
    }

    /// The error with the columns that it is about.
    pub(super) fn told(&self, error: PostgresError) -> PostgresError {
        let columns = error.untold_index().and_then(|index| self.known().get(index).cloned());
        columns.map_or(error, |columns| PostgresError::Unique { columns })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
