//! The sections of the configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rolecall_passwords::{DEFAULT_MIN_LENGTH, PasswordScheme};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Origin, values};
use crate::{outgoing::allow::AllowedTarget, store::url::SchemaName, vault::MasterKey};

/// Defines an enum whose variants are words in the configuration.
macro_rules! choices {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[$attribute:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub enum $name { $($(#[$attribute])* $variant,)+ }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(values::not_among(word, &[$($word),+])),
                }
            }
        }
    };
}

mod color;
mod connections;
mod login;
mod look;
mod mail;
mod pages;
mod policy;
mod profile;
mod quotas;
mod registration;
mod tokens;

pub use color::Color;
pub use connections::Connections;
pub(crate) use login::FAILURES_PER_MINUTE;
pub use login::{Login, Mfa};
pub use look::{ClientLook, PageLink};
pub use mail::Mail;
pub use pages::Pages;
pub use policy::PolicySection;
pub use profile::Profile;
pub use quotas::Quotas;
pub use registration::{Registration, RegistrationMode};
pub(crate) use tokens::ROTATE_EVERY;
pub use tokens::{AccountClaim, LegacyAlgorithm, LegacyTokens, Sessions, SigningAlgorithm, Tokens};

/// The configuration of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on.
    #[serde(deserialize_with = "values::address")]
    pub listen: SocketAddr,
    /// The address under which clients reach this server, without a slash at the end. It is
    /// the issuer of the tokens unless `tokens.issuer` is set.
    pub public_url: Option<String>,
    /// Accepts that passwords and tokens cross a network unencrypted.
    #[serde(deserialize_with = "values::switch")]
    pub insecure_http: bool,
    /// 32 bytes in hex or base64 that encrypt the signing keys in the database.
    #[serde(deserialize_with = "values::master_key")]
    pub master_key: Option<MasterKey>,
    /// The master key that `master_key` replaces, while some data is still encrypted with it.
    #[serde(deserialize_with = "values::master_key")]
    pub master_key_previous: Option<MasterKey>,
    /// The database.
    pub database: Database,
    /// Registration of new users.
    pub registration: Registration,
    /// The accounts of users.
    pub accounts: Accounts,
    /// What the application keeps about its users.
    pub profile: Profile,
    /// The token endpoint.
    pub oauth: OAuth,
    /// The access tokens.
    pub tokens: Tokens,
    /// The sessions that log-ins open.
    pub sessions: Sessions,
    /// The limits of the policy.
    pub policy: PolicySection,
    /// The limits for changes that one subject makes.
    pub quotas: Quotas,
    /// Limits on failed log-ins.
    pub login: Login,
    /// The look of the pages.
    pub pages: Pages,
    /// The server that takes mails.
    pub mail: Mail,
    /// New passwords.
    pub passwords: Passwords,
    /// Connections of clients.
    pub connections: Connections,
    /// Web pages of other origins that may call this server.
    pub cors: Cors,
    /// Proxies in front of this server.
    pub proxy: Proxy,
    /// Requests of this server to others.
    pub outgoing: Outgoing,
    /// Metrics for Prometheus.
    pub metrics: Metrics,
    /// The guard of this server's own API.
    pub guard: Guard,
    /// The log.
    pub log: Log,
    /// The source of each value that is not a default.
    #[serde(skip)]
    pub(super) origins: BTreeMap<String, Origin>,
    /// Variables with our prefix that a cluster set for a service of our name, and that are no keys.
    #[serde(skip)]
    pub(crate) passed_over: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            public_url: None,
            insecure_http: false,
            master_key: None,
            master_key_previous: None,
            database: Database::default(),
            registration: Registration::default(),
            accounts: Accounts::default(),
            profile: Profile::default(),
            oauth: OAuth::default(),
            tokens: Tokens::default(),
            sessions: Sessions::default(),
            policy: PolicySection::default(),
            quotas: Quotas::default(),
            login: Login::default(),
            pages: Pages::default(),
            mail: Mail::default(),
            passwords: Passwords::default(),
            connections: Connections::default(),
            cors: Cors::default(),
            proxy: Proxy::default(),
            outgoing: Outgoing::default(),
            metrics: Metrics::default(),
            guard: Guard::default(),
            log: Log::default(),
            origins: BTreeMap::new(),
            passed_over: Vec::new(),
        }
    }
}

/// Section `database`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite://path` or `postgres://user:password@host/name`.
    #[serde(deserialize_with = "values::secret")]
    pub url: SecretString,
    /// The schema of PostgreSQL that holds rolecall's tables.
    #[serde(deserialize_with = "values::schema")]
    pub schema: Option<SchemaName>,
    /// The most connections of this process to PostgreSQL.
    #[serde(deserialize_with = "values::number")]
    pub max_connections: u32,
    /// The time that a request waits for a free connection.
    #[serde(deserialize_with = "values::duration")]
    pub acquire_timeout: Duration,
    /// The time limit of one statement on PostgreSQL.
    #[serde(deserialize_with = "values::duration")]
    pub statement_timeout: Duration,
    /// The time that `serve` waits at the start for PostgreSQL to answer.
    #[serde(deserialize_with = "values::duration")]
    pub start_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://rolecall-data/rolecall.db".into(),
            schema: None,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_mins(1),
        }
    }
}

/// Section `accounts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounts {
    /// Users may delete their own account.
    #[serde(deserialize_with = "values::switch")]
    pub self_delete: bool,
}

/// Section `oauth`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth {
    /// `first_party` or `off`.
    #[serde(deserialize_with = "values::parsed")]
    pub password_grant: PasswordGrant,
}

choices! {
    /// Decides which clients can use the password grant at the token endpoint.
    pub enum PasswordGrant {
        /// Requests without a client, and clients that have the grant.
        #[default]
        FirstParty = "first_party",
        /// None.
        Off = "off",
    }
}

/// Section `passwords`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// The scheme of new hashes: `argon2id` or `bcrypt`.
    #[serde(deserialize_with = "values::parsed")]
    pub scheme: PasswordScheme,
    /// The least number of code points in a new password.
    #[serde(deserialize_with = "values::number")]
    pub min_length: usize,
    /// A list of breached passwords, which nobody can choose, as `rolecall passwords build` writes it.
    #[serde(deserialize_with = "values::optional_path")]
    pub breached: Option<PathBuf>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            scheme: PasswordScheme::default(),
            min_length: DEFAULT_MIN_LENGTH,
            breached: None,
        }
    }
}

/// Section `cors`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Exact origins, such as `https://app.example.com`.
    #[serde(deserialize_with = "values::list")]
    pub allowed_origins: Vec<String>,
}

/// Section `proxy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxy {
    /// Networks or addresses whose `X-Forwarded-For` header is trusted.
    #[serde(deserialize_with = "values::networks")]
    pub trusted: Vec<IpNet>,
}

/// Section `outgoing`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outgoing {
    /// Hosts and networks that are called although they are not public, and without TLS.
    #[serde(deserialize_with = "values::list")]
    pub allow: Vec<AllowedTarget>,
}

/// Section `metrics`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Address and port of the listener for Prometheus. It needs no authentication.
    #[serde(deserialize_with = "values::optional_address")]
    pub listen: Option<SocketAddr>,
}

/// Section `guard`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// The longest time without fresh revocations, such as `30s`.
    #[serde(deserialize_with = "values::duration")]
    pub max_staleness: Duration,
    /// `refuse` or `accept`.
    #[serde(deserialize_with = "values::parsed")]
    pub on_stale: OnStale,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            max_staleness: Duration::from_secs(30),
            on_stale: OnStale::default(),
        }
    }
}

choices! {
    /// The guard's choice when its revocations are older than `guard.max_staleness`.
    pub enum OnStale {
        /// Answers 503.
        #[default]
        Refuse = "refuse",
        /// Accepts tokens, perhaps revoked ones.
        Accept = "accept",
    }
}

/// Section `log`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `auto`, `text` or `json`.
    #[serde(deserialize_with = "values::parsed")]
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,sqlx=warn`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

choices! {
    /// The format of log lines.
    pub enum LogFormat {
        /// Text on a terminal, JSON elsewhere.
        #[default]
        Auto = "auto",
        /// Text.
        Text = "text",
        /// One JSON object for each line.
        Json = "json",
    }
}
