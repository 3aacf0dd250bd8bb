//! What a history does to real files.

mod adoption;
mod applying;
mod fleet;
mod registering;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use tenantry_core::{Placement, Status, Tenant, TenantId, TenantRecord};

use super::{Applied, ApplyError, History, Migration, Plan, Registry, apply, plan};
use crate::TenantDb;
use crate::model::{FieldMeta, Kind, ModelMeta};
use crate::sqlite::{DataFile, Pool, open_exclusively};
use crate::tenant_db::{Gate, Store};

/// One tenant's file in a folder of its own.
struct Fixture {
    pool: Pool,
    file: Arc<DataFile>,
    _folder: TempDir,
}

impl Fixture {
    /// A file with nothing in it.
    fn empty() -> Self {
        Self::of(TenantId::new(1))
    }

    /// The same, of this tenant.
    fn of(tenant: TenantId) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.sqlite3");
        let file = Arc::new(DataFile::for_test(tenant, path));
        Self { pool: Pool::for_test(), file, _folder: folder }
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    fn store(&self) -> Store {
        Store::Sqlite { file: Arc::clone(&self.file), pool: self.pool.clone() }
    }

    fn connection(&self) -> Connection {
        open_exclusively(self.path(), false).unwrap()
    }

    async fn apply(&self, history: &Arc<History>) -> Result<Applied, ApplyError> {
        apply(&self.store(), None, history).await
    }

    /// The door of the tenant whose file this is.
    fn door(&self) -> TenantDb {
        let record = TenantRecord {
            id: self.file.tenant(),
            slug: "acme".parse().unwrap(),
            name: "Acme".to_owned(),
            status: Status::Active,
            domains: Vec::new(),
            placement: Placement::Claimed { database: "acme".parse().unwrap() },
        };
        let tenant = Tenant::from_record(Arc::new(record)).unwrap();
        TenantDb::new(tenant, self.store(), Arc::new(Gate::unguarded()))
    }

    async fn plan(&self, history: &Arc<History>) -> Result<Plan, ApplyError> {
        plan(&self.store(), history).await
    }

    /// Every object of the schema and every row of the tables that `of` chooses, as lines in a stable order.
    fn dump(&self, of: impl Fn(&str) -> bool) -> Vec<String> {
        let connection = self.connection();
        let schema: Vec<(String, String, String)> = connection
            .prepare("SELECT tbl_name, name, coalesce(sql, '') FROM sqlite_master ORDER BY name")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let mut lines = Vec::new();
        for (table, name, sql) in schema.iter().filter(|(table, ..)| of(table)) {
            lines.push(format!("{name}: {sql}"));
            if table == name {
                lines.extend(rows(&connection, table));
            }
        }
        lines
    }

    fn tables(&self) -> Vec<String> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The schema of Django's tables, without the blanks that make no difference.
    fn frozen_schema(&self) -> BTreeSet<String> {
        let connection = self.connection();
        let frozen = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL \
                      AND (tbl_name LIKE 'auth\\_%' ESCAPE '\\' OR tbl_name LIKE 'django\\_%' ESCAPE '\\')";
        let mut statement = connection.prepare(frozen).unwrap();
        let statements = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        statements.map(|sql| sql.unwrap().replace("( ", "(").replace(" )", ")")).collect()
    }

    fn everything(&self) -> Vec<String> {
        self.dump(|_| true)
    }
}

const NOTE: ModelMeta = ModelMeta {
    app: "notes",
    name: "note",
    table: "notes_note",
    fields: &[FieldMeta {
        name: "id",
        column: "id",
        kind: Kind::BigInt,
        null: false,
        unique: false,
        index: false,
        primary_key: true,
        auto: true,
        default: None,
        choices: &[],
        help_text: "",
        relation: None,
    }],
    ordering: &[],
    unique_together: &[],
    many_to_many: &[],
};

fn rows(connection: &Connection, table: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY rowid")).unwrap();
    let width = statement.column_count();
    statement
        .query_map([], |row| {
            let values: Vec<rusqlite::types::Value> =
                (0..width).map(|column| row.get(column)).collect::<Result<_, _>>()?;
            Ok(format!("{table} {values:?}"))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn history(migrations: Vec<Migration>) -> Arc<History> {
    Arc::new(History::new(Registry { models: Vec::new(), migrations }).unwrap())
}

fn names(applied: &Applied) -> Vec<String> {
    applied.migrations.iter().map(ToString::to_string).collect()
}
