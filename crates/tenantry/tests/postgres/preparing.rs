//! A bare server is prepared by its administrator.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use reqwest::StatusCode;
use serde_json::Value;

use crate::common::PASSWORD;
use crate::place::{PASSWORDS_OF_ROLES, Place, connect, on_each, on_each_bare};

/// All that an administrator has said about the roles, the database and what is in it.
const RIGHTS: &str = "SELECT concat_ws(E'\\n', \
     (SELECT string_agg(rolname || rolcanlogin || rolcreatedb || rolcreaterole || coalesce(rolpassword, '-'), ' ' ORDER BY \
      rolname) FROM pg_authid WHERE rolname LIKE current_database() || '%'), \
     (SELECT string_agg(roleid::regrole || '<' || member::regrole, ' ' ORDER BY roleid, member) FROM pg_auth_members \
      WHERE roleid::regrole::text LIKE current_database() || '%'), \
     (SELECT datdba::regrole || ' ' || datacl::text FROM pg_database WHERE datname = current_database()), \
     (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'))";

impl Place {
    /// A command with an administrator's URL, and nothing secret in what comes of it.
    pub(crate) fn as_administrator(&self, words: &str) -> Output {
        self.as_someone(&self.administrators, words)
    }

    fn as_someone(&self, url: &str, words: &str) -> Output {
        let done = self.command(words).env("TENANTRY_ADMIN_URL", url).output().unwrap();
        self.assert_nothing_secret(&done);
        done
    }

    pub(crate) fn assert_nothing_secret(&self, done: &Output) {
        let password = self.administrators.split(':').nth(2).unwrap().split('@').next().unwrap();
        for said in [&done.stdout, &done.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.contains(PASSWORDS_OF_ROLES) && !said.contains(password), "{said}");
        }
    }

    async fn rights(&self) -> String {
        let session = connect(&self.url_of_administrator()).await;
        session.query_one(RIGHTS, &[]).await.unwrap().get(0)
    }

    /// How many roles and databases of the test's there are.
    async fn made(&self) -> i64 {
        let sql = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE $1) \
                   + (SELECT count(*) FROM pg_database WHERE datname LIKE $1)";
        self.administrator.query_one(sql, &[&format!("{}%", self.name)]).await.unwrap().get(0)
    }

    pub(crate) fn url_of(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@{}/{}", self.address, self.name)
    }

    fn psql(&self, script: &[u8]) -> Output {
        #[expect(clippy::disallowed_methods, reason = "set by `cargo xtask test`")]
        let psql =
            std::env::var("TENANTRY_TEST_PSQL").expect("TENANTRY_TEST_PSQL is set by `cargo xtask test`");
        let mut psql = Command::new(psql);
        psql.args(["--no-psqlrc", "--quiet", &self.administrators]);
        let mut psql =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        psql.stdin.take().unwrap().write_all(script).unwrap();
        psql.wait_with_output().unwrap()
    }
}

pub(crate) fn out(done: &Output) -> String {
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout.clone()).unwrap()
}

pub(crate) fn err(done: &Output) -> String {
    assert!(!done.status.success(), "{done:?}");
    String::from_utf8(done.stderr.clone()).unwrap()
}

/// Tenants of each isolation live a whole life on a server that was prepared.
async fn tenants_live_on(place: &mut Place) {
    place.enter().await;
    // PgBouncer looks passwords up as a superuser, whose connection to a tenant's database no owner may end.
    let other = if place.bounced { "schema" } else { "database" };
    let homes = [("acme", "schema"), ("globex", other), ("hooli", "row")];
    for (slug, isolation) in homes {
        place.ok(&format!(
            "tenant create {slug} --domain {slug}.checkhost.local --server main --isolation {isolation}"
        ));
        place.ok(&format!(
            "createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example"
        ));
    }
    let listed: Value = serde_json::from_str(&place.ok("server list --json")).unwrap();
    assert_eq!(listed[1]["tenants"], 3, "{listed}");
    assert_eq!((place.places().await, place.entered().await), (2, 1));
    place.ok("check");
    {
        let server = place.serve();
        for (slug, _) in homes {
            let (answer, _) = server.sign_in(&format!("{slug}.checkhost.local"), "ann", PASSWORD).await;
            assert_eq!(answer.status(), StatusCode::FOUND, "{slug}");
        }
        the_role_that_serves_can_only_serve(place).await;
        let slugs = homes.map(|(slug, _)| slug);
        place.confirmed_for(&slugs, "tenant delete");
        for slug in slugs {
            // Its role still has connections to it.
            place.confirmed(&format!("tenant purge {slug}"));
        }
    }
    assert_eq!((place.places().await, place.entered().await), (0, 0));
}

async fn the_role_that_serves_can_only_serve(place: &Place) {
    let sql = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{25}$' LIMIT 1";
    let schema: String = place.administrator.query_one(sql, &[]).await.unwrap().get(0);
    let serving = connect(&place.url_of(&place.name, PASSWORDS_OF_ROLES)).await;
    let users = format!("SELECT count(*) FROM {schema}.auth_user");
    assert_eq!(serving.query_one(&users, &[]).await.unwrap().get::<_, i64>(0), 1);
    for sql in [
        "CREATE SCHEMA mine".to_owned(),
        "CREATE TABLE public.mine (id int)".to_owned(),
        "CREATE TEMPORARY TABLE mine (id int)".to_owned(),
        "CREATE DATABASE mine".to_owned(),
        format!("CREATE TABLE {schema}.mine (id int)"),
        format!("TRUNCATE {schema}.auth_user CASCADE"),
        format!("ALTER TABLE {schema}.auth_user DISABLE TRIGGER ALL"),
        format!("DROP SCHEMA {schema} CASCADE"),
        "CREATE TABLE tenantry_shared.mine (id int)".to_owned(),
        "TRUNCATE tenantry_shared.auth_user CASCADE".to_owned(),
        "ALTER TABLE tenantry_shared.auth_user DISABLE ROW LEVEL SECURITY".to_owned(),
        "SELECT FROM tenantry_shared.tenantry_tenant".to_owned(),
        "DELETE FROM tenantry_shared.tenantry_migration".to_owned(),
        format!("SET ROLE {}_owner", place.name),
        "CREATE ROLE mine SUPERUSER".to_owned(),
    ] {
        let refused = serving.batch_execute(&sql).await.expect_err(&sql);
        let code = refused.code().map(tokio_postgres::error::SqlState::code);
        assert_eq!(code, Some("42501"), "{sql}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_server_is_prepared_once_and_has_tenants() {
    on_each_bare(async |mut place| {
        let bare = place.command("server check main").output().unwrap();
        assert!(
            !bare.status.success() && String::from_utf8_lossy(&bare.stdout).contains("no such role"),
            "{bare:?}"
        );
        let plan = out(&place.as_administrator("server prepare main --yes"));
        let name = &place.name;
        for step in [
            format!("to be done: CREATE ROLE \"{name}\" LOGIN\n"),
            format!("to be done: CREATE ROLE \"{name}_owner\" LOGIN CREATEDB\n"),
            format!("to be done: GRANT \"{name}\" TO \"{name}_owner\"\n"),
            format!("to be done: CREATE DATABASE \"{name}\" OWNER \"{name}_owner\""),
            format!("to be done: REVOKE ALL ON DATABASE \"{name}\" FROM PUBLIC\n"),
            format!("to be done: ALTER ROLE \"{name}\" PASSWORD to that of DB_MAIN,"),
            "to be done: REVOKE ALL ON SCHEMA public FROM PUBLIC\n".to_owned(),
            "main: nothing is amiss\n".to_owned(),
        ] {
            assert!(plan.contains(&step), "{step} in {plan}");
        }
        assert!(!plan.contains("already") && !plan.contains("SCRAM-SHA-256$"), "{plan}");
        let rights = place.rights().await;
        assert!(rights.contains("SCRAM-SHA-256$4096:"), "{rights}");

        let again = out(&place.as_administrator("server prepare main"));
        assert!(again.contains(&format!("there already: role {name}_owner\n")), "{again}");
        assert!(again.contains("main has all it needs: nothing changed"), "{again}");
        assert_eq!(place.rights().await, rights);
        place.ok("server check");
        tenants_live_on(&mut place).await;
        assert_eq!(place.rights().await, rights);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_does_the_same_elsewhere() {
    on_each_bare(async |mut place| {
        let printed = place.command("server prepare main --print-sql").output().unwrap();
        place.assert_nothing_secret(&printed);
        assert_eq!(place.made().await, 0, "it was only printed");
        for _ in 0..2 {
            let ran = place.psql(&printed.stdout);
            assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
        }
        let after = out(&place.as_administrator("server prepare main"));
        assert!(after.contains("main has all it needs: nothing changed"), "{after}");
        tenants_live_on(&mut place).await;

        place.administrator.batch_execute(&format!("ALTER ROLE {} BYPASSRLS", place.name)).await.unwrap();
        let refused = err(&place.psql(&printed.stdout));
        assert!(refused.contains("bypasses row-level security: name another"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_done_before_someone_agrees() {
    on_each_bare(async |place| {
        for (answers, sentence) in [
            ("", "an answer is needed, and standard input has ended"),
            ("no\n", "that is no yes: nothing was changed"),
        ] {
            let refused = place.answered(true, answers);
            assert!(err(&refused).contains(sentence), "{refused:?}");
            assert!(String::from_utf8_lossy(&refused.stdout).contains("CREATE ROLE"), "{refused:?}");
            assert_eq!(place.made().await, 0);
        }
        let nobody = err(&place.answered(false, ""));
        assert!(
            nobody.contains("an administrator's URL") && nobody.contains("TENANTRY_ADMIN_URL"),
            "{nobody}"
        );
        let bad = err(&place.answered(false, "postgres://:very-secret@nowhere\n"));
        assert!(bad.contains("the URL names no user") && !bad.contains("very-secret"), "{bad}");
        assert_eq!(place.made().await, 0);
        out(&place.answered(false, &format!("{}\nyes\n", place.administrators)));
        assert_eq!(place.made().await, 3);
    })
    .await;
}

impl Place {
    /// Prepares the server, answering questions; the administrator's URL is in the environment, or one of the answers.
    fn answered(&self, in_environment: bool, answers: &str) -> Output {
        let mut command = self.command("server prepare main");
        if in_environment {
            command.env("TENANTRY_ADMIN_URL", &self.administrators);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // Who refuses before it asks leaves it unread.
        let _ = process.stdin.take().unwrap().write_all(answers.as_bytes());
        let done = process.wait_with_output().unwrap();
        self.assert_nothing_secret(&done);
        done
    }
}

#[tokio::test]
async fn what_can_t_be_used_is_said_and_left_as_it_is() {
    on_each_bare(async |place| {
        let (name, yes) = (&place.name, "server prepare main --yes");
        let wrong = place.administrators.replace("administrator:", "administrator:x");
        for (url, sentence) in [
            (wrong.as_str(), "the server does not take the password"),
            ("postgres://nobody:x@127.0.0.1:1/none", "can't be reached"),
            ("mysql://nobody:x@127.0.0.1/none", "TENANTRY_ADMIN_URL: the administrator's URL can't be used"),
        ] {
            let refused = err(&place.as_someone(url, yes));
            assert!(refused.contains(sentence) && !refused.contains(":x"), "{refused}");
        }
        for (variable, value, sentence) in [
            ("DB_MAIN_OWNER", String::new(), "DB_MAIN: no role is named that owns what tenants have"),
            ("DB_MAIN_OWNER", place.url_of(name, "x"), "is named to serve and to own as well"),
            ("DB_MAIN_OWNER", format!("postgres://o@{}/other", place.address), "the other other"),
            ("DB_MAIN", "some/".to_owned(), "only a PostgreSQL server is prepared"),
            ("DB_MAIN", String::new(), "DB_MAIN is not configured"),
        ] {
            let mut command = place.command(yes);
            command.env("TENANTRY_ADMIN_URL", &place.administrators).env(variable, value);
            let refused = command.output().unwrap();
            place.assert_nothing_secret(&refused);
            assert!(err(&refused).contains(sentence), "{refused:?}");
        }
        assert_eq!(place.made().await, 0);

        for (before, sentence, after) in [
            (
                format!("CREATE ROLE {name} SUPERUSER"),
                "is there, and is a superuser",
                format!("DROP ROLE {name}"),
            ),
            (
                format!("CREATE ROLE {name} IN ROLE administrator"),
                "as a member of administrator: name another",
                format!("DROP ROLE {name}"),
            ),
            (
                format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'"),
                "is encoded in SQL_ASCII, not in UTF8",
                format!("DROP DATABASE {name}"),
            ),
        ] {
            place.administrator.batch_execute(&before).await.unwrap();
            let refused = err(&place.as_administrator(yes));
            assert!(refused.contains(sentence), "{refused}");
            assert_eq!(place.made().await, 1, "{before}");
            place.administrator.batch_execute(&after).await.unwrap();
        }
    })
    .await;
}

/// Who comes through PgBouncer can't say at the start of a session how long a statement may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_comes_through_pgbouncer_has_its_timeouts() {
    on_each_bare(async |mut place| {
        place.bounced = true;
        let plan = out(&place.as_administrator("server prepare main --yes"));
        let name = place.name.clone();
        for (setting, value) in [
            ("statement_timeout", "60s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ] {
            assert!(plan.contains(&format!("ALTER ROLE \"{name}\" SET {setting} = '{value}'\n")), "{plan}");
        }
        assert!(plan.contains("main: nothing is amiss\n"), "{plan}");
        let again = out(&place.as_administrator("server prepare main"));
        assert!(again.contains("nothing changed"), "{again}");
        tenants_live_on(&mut place).await;

        place.administrator.batch_execute(&format!("ALTER ROLE {name} RESET lock_timeout")).await.unwrap();
        let found = place.ok("server check main");
        assert!(found.contains("main: warning: ") && found.contains("has no lock_timeout"), "{found}");
    })
    .await;
}

/// At many hosts an administrator is no superuser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_need_not_be_a_superuser() {
    on_each_bare(async |mut place| {
        let admin = format!("admin_{}", place.name);
        let sql = format!(
            "CREATE ROLE {admin} LOGIN CREATEROLE CREATEDB PASSWORD 'quiet'; \
             ALTER ROLE {admin} SET password_encryption = 'md5'"
        );
        place.administrator.batch_execute(&sql).await.unwrap();
        let url = format!("postgres://{admin}:quiet@{}/postgres", place.address);
        out(&place.as_someone(&url, "server prepare main --yes"));
        let rights = place.rights().await;
        assert!(
            rights.matches("SCRAM-SHA-256$4096:").count() == 2,
            "the server saw a password itself: {rights}"
        );
        let again = out(&place.as_someone(&url, "server prepare main"));
        assert!(again.contains("nothing changed"), "{again}");
        tenants_live_on(&mut place).await;
    })
    .await;
}

/// What a server had before that others use is not taken from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_before_stays() {
    on_each(async |place| {
        let name = &place.name;
        place
            .administrator
            .batch_execute("CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (7)")
            .await
            .unwrap();
        let owner = format!("ALTER TABLE theirs OWNER TO {name}_owner");
        place.administrator.batch_execute(&owner).await.unwrap();
        let made = out(&place.as_administrator("server prepare main --yes"));
        for there in [format!("role {name}"), format!("database {name}"), format!("sign-in of {name}_owner")]
        {
            assert!(made.contains(&format!("there already: {there}\n")), "{made}");
        }
        assert!(!made.contains("CREATE ") && !made.contains("PASSWORD"), "{made}");
        let kept: i32 = place.administrator.query_one("SELECT id FROM theirs", &[]).await.unwrap().get(0);
        assert_eq!(kept, 7);
        place.ok("tenant create acme --domain acme.example --database main");
    })
    .await;
}
