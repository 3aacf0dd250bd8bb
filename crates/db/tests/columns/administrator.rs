//! What an administrator does on a server, on a thread of its own: a test may be asynchronous or not, or have failed.

use tokio_postgres::NoTls;

/// Runs statements, and gives the first value of each row.
pub(crate) fn run(url: &str, sql: &str) -> Vec<String> {
    aside(|| answer(url, sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// Begins to remove every database that a role owns: a run of the tests makes hundreds. What is not removed by the end goes with
/// the server. Nobody waits for it: the server waits for whoever is just connecting, on the caller's thread perhaps.
pub(crate) fn remove_databases_of(role: &str, url: &str) {
    let owned = format!("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = '{role}'");
    let url = url.to_owned();
    std::thread::spawn(move || {
        for name in answer(&url, &owned).unwrap_or_default() {
            let _ = answer(&url, &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
        }
    });
}

fn answer(url: &str, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(driver);
        let answered = client.simple_query(sql).await?;
        let rows = answered.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.collect())
    })
}

fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}
