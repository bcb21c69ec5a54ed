//! What is commonly wrong with an installation, and what to do about it. Looks only; changes nothing.

mod configuration;
mod database;
mod files;
mod system;

use std::fmt;

use rolecall::{Clock as _, SystemClock};

use crate::config::Config;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// As it should be.
    Good,
    /// Works, and should be otherwise.
    Warning,
    /// Does not work, or not safely.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Fault => "fault",
        })
    }
}

/// Every check with what it finds, in the order in which they are made.
pub(crate) const CHECKS: &[(&str, &str)] = &[
    (
        "configuration",
        "a setting that is refused: an address reached over plain HTTP, a weak secret or master key, a secret file that everybody can read, an unknown key, a proxy network of every address",
    ),
    ("issuer", "no address to issue tokens under"),
    (
        "encryption",
        "passwords and tokens that cross a network in clear",
    ),
    (
        "proxy",
        "a proxy that is not trusted, behind which all clients share one address",
    ),
    ("password length", "short passwords"),
    (
        "registration",
        "a role given at registration that administers the accounts, or that does not exist",
    ),
    (
        "staleness",
        "guards that go on without knowing what was taken away",
    ),
    ("algorithm", "tokens that whoever verifies them can make"),
    (
        "old tokens",
        "tokens of the application that was there before: their time is over or far away, or their secret can be guessed",
    ),
    (
        "origins",
        "web pages that can be changed on their way and may call",
    ),
    ("metrics", "metrics that strangers may reach"),
    (
        "clock",
        "a clock that is wrong, or behind the newest change",
    ),
    (
        "address",
        "an address that cannot be listened on, or is taken",
    ),
    ("open files", "a limit that connections run into"),
    (
        "configuration file",
        "secrets in a file that others on the machine can read",
    ),
    (
        "database file",
        "a database that others on the machine can read or write",
    ),
    ("room", "a full disk, or a folder that cannot be written to"),
    (
        "master key file",
        "a master key that others on the machine can read",
    ),
    ("master key", "a master key beside the database, or missing"),
    (
        "database",
        "a database that cannot be reached or opened, or was made with another master key",
    ),
    (
        "schema",
        "a database that a newer rolecall has used, or that is not up to date",
    ),
    ("administrators", "nobody who administers, or only one"),
    ("audit log", "an audit log that was altered or cut short"),
];

/// What a check found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// What was found, and what to do about it.
    pub(crate) text: String,
}

impl Finding {
    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Good, text)
    }

    fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Warning, text)
    }

    fn fault(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Fault, text)
    }

    fn of(check: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            check,
            severity,
            text,
        }
    }
}

/// Looks at everything that can be looked at with a configuration that is good in itself.
pub(crate) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = configuration::examine(config, SystemClock.now());
    findings.extend(system::examine(config).await);
    findings.extend(files::examine(config));
    findings.extend(database::examine(config).await);
    findings
}

#[cfg(test)]
mod tests;
