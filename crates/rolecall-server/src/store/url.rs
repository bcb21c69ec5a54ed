//! The URL of a database.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::error::OpenError;
use crate::files;

/// The parameters that name files.
const FILES: [&str; 7] = [
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslrootcert",
];

/// The parameters of a PostgreSQL URL that [`PgConnectOptions`] reads. It ignores any other, and logs its value.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

const FORM: &str = "it cannot be read; write `postgres://user:password@host:5432/name?sslmode=verify-full`, with special characters of the password as `%40`";

/// The database that a URL names.
pub(crate) enum DatabaseUrl {
    /// SQLite, in memory.
    Memory,
    /// SQLite, in this file.
    File(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl DatabaseUrl {
    /// Reads a URL. Whatever can be said without opening the database is checked here, for `serve` and `config check`.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownKind`] or [`OpenError::Url`].
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let refused = |text: &str| Err(OpenError::Url(text.to_owned()));
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return match path {
                ":memory:" => Ok(Self::Memory),
                "" => refused(
                    "the path of the file is missing, as in `sqlite://rolecall-data/rolecall.db`",
                ),
                path if path.ends_with('/') => refused("the path names a folder, not a file"),
                path if path.contains('?') => {
                    refused("a SQLite URL has no parameters: leave out `?` and the rest")
                }
                path if path.starts_with("/./") || path.starts_with("/../") => refused(
                    "three slashes begin a path from the root folder; for a file in the working folder write two, as in `sqlite://rolecall.db`",
                ),
                path => Ok(Self::File(path.into())),
            };
        }
        if !["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(OpenError::UnknownKind);
        }
        if let Some(text) = misreading(url) {
            return refused(&text);
        }
        if let Some(fault) = certificate_fault(url) {
            return refused(&fault);
        }
        match PgConnectOptions::from_str(url) {
            Ok(options) => Ok(Self::Postgres(Box::new(with_plain_host(options)))),
            // the URL holds a password, which the error may quote
            Err(_) => refused(FORM),
        }
    }

    /// Describes the database in messages, without user and password.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Memory => "in memory".to_owned(),
            Self::File(path) => describe_file(path),
            Self::Postgres(options) => describe_server(options),
        }
    }

    /// Returns true if the connection crosses a network and may be read or redirected there.
    pub(crate) fn lacks_tls(&self) -> bool {
        let Self::Postgres(options) = self else {
            return false;
        };
        let host = options.get_host();
        let local = options.get_socket().is_some()
            || host.starts_with('/')
            || host == "localhost"
            || host
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let verified = matches!(
            options.get_ssl_mode(),
            PgSslMode::VerifyCa | PgSslMode::VerifyFull
        );
        !local && !verified
    }
}

/// Leaves out the brackets around an IPv6 address (RFC 3986 section 3.2.2), which [`PgConnectOptions`] keeps as a part of the
/// name.
fn with_plain_host(options: PgConnectOptions) -> PgConnectOptions {
    let host = options.get_host();
    let plain = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match plain.map(str::to_owned) {
        Some(plain) => options.host(&plain),
        None => options,
    }
}

/// Returns a fault of the parts that [`PgConnectOptions`] would misread in silence: a character of the password that
/// ends the host, and a parameter that is not known. Quotes nothing that may belong to the password.
fn misreading(url: &str) -> Option<String> {
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if url.contains('#') || path.contains('@') {
        return Some(FORM.to_owned());
    }
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    if hosts.contains(',') {
        return Some("name one host: several are not supported".to_owned());
    }
    let mut parameters = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let unknown = parameters
        .find(|name| !PARAMETERS.contains(&name.as_ref()) && !name.starts_with("options["))?;
    if query.contains('@') {
        return Some(FORM.to_owned());
    }
    let unknown: String = unknown.escape_debug().take(40).collect();
    Some(format!(
        "there is no parameter `{unknown}`: correct it, or leave it out; those for TLS are `sslmode` and `sslrootcert`"
    ))
}

/// Returns the fault of a file with certificates that is no file: reading it might never end.
fn certificate_fault(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find_map(|(name, path)| {
        // the certificates themselves can stand there too
        if !FILES.contains(&name.as_ref()) || path.contains("-----BEGIN") {
            return None;
        }
        let error = files::check_kind(Path::new(&*path)).err()?;
        Some(format!("`{name}`: `{path}` cannot be read: {error}"))
    })
}

/// Names the file of a database.
pub(super) fn describe_file(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// Names the database and its server, without user and password.
pub(super) fn describe_server(options: &PgConnectOptions) -> String {
    let name = options.get_database();
    // as PostgreSQL chooses
    let name = name.unwrap_or_else(|| options.get_username());
    let host = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => options.get_host().to_owned(),
    };
    format!("`{name}` on `{host}`, port {}", options.get_port())
}

/// The name of a PostgreSQL schema that needs no quotes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemaName(String);

impl SchemaName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SchemaName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is_plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        // PostgreSQL cuts longer names
        let is_name = name.len() <= 63
            && name.chars().all(is_plain)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || !is_name {
            return Err(format!(
                "`{}` is not the name of a schema: use up to 63 lower-case letters, digits and `_`, and no digit first, such as `rolecall`",
                name.escape_debug()
            ));
        }
        if name.starts_with("pg_") || name == "information_schema" {
            return Err(format!(
                "`{name}` belongs to PostgreSQL itself: choose another name, such as `rolecall`"
            ));
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_no_server_can_open_are_refused_without_quoting_them() {
        for url in [
            "mysql://host/db",
            "sqlite:",
            "sqlite://",
            "sqlite:folder/",
            "sqlite:rolecall.db?mode=ro",
            "postgres://user:canary@host:port/db",
            "postgres://user:canary@host:99999/db",
            "postgres://user:canary@host/db?sslmode=canary",
            "postgres://user:canary@[host/db",
            // a password that is not encoded
            "postgres://user:/canary@host/db",
            "postgres://user:5432/canary@host/db",
            "postgres://user:1?canary@host/db",
            "postgres://user:1?canary=x@host/db",
            "postgres://user:1#canary@host/db",
            // two hosts
            "postgres://user:canary@one,two/db",
            // forms of SQLAlchemy and JDBC
            "postgresql+asyncpg://user:canary@host/db",
            "jdbc:postgresql://host/db?password=canary",
            "sqlite:///./app.db",
            "sqlite:///../app.db",
        ] {
            let refused = DatabaseUrl::parse(url).err().map(|error| error.to_string());
            let text = refused.unwrap_or_else(|| panic!("{url} is taken"));
            assert!(
                text.contains("database.url") && !text.contains("canary"),
                "{text}"
            );
        }
        for url in [
            "sqlite::memory:",
            "sqlite:a.db",
            "sqlite:///var/lib/a.db",
            "sqlite:///app.db",
            "postgres://host/db",
            "postgres://u:p%40%2F%3F%23,@host/db",
            "postgres://u:p@ss@host/db",
            "postgres://host/db?user=me@host&password=a@b&options=-c%20x%3Dy&options[a]=b",
            "postgres:///db?host=/run/postgresql&statement-cache-capacity=0",
        ] {
            assert!(DatabaseUrl::parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_ipv6_address_is_a_host_without_its_brackets() {
        let url = DatabaseUrl::parse("postgres://u@[::1]:5433/db").unwrap();
        assert!(!url.lacks_tls(), "it is of this machine");
        let DatabaseUrl::Postgres(options) = url else {
            panic!("it is one of PostgreSQL");
        };
        assert_eq!((options.get_host(), options.get_port()), ("::1", 5433));
    }

    #[test]
    fn y135_a_misspelled_parameter_is_named_rather_than_ignored() {
        for (query, name) in [
            ("sslmod=verify-full", "sslmod"),
            ("SSLMODE=verify-full", "SSLMODE"),
            ("sslmode=verify-full&x=1", "x"),
            ("sslrootcert=/ca.pem&ssl_mode=require", "ssl_mode"),
        ] {
            let refused = DatabaseUrl::parse(&format!("postgres://u:canary@host/db?{query}")).err();
            let text = refused.map(|error| error.to_string()).unwrap();
            assert!(text.contains(&format!("no parameter `{name}`")), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn every_parameter_that_is_accepted_is_read() {
        for name in PARAMETERS {
            let value = match *name {
                "hostaddr" => "127.0.0.1",
                "sslmode" | "ssl-mode" => "verify-full",
                _ => "1",
            };
            let url = format!("postgres://host/db?{name}={value}");
            assert!(DatabaseUrl::parse(&url).is_ok(), "{name}");
        }
    }

    #[test]
    fn y125_a_database_is_named_without_its_user_and_password() {
        for (url, shown) in [
            ("sqlite:data/a.db", "`data/a.db`"),
            (
                "postgres://canary:canary@db.example.com/app",
                "`app` on `db.example.com`, port 5432",
            ),
            (
                "postgres://canary@db.example.com:6432/app?password=canary",
                "`app` on `db.example.com`, port 6432",
            ),
            (
                "postgres://canary@localhost/app?host=/run/postgresql",
                "`app` on `/run/postgresql`, port 5432",
            ),
            (
                "postgres://app@localhost",
                "`app` on `localhost`, port 5432",
            ),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().describe(), shown, "{url}");
        }
    }

    #[test]
    fn y123_a_schema_has_a_plain_name() {
        for name in ["rolecall", "_1", "user", &"s".repeat(63)] {
            assert_eq!(name.parse::<SchemaName>().unwrap().as_str(), name);
        }
        for name in [
            "",
            "1a",
            "Rolecall",
            "a-b",
            "a b",
            "a,public",
            "\"a\"",
            "$user",
            "é",
            "a;drop schema public",
            "pg_catalog",
            "pg_temp",
            "information_schema",
            &"s".repeat(64),
        ] {
            assert!(name.parse::<SchemaName>().is_err(), "{name}");
        }
    }

    #[test]
    fn only_a_verified_or_local_connection_is_safe() {
        for (url, lacks) in [
            ("sqlite:a.db", false),
            ("postgres://db.example.com/rolecall", true),
            ("postgres://db.example.com/rolecall?sslmode=disable", true),
            ("postgres://db.example.com/rolecall?sslmode=require", true),
            (
                "postgres://db.example.com/rolecall?sslmode=verify-full",
                false,
            ),
            ("postgres://127.0.0.1/rolecall", false),
            ("postgres://localhost/rolecall", false),
            (
                "postgres://user@localhost/rolecall?host=/run/postgresql",
                false,
            ),
        ] {
            assert_eq!(DatabaseUrl::parse(url).unwrap().lacks_tls(), lacks, "{url}");
        }
    }
}
