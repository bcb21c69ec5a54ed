//! The URL of a database.

use std::{path::PathBuf, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::error::OpenError;

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
                path => Ok(Self::File(path.into())),
            };
        }
        if !["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(OpenError::UnknownKind);
        }
        match PgConnectOptions::from_str(url) {
            Ok(options) => Ok(Self::Postgres(Box::new(options))),
            // the URL holds a password, which the error may quote
            Err(_) => refused(
                "it cannot be read; write `postgres://user:password@host:5432/name?sslmode=verify-full`, with special characters of the password as `%40`",
            ),
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
            "postgres://host/db",
        ] {
            assert!(DatabaseUrl::parse(url).is_ok(), "{url}");
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
