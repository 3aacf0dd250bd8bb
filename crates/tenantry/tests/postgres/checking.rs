//! Servers are looked through and listed.

use serde_json::Value;
use tokio_postgres::NoTls;

use crate::place::{PASSWORDS_OF_ROLES, connect, on_each, on_each_bare};
use crate::preparing::{err, out};

/// What stands in the way of a tenant is named with the statement that mends it, and that mends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_with_what_mends_it() {
    on_each_bare(async |mut place| {
        out(&place.as_administrator("server prepare main --yes"));
        place.enter().await;
        let (n, name) = (&place.name, place.name.clone());
        let damages = [
            (format!("ALTER ROLE {n} BYPASSRLS"), "fault: the role", "is a superuser or bypasses row-level"),
            (
                format!("GRANT pg_monitor TO {n}; ALTER ROLE {n} CREATEROLE"),
                "fault: the role",
                "databases or roles",
            ),
            (format!("REVOKE {n} FROM {n}_owner"), "fault: the role", "can't end what"),
            (format!("REVOKE {n} FROM {n}_owner; GRANT {n}_owner TO {n}"), "fault: the role", "may become"),
            (
                format!("ALTER ROLE {n}_owner NOCREATEDB"),
                "warning: the role",
                "which isolation database needs",
            ),
            (format!("ALTER DATABASE {n} OWNER TO administrator"), "fault: the role", "may not make schemas"),
            (format!("ALTER DATABASE {n} OWNER TO {n}"), "fault: the database", "which only serves"),
            (format!("REVOKE CONNECT ON DATABASE {n} FROM {n}"), "fault: postgres://", "may not connect"),
            (format!("GRANT CREATE ON DATABASE {n} TO {n}"), "fault: the role", "may make schemas"),
            (format!("GRANT CONNECT ON DATABASE {n} TO PUBLIC"), "warning: everybody", "may connect"),
            ("GRANT ALL ON SCHEMA public TO PUBLIC".to_owned(), "fault: everybody", "may make tables"),
            (format!("GRANT CREATE ON SCHEMA public TO {n}"), "fault: the role", "may make tables"),
        ];
        for (damage, kind, sentence) in damages {
            place.administrator.batch_execute(&damage).await.unwrap();
            let found = place.command("server check main").output().unwrap();
            place.assert_nothing_secret(&found);
            let said = String::from_utf8(found.stdout).unwrap();
            let named = said.lines().any(|line| line.contains(kind) && line.contains(sentence));
            assert!(named, "{damage}: {said}");
            assert_eq!(found.status.success(), !said.contains("fault: "), "{said}");
            // One thing that is wrong may hide another.
            let mut said = said;
            for _ in 0..3 {
                for mend in said.lines().filter_map(|line| line.trim().strip_prefix("mended by: ")) {
                    let mended = place.administrator.batch_execute(mend).await;
                    mended.unwrap_or_else(|error| panic!("{mend}: {error}"));
                }
                let checked = place.command("server check main").output().unwrap();
                said = String::from_utf8(checked.stdout).unwrap();
                if said == "main: nothing is amiss\n" {
                    break;
                }
            }
            assert_eq!(said, "main: nothing is amiss\n", "{damage}");
        }
        let clean: Value = serde_json::from_str(&place.ok("server check --json")).unwrap();
        assert_eq!(clean, serde_json::json!([{"alias": "main", "found": []}]));
        let prepared = out(&place.as_administrator("server prepare main"));
        assert!(prepared.contains("nothing changed"), "{prepared}");

        // Another password than the settings have is set only where someone agrees.
        place.administrator.batch_execute(&format!("ALTER ROLE {name} PASSWORD 'another'")).await.unwrap();
        let found = place.command("server check main").output().unwrap();
        assert!(String::from_utf8_lossy(&found.stdout).contains("does not take the password"), "{found:?}");
        let (_, refused) = (out(&place.as_administrator("server prepare main --yes")), "another");
        assert!(tokio_postgres::connect(&place.url_of(&name, refused), NoTls).await.is_err());
        connect(&place.url_of(&name, PASSWORDS_OF_ROLES)).await;
    })
    .await;
}

#[tokio::test]
async fn servers_are_listed_whether_they_can_be_reached_or_not() {
    on_each(async |place| {
        let mut command = place.command("server list");
        command
            .env("DB_FAST", "fast/")
            .env("DB_AWAY", "postgres://ann:hush@127.0.0.1:1/app")
            .env("DB_TEST", "test.db");
        let listed = out(&command.output().unwrap());
        let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        let name = &place.name;
        assert_eq!(rows[0], ["SERVER", "KIND", "ADDRESS", "ROLE", "OWNER", "TENANTS"]);
        assert_eq!(rows[1], ["local", "folder", "./data/tenants", "0"]);
        assert_eq!(rows[2], ["away", "PostgreSQL", "127.0.0.1:1/app", "ann", "0"]);
        assert_eq!(rows[3], ["fast", "folder", "fast/", "0"]);
        let (address, owner) = (format!("{}/{name}", place.address), format!("{name}_owner"));
        assert_eq!(rows[4], ["main", "PostgreSQL", &address, name, &owner, "0"]);
        assert_eq!(rows.len(), 5, "a database is no server: {listed}");
        assert!(!place.folder().join("data").exists(), "nothing was made");

        let mut command = place.command("server check");
        command.env("DB_FAST", "fast/").env("DB_AWAY", "postgres://ann:hush@127.0.0.1:1/app");
        let checked = command.output().unwrap();
        let said = String::from_utf8(checked.stdout.clone()).unwrap();
        assert!(!checked.status.success() && said.contains("fast: nothing is amiss"), "{said}");
        assert!(
            said.contains("away: fault: postgres://ann@127.0.0.1:1/app: the server can't be reached"),
            "{said}"
        );
        assert!(!said.contains("hush"), "{said}");
        for (words, sentence) in [
            ("server check nowhere", "DB_NOWHERE is not configured"),
            ("server check no-alias", "is not an alias"),
        ] {
            assert!(place.refused(words).contains(sentence), "{words}");
        }
        let file = place.command("server check test").env("DB_TEST", "test.db").output().unwrap();
        assert!(err(&file).contains("DB_TEST is a database and not a server"), "{file:?}");
    })
    .await;
}
