//! Findings of the checks, and the list of all checks.

use std::fmt;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// No problem.
    Good,
    /// It works, but should be changed.
    Warning,
    /// It does not work, or is not secure.
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

/// All checks in the order in which they run, with the problems that they find.
pub(crate) const CHECKS: &[(&str, &str)] = &[
    (
        "configuration",
        "an invalid setting: a public address over plain HTTP, a weak secret or master key, a secret file that others can read, an unknown key, a trusted proxy network of all addresses",
    ),
    ("issuer", "no URL that tokens can name as issuer"),
    (
        "encryption",
        "passwords and tokens that cross the network unencrypted",
    ),
    (
        "proxy",
        "a proxy that is not trusted, so that all clients share its address",
    ),
    ("password length", "a minimum below 15 characters"),
    (
        "breached passwords",
        "no list of breached passwords, or one that is missing or damaged; with `--full` each block of it is read",
    ),
    (
        "registration",
        "a role assigned at registration that is reserved or does not exist",
    ),
    (
        "staleness",
        "guards that accept revoked access while the database is unreachable",
    ),
    (
        "algorithm",
        "a symmetric algorithm, with which everyone who can verify tokens can also issue them",
    ),
    (
        "old tokens",
        "legacy tokens that are no longer accepted or accepted for too long, or whose secret can be guessed",
    ),
    ("origins", "an allowed web origin over plain HTTP"),
    ("metrics", "metrics on a public address"),
    (
        "database connection",
        "a connection to PostgreSQL that is not encrypted or not verified",
    ),
    (
        "settings",
        "durations of sign-ins that contradict each other, and calls to any address",
    ),
    (
        "pages",
        "a picture, font, template or text of the sign-in pages that cannot be used, and a look for a client that does not exist",
    ),
    (
        "mail",
        "a connection to the mail server that is not encrypted or cannot be verified, a sender whose domain others cannot look up, what its DNS has to allow, and mails that no server took",
    ),
    (
        "clock",
        "a clock that is wrong, behind the newest change, or different from the database's, and a database's clock that jumped",
    ),
    (
        "address",
        "an address that is in use or cannot be listened on",
    ),
    (
        "open files",
        "a low limit on open files, which limits connections",
    ),
    (
        "configuration file",
        "secrets in a configuration file that others on the machine can read",
    ),
    (
        "database file",
        "a database that others on the machine can read or write",
    ),
    ("room", "a full disk or a folder that is not writable"),
    (
        "master key file",
        "a master key that others on the machine can read",
    ),
    ("master key", "a master key beside the database"),
    (
        "damage",
        "a damaged SQLite file; with --full also indexes and references that do not fit",
    ),
    (
        "database",
        "a database that cannot be reached or opened, that needs another master key, that lacks keys, secrets, built-in roles or its head, or whose tables rolecall may not write",
    ),
    (
        "schema",
        "a database schema that is newer than this program, or outdated",
    ),
    ("administrators", "no administrator, or only one"),
    (
        "log-out",
        "clients that cannot be told of ended sessions, since this machine has no root certificates, or that do not take the logout tokens",
    ),
    (
        "passkeys",
        "passkeys that were made for another host than that of `public_url`, and do not work",
    ),
    (
        "assurance",
        "roles that need a second factor where `login.mfa` keeps users from adding one",
    ),
    (
        "profiles",
        "stored values of profile fields that do not fit their declaration any more",
    ),
    (
        "audit log",
        "an audit log that was altered or truncated, or access that no entry of it explains",
    ),
];

/// The keys of the texts in which pages say what was found, in each of their languages.
pub(crate) const PAGE_TEXTS: &[&str] = &[
    "admin-doctor-insecure-http",
    "admin-doctor-no-proxy",
    "admin-doctor-database-tls",
    "admin-doctor-password-length",
    "admin-doctor-registration",
    "admin-doctor-stale",
    "admin-doctor-symmetric",
    "admin-doctor-old-tokens-ended",
    "admin-doctor-old-tokens-guessed",
    "admin-doctor-old-tokens-long",
    "admin-doctor-old-tokens-both",
    "admin-doctor-metrics",
    "admin-doctor-origins",
    "admin-doctor-idle",
    "admin-doctor-stay",
    "admin-doctor-outgoing",
    "admin-doctor-breached",
    "admin-doctor-mail-tls",
    "admin-doctor-mail-roots",
    "admin-doctor-mail-address",
    "admin-doctor-mail-domain",
    "admin-doctor-log-out-roots",
    "admin-doctor-log-out-refused",
    "admin-doctor-log-out-untried",
    "admin-doctor-passkeys",
    "admin-doctor-assurance-roles",
    "admin-doctor-assurance-clients",
    "admin-doctor-assurance-both",
    "admin-doctor-look",
    "admin-doctor-clock-jumped",
    "admin-doctor-clock-differs",
    "admin-doctor-clock-behind",
    "admin-doctor-unreadable",
];

/// The text of a finding on a page: the key, and what the text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageText {
    /// Empty if pages show the English text.
    pub(crate) key: &'static str,
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) count: i64,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// The problem and its solution, in English.
    pub(crate) text: String,
    pub(crate) page_text: PageText,
}

impl Finding {
    pub(super) fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Severity::Good, text)
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, text)
    }

    pub(super) fn fault(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, Severity::Fault, text)
    }

    fn new(check: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            check,
            severity,
            text,
            page_text: PageText::default(),
        }
    }

    /// Says it on pages by the text with this key, which is one of [`PAGE_TEXTS`].
    pub(super) fn on_pages(mut self, key: &'static str) -> Self {
        debug_assert!(PAGE_TEXTS.contains(&key), "{key}");
        self.page_text.key = key;
        self
    }

    /// Gives the text for pages a name.
    pub(super) fn naming(mut self, name: impl Into<String>) -> Self {
        self.page_text.name = name.into();
        self
    }

    /// Gives the text for pages a second name, or a reason.
    pub(super) fn detailed(mut self, detail: impl Into<String>) -> Self {
        self.page_text.detail = detail.into();
        self
    }

    /// Gives the text for pages a number.
    pub(super) fn counting(mut self, count: i64) -> Self {
        self.page_text.count = count;
        self
    }
}
