//! Where a PostgreSQL server is and how to sign in to it: a URL as libpq takes it, parsed once.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::passfile;

/// A PostgreSQL database by URL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.
///
/// It takes what libpq takes, and `prepared=false`, which does without named statements: PgBouncer before 1.21 can't
/// keep them apart. `sslmode` is `verify-full` unless the server is on this machine, where it is `prefer`.
///
/// Neither `Debug` nor `Display` shows the password.
///
/// ```
/// use tenantry_db::PostgresUrl;
///
/// let url: PostgresUrl = "postgres://app:hush@db.example.com/shop".parse()?;
/// assert_eq!(url.to_string(), "postgres://app@db.example.com:5432/shop");
/// # Ok::<(), tenantry_db::PostgresUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub(super) config: Config,
    pub(super) verification: Verification,
    /// The file with the certificates of those who may vouch for the server; the system's own where none is named.
    pub(super) roots: Option<PathBuf>,
    pub(super) prepared: bool,
}

/// What of a server's certificate is verified, where there is TLS at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    /// Nothing (`prefer`, `require`): the connection is encrypted, perhaps to an impostor.
    None,
    /// Who vouches for it (`verify-ca`).
    Issuer,
    /// Who vouches for it, and that it names the host (`verify-full`).
    Full,
}

/// Raised when a text is no URL of a PostgreSQL database. No message shows the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresUrlError {
    /// It is no URL at all, or not PostgreSQL's.
    #[error("it is no URL of the form postgres://USER@HOST:PORT/DATABASE")]
    Malformed,
    /// The user's name is missing.
    #[error("the URL names no user: postgres://USER@HOST/DATABASE")]
    NoUser,
    /// The database's name is missing.
    #[error("the URL names no database: postgres://USER@HOST/DATABASE")]
    NoDatabase,
    /// It names several hosts: which of them has a tenant's data could not be said.
    #[error("the URL names several hosts, and a server is one")]
    SeveralHosts,
    /// A parameter has a value that it can't have.
    #[error("{parameter} can't be what it is in the URL: {expected}")]
    Parameter {
        /// The parameter's name.
        parameter: &'static str,
        /// What it can be.
        expected: &'static str,
    },
    /// A parameter is not known.
    #[error("the URL has a parameter that is not known: {0}")]
    UnknownParameter(String),
}

/// The parameters that are handed on to the client as they are.
const HANDED_ON: [&str; 7] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "host",
    "keepalives",
    "keepalives_idle",
    "tcp_user_timeout",
];

impl PostgresUrl {
    /// The password for this URL in the text of a password file, as `PGPASSFILE` names one, unless the URL has one.
    #[must_use]
    pub fn or_password_from(mut self, passfile: &str) -> Self {
        if self.config.get_password().is_none()
            && let Some(password) =
                passfile::find(passfile, &self.host(), self.port(), self.database(), self.user())
        {
            self.config.password(password);
        }
        self
    }

    /// The role that signs in.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Whether statements have names and sessions settings of their own, which PgBouncer in transaction mode can't keep apart.
    pub(crate) fn has_sessions(&self) -> bool {
        self.prepared
    }

    /// Whether there is a password to sign in with.
    pub(super) fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The server and the database, whoever signs in.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}/{}", self.host(), self.port(), self.database())
    }

    /// The same server and role, and another database there.
    pub(crate) fn on_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    fn is_on_this_machine(&self) -> bool {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => {
                let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
                name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            Some(Host::Unix(_)) => true,
            None => false,
        }
    }

    fn set_mode(&mut self, mode: &str) -> Result<(), PostgresUrlError> {
        let (client, verification) = match mode {
            "disable" => (SslMode::Disable, Verification::None),
            "prefer" => (SslMode::Prefer, Verification::None),
            "require" => (SslMode::Require, Verification::None),
            "verify-ca" => (SslMode::Require, Verification::Issuer),
            "verify-full" => (SslMode::Require, Verification::Full),
            _ => {
                let expected = "disable, prefer, require, verify-ca or verify-full";
                return Err(PostgresUrlError::Parameter { parameter: "sslmode", expected });
            }
        };
        self.config.ssl_mode(client);
        self.verification = verification;
        Ok(())
    }

    fn check(&self) -> Result<(), PostgresUrlError> {
        if self.config.get_user().is_none_or(str::is_empty) {
            return Err(PostgresUrlError::NoUser);
        }
        if self.config.get_dbname().is_none_or(str::is_empty) {
            return Err(PostgresUrlError::NoDatabase);
        }
        match self.config.get_hosts() {
            [_] => Ok(()),
            [] => Err(PostgresUrlError::Malformed),
            _ => Err(PostgresUrlError::SeveralHosts),
        }
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    /// # Errors
    /// Raised when the text is no URL of PostgreSQL's, names no user, no database or several hosts, or has a parameter
    /// that is not known or can't be what it is.
    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(PostgresUrlError::Malformed);
        }
        let (place, parameters) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut prepared) = (None, None, true);
        let mut handed_on = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, encoded) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(encoded).decode_utf8().map_err(|_| PostgresUrlError::Malformed)?;
            match name {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(value.into_owned().into()),
                "prepared" => prepared = flag(&value)?,
                known if HANDED_ON.contains(&known) => handed_on.push(parameter),
                _ => return Err(PostgresUrlError::UnknownParameter(name.chars().take(60).collect())),
            }
        }
        let for_client = format!("{place}?{}", handed_on.join("&"));
        let config = for_client.parse().map_err(|_| PostgresUrlError::Malformed)?;
        let mut url = Self { config, verification: Verification::Full, roots, prepared };
        url.check()?;
        let default = if url.is_on_this_machine() { "prefer" } else { "verify-full" };
        url.set_mode(mode.as_deref().unwrap_or(default))?;
        Ok(url)
    }
}

fn flag(value: &str) -> Result<bool, PostgresUrlError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(PostgresUrlError::Parameter { parameter: "prepared", expected: "true or false" }),
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@{}", self.user(), self.place())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresUrl, PostgresUrlError> {
        text.parse()
    }

    #[test]
    fn another_machine_is_verified_unless_the_url_says_otherwise() {
        for (text, mode, verification) in [
            ("postgres://a@db.example.com/x", SslMode::Require, Verification::Full),
            ("postgres://a@10.0.0.1/x", SslMode::Require, Verification::Full),
            ("postgresql://a@localhost/x", SslMode::Prefer, Verification::None),
            ("postgres://a@127.0.0.1:5433/x", SslMode::Prefer, Verification::None),
            ("postgres://a@[::1]/x", SslMode::Prefer, Verification::None),
            ("postgres://a@/x?host=/run/postgresql", SslMode::Prefer, Verification::None),
            ("postgres://a@localhost/x?sslmode=verify-full", SslMode::Require, Verification::Full),
            ("postgres://a@db.example.com/x?sslmode=verify-ca", SslMode::Require, Verification::Issuer),
            ("postgres://a@db.example.com/x?sslmode=disable", SslMode::Disable, Verification::None),
        ] {
            let url = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.config.get_ssl_mode(), url.verification), (mode, verification), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_one_database_is_refused_without_its_password() {
        for (text, expected) in [
            ("", PostgresUrlError::Malformed),
            ("db.sqlite3", PostgresUrlError::Malformed),
            ("mysql://a:hush@h/x", PostgresUrlError::Malformed),
            ("postgres://:hush@h/x", PostgresUrlError::NoUser),
            ("postgres://a:hush@h", PostgresUrlError::NoDatabase),
            ("postgres://a:hush@h/x?host=h2", PostgresUrlError::SeveralHosts),
            (
                "postgres://a:hush@h/x?search_path=y",
                PostgresUrlError::UnknownParameter("search_path".to_owned()),
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
        for wrong in ["sslmode=allow", "sslmode=", "prepared=no"] {
            let refused = parse(&format!("postgres://a@h/x?{wrong}"));
            assert!(matches!(refused, Err(PostgresUrlError::Parameter { .. })), "{wrong}: {refused:?}");
        }
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        let url = parse("postgres://a:h%40sh@h/x?prepared=false&sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(url.config.get_password(), Some(&b"h@sh"[..]));
        assert_eq!((url.prepared, url.roots.as_deref()), (false, Some("/etc/ca.pem".as_ref())));
        assert_eq!(format!("{url} {url:?}"), "postgres://a@h:5432/x PostgresUrl(postgres://a@h:5432/x)");
    }

    #[test]
    fn a_password_file_helps_where_the_url_has_none() {
        let file = "other:*:*:*:no\nh:5432:x:a:from-file\n";
        let password = |text: &str| {
            parse(text).unwrap().or_password_from(file).config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(password("postgres://a@h/x"), Some(b"from-file".to_vec()));
        assert_eq!(password("postgres://a:own@h/x"), Some(b"own".to_vec()));
        assert_eq!(password("postgres://b@h/x"), None);
    }
}
