//! Tenantry's own migrations: the tables that Django froze, exactly as Django 4.1 makes them, and its own few.

use super::ledger;
use super::operation::{Migration, Sql};
use super::table::{Column, Index, Table};
use crate::model::OnDelete::{Cascade, Protect};

/// The applications whose names are taken.
pub(super) const APPS: [&str; 6] = ["admin", "auth", "contenttypes", "django", "sessions", "tenantry"];

/// The application and name of the migration that makes Django's tables, or finds them made.
pub(super) const FROZEN: (&str, &str) = ("django", "0001_initial");

/// Every migration of Tenantry's own, in order. What was once released is never changed.
pub(super) fn migrations() -> Vec<Migration> {
    vec![made_ledger(), frozen(), sessions()]
}

fn made_ledger() -> Migration {
    Migration::new("tenantry", "0001_ledger").create_table(
        Table::new(ledger::TABLE)
            .column(Column::id())
            .column(Column::varchar("app", 63))
            .column(Column::varchar("name", 63))
            .column(Column::varchar("checksum", 64))
            .column(Column::bool("additive"))
            .column(Column::bool("adopted"))
            .column(Column::datetime("applied"))
            .unique(["app", "name"]),
    )
}

fn frozen() -> Migration {
    [django_content_type(), auth_permission(), auth_group(), auth_user()]
        .into_iter()
        .chain([auth_group_permissions(), auth_user_groups(), auth_user_user_permissions()])
        .chain([django_admin_log(), django_session(), django_migrations()])
        .fold(Migration::new(FROZEN.0, FROZEN.1), Migration::create_table)
        .run_sql(CONTENT_TYPES)
        .run_sql(PERMISSIONS)
        .run_sql(DJANGO_HISTORY)
}

fn sessions() -> Migration {
    Migration::new("tenantry", "0002_sessions").create_table(
        Table::new("tenantry_session")
            .column(Column::varchar("key_hash", 64).primary_key())
            .column(Column::big_int("user_id").references("auth_user", "id", Cascade))
            .column(Column::varchar("fingerprint", 64))
            .column(Column::datetime("created"))
            .column(Column::datetime("last_seen"))
            .column(Column::datetime("expires").index()),
    )
}

fn django_content_type() -> Table {
    Table::new("django_content_type")
        .column(Column::id())
        .column(Column::varchar("app_label", 100))
        .column(Column::varchar("model", 100))
        .with_index(unique(["app_label", "model"], "django_content_type_app_label_model_76bd3d3b_uniq"))
}

fn auth_permission() -> Table {
    Table::new("auth_permission")
        .column(Column::id())
        .column(
            reference("content_type_id", "django_content_type")
                .index_named("auth_permission_content_type_id_2f476e4b"),
        )
        .column(Column::varchar("codename", 100))
        .column(Column::varchar("name", 255))
        .with_index(unique(
            ["content_type_id", "codename"],
            "auth_permission_content_type_id_codename_01ab375a_uniq",
        ))
}

fn auth_group() -> Table {
    Table::new("auth_group").column(Column::id()).column(Column::varchar("name", 150).unique())
}

fn auth_user() -> Table {
    Table::new("auth_user")
        .column(Column::id())
        .column(Column::varchar("password", 128))
        .column(Column::datetime("last_login").null())
        .column(Column::bool("is_superuser"))
        .column(Column::varchar("username", 150).unique())
        .column(Column::varchar("last_name", 150))
        .column(Column::varchar("email", 254))
        .column(Column::bool("is_staff"))
        .column(Column::bool("is_active"))
        .column(Column::datetime("date_joined"))
        .column(Column::varchar("first_name", 150))
}

fn auth_group_permissions() -> Table {
    Table::new("auth_group_permissions")
        .column(Column::id())
        .column(reference("group_id", "auth_group").index_named("auth_group_permissions_group_id_b120cbf9"))
        .column(
            reference("permission_id", "auth_permission")
                .index_named("auth_group_permissions_permission_id_84c5c92e"),
        )
        .with_index(unique(
            ["group_id", "permission_id"],
            "auth_group_permissions_group_id_permission_id_0cd325b0_uniq",
        ))
}

fn auth_user_groups() -> Table {
    Table::new("auth_user_groups")
        .column(Column::id())
        .column(reference("user_id", "auth_user").index_named("auth_user_groups_user_id_6a12ed8b"))
        .column(reference("group_id", "auth_group").index_named("auth_user_groups_group_id_97559544"))
        .with_index(unique(["user_id", "group_id"], "auth_user_groups_user_id_group_id_94350c0c_uniq"))
}

fn auth_user_user_permissions() -> Table {
    Table::new("auth_user_user_permissions")
        .column(Column::id())
        .column(reference("user_id", "auth_user").index_named("auth_user_user_permissions_user_id_a95ead1b"))
        .column(
            reference("permission_id", "auth_permission")
                .index_named("auth_user_user_permissions_permission_id_1fbb5f2c"),
        )
        .with_index(unique(
            ["user_id", "permission_id"],
            "auth_user_user_permissions_user_id_permission_id_14a6b632_uniq",
        ))
}

fn django_admin_log() -> Table {
    Table::new("django_admin_log")
        .column(Column::id())
        .column(Column::text("object_id").null())
        .column(Column::varchar("object_repr", 200))
        .column(Column::small_int("action_flag").not_negative())
        .column(Column::text("change_message"))
        .column(
            reference("content_type_id", "django_content_type")
                .null()
                .index_named("django_admin_log_content_type_id_c4bce8eb"),
        )
        .column(reference("user_id", "auth_user").index_named("django_admin_log_user_id_c564eba6"))
        .column(Column::datetime("action_time"))
}

fn django_session() -> Table {
    Table::new("django_session")
        .column(Column::varchar("session_key", 40).primary_key())
        .column(Column::text("session_data"))
        .column(Column::datetime("expire_date").index_named("django_session_expire_date_a5c62663"))
}

fn django_migrations() -> Table {
    Table::new("django_migrations")
        .column(Column::id())
        .column(Column::varchar("app", 255))
        .column(Column::varchar("name", 255))
        .column(Column::datetime("applied"))
}

fn reference(column: &'static str, table: &'static str) -> Column {
    Column::big_int(column).references(table, "id", Protect)
}

fn unique(columns: [&'static str; 2], name: &'static str) -> Index {
    Index::on(columns).unique().named(name)
}

const CONTENT_TYPES: Sql = {
    let both = "INSERT INTO django_content_type (app_label, model) VALUES ('admin', 'logentry'), \
                ('auth', 'permission'), ('auth', 'group'), ('auth', 'user'), \
                ('contenttypes', 'contenttype'), ('sessions', 'session')";
    Sql { sqlite: both, postgres: both }
};

const PERMISSIONS: Sql = {
    let both = "INSERT INTO auth_permission (content_type_id, codename, name) \
                SELECT of.id, act.column1 || '_' || of.model, 'Can ' || act.column1 || ' ' || CASE of.model \
                WHEN 'logentry' THEN 'log entry' WHEN 'contenttype' THEN 'content type' ELSE of.model END \
                FROM django_content_type AS of \
                CROSS JOIN (VALUES ('add'), ('change'), ('delete'), ('view')) AS act \
                ORDER BY of.id, act.column1";
    Sql { sqlite: both, postgres: both }
};

/// What Django itself notes down when it makes these tables: it finds nothing left to migrate.
const DJANGO_HISTORY: Sql = {
    let both = "INSERT INTO django_migrations (app, name, applied) \
                SELECT made.column1, made.column2, CURRENT_TIMESTAMP FROM (VALUES \
                ('contenttypes', '0001_initial'), ('auth', '0001_initial'), ('admin', '0001_initial'), \
                ('admin', '0002_logentry_remove_auto_add'), \
                ('admin', '0003_logentry_add_action_flag_choices'), \
                ('contenttypes', '0002_remove_content_type_name'), \
                ('auth', '0002_alter_permission_name_max_length'), ('auth', '0003_alter_user_email_max_length'), \
                ('auth', '0004_alter_user_username_opts'), ('auth', '0005_alter_user_last_login_null'), \
                ('auth', '0006_require_contenttypes_0002'), \
                ('auth', '0007_alter_validators_add_error_messages'), \
                ('auth', '0008_alter_user_username_max_length'), \
                ('auth', '0009_alter_user_last_name_max_length'), ('auth', '0010_alter_group_name_max_length'), \
                ('auth', '0011_update_proxy_permissions'), \
                ('auth', '0012_alter_user_first_name_max_length'), ('sessions', '0001_initial')) AS made";
    Sql { sqlite: both, postgres: both }
};
