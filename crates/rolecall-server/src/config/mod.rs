//! Configuration: flags override `ROLECALL_*` variables, which override the file, which overrides the
//! defaults.
//!
//! Only [`Sources::from_process`] reads the process environment, so that tests can use plain values. In the
//! environment two underscores separate the parts of a key (`ROLECALL_DATABASE__URL` is `database.url`), and
//! commas separate the items of a list. Every secret has a twin that ends in `_file` and names a file with
//! the secret.

mod addresses;
mod error;
mod injected;
mod keys;
mod load;
mod mail_settings;
mod merge;
mod origins;
mod profile_fields;
mod sections;
mod show;
mod sources;
#[cfg(test)]
mod tests;
mod validate;
mod values;

pub use error::ConfigError;
pub use sections::{
    AccountClaim, ClientLook, Color, Config, Connections, Cors, Database, Guard, LegacyAlgorithm,
    LegacyTokens, Log, LogFormat, Login, Mail, Metrics, Mfa, OAuth, OnStale, Outgoing, PageLink,
    Pages, PasswordGrant, Passwords, PolicySection, Profile, Proxy, Quotas, Registration,
    RegistrationMode, Sessions, SigningAlgorithm, Tokens,
};
pub(crate) use sections::{FAILURES_PER_MINUTE, ROTATE_EVERY};
pub use show::{Setting, Settings};
pub use sources::{Origin, Sources};
pub(crate) use validate::{check_public_url, mail_faults, page_faults};
