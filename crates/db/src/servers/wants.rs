//! What a PostgreSQL server is to have, said once: for each thing a question whether it is so, and the statement that
//! makes it so. `prepare` carries the statements out, its script holds both, `check` asks the questions.

use super::Pair;
use crate::postgres::{literal, quoted};

/// Something that a server is to have.
pub(super) struct Want {
    /// What is not so while the question is answered with no.
    pub(super) lack: String,
    /// Whether it is so: an expression in SQL that is true or false, and never fails, whatever is missing.
    pub(super) question: String,
    /// What makes it so.
    pub(super) statement: String,
    pub(super) place: Place,
    pub(super) weight: Weight,
}

/// From where a want is asked for and made so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// From any database of the server.
    Server,
    /// From inside the tenants' database; whether a new one, as `CREATE DATABASE` makes it, has it already.
    Database { new_has: bool },
}

/// What comes of it when it is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Something does not work, or is not safe.
    Fault,
    /// Something that not every instance needs, or that could be safer.
    Warning,
    /// Nothing, once the server is prepared: whoever prepares it needs it.
    Preparing,
}

impl Want {
    fn of_server(lack: String, question: String, statement: String, weight: Weight) -> Self {
        Self { lack, question, statement, place: Place::Server, weight }
    }
}

/// The oldest version that is supported, as PostgreSQL counts.
pub(super) const OLDEST: u32 = 15;

/// How tenants' databases are encoded.
pub(super) const ENCODING: &str = "UTF8";

/// What ends a statement, or a transaction, of the role that serves where nobody else does. A session says so at its start,
/// unless it comes through PgBouncer.
const TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "60s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "60s")];

/// The name of a role that `role` is or may become, and that passes over what keeps tenants apart.
pub(super) fn unsafe_role(role: &str) -> String {
    let role = literal(role);
    format!(
        "SELECT other.rolname FROM pg_roles me, pg_roles other WHERE me.rolname = {role} \
         AND (other.rolsuper OR other.rolbypassrls) AND pg_has_role(me.oid, other.oid, 'MEMBER') \
         ORDER BY other.oid <> me.oid, other.rolname LIMIT 1"
    )
}

/// The encoding of a database, if it is there.
pub(super) fn encoding(database: &str) -> String {
    let database = literal(database);
    format!("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = {database}")
}

/// Whether a role is there.
pub(super) fn is_role(role: &str) -> String {
    format!("EXISTS (SELECT FROM pg_roles WHERE rolname = {})", literal(role))
}

/// Whether a database is there.
pub(super) fn is_database(database: &str) -> String {
    format!("EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(database))
}

/// All that a server is to have, in the order in which it is made. Passwords are not among it: nothing can be asked about
/// them.
pub(super) fn wants(pair: Pair<'_>) -> Vec<Want> {
    let mut wants = roles(pair);
    if pair.pooled {
        wants.extend(TIMEOUTS.map(|(setting, value)| timeout(pair.serving, setting, value)));
    }
    wants.extend(database(pair));
    wants.extend(inside(pair));
    wants
}

fn roles(pair: Pair<'_>) -> Vec<Want> {
    let Pair { serving, owner, .. } = pair;
    let (s, o) = (quoted(serving), quoted(owner));
    let (named_s, named_o) = (literal(serving), literal(owner));
    let of =
        |role: &str, is: &str| format!("NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {role} AND ({is}))");
    let member = |of: &str, member: &str, how: &str| {
        format!(
            "EXISTS (SELECT FROM pg_roles a, pg_roles b WHERE a.rolname = {member} AND b.rolname = {of} \
             AND pg_has_role(a.oid, b.oid, '{how}'))"
        )
    };
    vec![
        Want::of_server(
            format!("there is no role {serving}"),
            is_role(serving),
            format!("CREATE ROLE {s} LOGIN"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("there is no role {owner}"),
            is_role(owner),
            format!("CREATE ROLE {o} LOGIN CREATEDB"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {serving} may not sign in"),
            of(&named_s, "NOT rolcanlogin"),
            format!("ALTER ROLE {s} LOGIN"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {owner} may not sign in"),
            of(&named_o, "NOT rolcanlogin"),
            format!("ALTER ROLE {o} LOGIN"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {serving}, which only serves, may make databases or roles, or copy the server"),
            of(&named_s, "rolcreatedb OR rolcreaterole OR rolreplication"),
            format!("ALTER ROLE {s} NOCREATEDB NOCREATEROLE NOREPLICATION"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {owner} can't make databases, which isolation database needs"),
            of(&named_o, "NOT rolcreatedb"),
            format!("ALTER ROLE {o} CREATEDB"),
            Weight::Warning,
        ),
        Want::of_server(
            format!("the role {serving}, which only serves, may become {owner}"),
            format!("NOT {}", member(&named_o, &named_s, "MEMBER")),
            format!("REVOKE {o} FROM {s}"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {owner} can't end what {serving} does in a database that it removes"),
            member(&named_s, &named_o, "USAGE"),
            format!("GRANT {s} TO {o}"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the administrator may not act for {owner}"),
            format!(
                "(EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) OR {})",
                member(&named_o, "current_user", "USAGE")
            ),
            format!("GRANT {o} TO CURRENT_USER"),
            Weight::Preparing,
        ),
    ]
}

fn timeout(serving: &str, setting: &str, value: &str) -> Want {
    let (role, named) = (quoted(serving), literal(serving));
    Want {
        lack: format!(
            "the role {serving}, which comes through PgBouncer, has no {setting}: nothing ends what it does"
        ),
        question: format!(
            "EXISTS (SELECT FROM pg_roles r, pg_db_role_setting s, unnest(s.setconfig) c WHERE r.rolname = {named} \
             AND s.setrole = r.oid AND c LIKE '{setting}=%')"
        ),
        statement: format!("ALTER ROLE {role} SET {setting} = '{value}'"),
        place: Place::Server,
        weight: Weight::Warning,
    }
}

fn database(pair: Pair<'_>) -> Vec<Want> {
    let Pair { serving, owner, database, .. } = pair;
    let (s, o, d) = (quoted(serving), quoted(owner), quoted(database));
    let (named_s, named_o, named_d) = (literal(serving), literal(owner), literal(database));
    // What of the database is granted to a role itself, and not to everybody.
    let granted = |role: &str, privilege: &str| {
        format!(
            "EXISTS (SELECT FROM pg_database d, pg_roles r, aclexplode(d.datacl) a WHERE d.datname = {named_d} \
             AND r.rolname = {role} AND a.grantee = r.oid AND a.privilege_type = '{privilege}')"
        )
    };
    let owned = |role: &str| {
        format!(
            "EXISTS (SELECT FROM pg_database d, pg_roles r WHERE d.datname = {named_d} AND r.rolname = {role} \
             AND d.datdba = r.oid)"
        )
    };
    let there = is_database(database);
    let (may_create, may_connect) = (granted(&named_o, "CREATE"), granted(&named_o, "CONNECT"));
    vec![
        Want::of_server(
            format!("there is no database {database}"),
            there.clone(),
            format!("CREATE DATABASE {d} OWNER {o} TEMPLATE template0 ENCODING '{ENCODING}'"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the database {database} belongs to {serving}, which only serves"),
            format!("NOT {}", owned(&named_s)),
            format!("ALTER DATABASE {d} OWNER TO {o}"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {owner} may not make schemas in the database {database}"),
            format!("(NOT {there} OR {} OR ({may_create} AND {may_connect}))", owned(&named_o)),
            format!("GRANT CREATE, CONNECT ON DATABASE {d} TO {o}"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("the role {serving} may connect to the database {database} only as everybody may"),
            granted(&named_s, "CONNECT"),
            format!("GRANT CONNECT ON DATABASE {d} TO {s}"),
            Weight::Warning,
        ),
        Want::of_server(
            format!("the role {serving}, which only serves, may make schemas in the database {database}"),
            format!("NOT {}", granted(&named_s, "CREATE")),
            format!("REVOKE CREATE ON DATABASE {d} FROM {s}"),
            Weight::Fault,
        ),
        Want::of_server(
            format!("everybody on the server may connect to the database {database}"),
            format!(
                "({there} AND NOT EXISTS (SELECT FROM pg_database d, \
                 aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = {named_d} \
                 AND a.grantee = 0))"
            ),
            format!("REVOKE ALL ON DATABASE {d} FROM PUBLIC"),
            Weight::Warning,
        ),
    ]
}

/// The schema in which a claimed database has its tables.
fn inside(pair: Pair<'_>) -> Vec<Want> {
    let Pair { serving, owner, database, .. } = pair;
    let (s, o) = (quoted(serving), quoted(owner));
    let granted = |grantee: &str, privilege: &str| {
        format!(
            "EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a \
             WHERE n.nspname = 'public' AND a.grantee = {grantee} AND a.privilege_type LIKE '{privilege}')"
        )
    };
    let oid = |role: &str| format!("(SELECT oid FROM pg_roles WHERE rolname = {})", literal(role));
    let may_grant = format!(
        "NOT EXISTS (SELECT FROM pg_namespace n, pg_roles r WHERE n.nspname = 'public' AND r.rolname = {} AND NOT \
         (has_schema_privilege(r.oid, n.oid, 'CREATE WITH GRANT OPTION') \
         AND has_schema_privilege(r.oid, n.oid, 'USAGE WITH GRANT OPTION')))",
        literal(owner)
    );
    vec![
        Want {
            lack: format!("everybody may look into the schema public of the database {database}"),
            question: format!("NOT {}", granted("0", "USAGE")),
            statement: "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned(),
            place: Place::Database { new_has: false },
            weight: Weight::Warning,
        },
        Want {
            lack: format!("everybody may make tables in the schema public of the database {database}"),
            question: format!("NOT {}", granted("0", "CREATE")),
            statement: "REVOKE ALL ON SCHEMA public FROM PUBLIC".to_owned(),
            place: Place::Database { new_has: true },
            weight: Weight::Fault,
        },
        Want {
            lack: format!("the role {serving}, which only serves, may make tables in the schema public"),
            question: format!("NOT {}", granted(&oid(serving), "CREATE")),
            statement: format!("REVOKE CREATE ON SCHEMA public FROM {s}"),
            place: Place::Database { new_has: true },
            weight: Weight::Fault,
        },
        Want {
            lack: format!(
                "the role {owner} can't hand on what is in the schema public of the database {database}"
            ),
            question: may_grant,
            statement: format!("GRANT USAGE, CREATE ON SCHEMA public TO {o} WITH GRANT OPTION"),
            place: Place::Database { new_has: true },
            weight: Weight::Warning,
        },
    ]
}
