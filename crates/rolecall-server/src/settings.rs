//! The configuration as far as the services need it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall_core::RoleName;

use crate::{
    config::{Config, Mfa},
    mail::settings::MailSettings,
    outgoing::allow::Allowed,
    profile::declared::ProfileFields,
};

pub(crate) use crate::policy_limits::PolicyLimits;

/// The settings that the services read.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one setting of its own"
)]
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    /// The URL under which clients reach the server, with the path prefix that a proxy adds.
    pub(crate) public_url: String,
    /// The audience of tokens for which none was asked.
    pub(crate) audience: String,
    pub(crate) access_ttl: Duration,
    pub(crate) max_token_bytes: usize,
    /// The time for which a signing key signs; `None` until it is rotated by hand.
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) registration_open: bool,
    pub(crate) registration_roles: BTreeSet<RoleName>,
    /// Addresses are proven before there is an account, if mails are sent.
    pub(crate) registration_verify: bool,
    /// The domains of addresses with which people may register; empty for all.
    pub(crate) registration_domains: Vec<String>,
    /// The members that the application adds to its users.
    pub(crate) profile: ProfileFields,
    /// No two users have one e-mail address.
    pub(crate) unique_email: bool,
    /// Users may delete their own account.
    pub(crate) self_delete: bool,
    pub(crate) password_grant: bool,
    pub(crate) sessions: SessionLimits,
    pub(crate) browser: BrowserLimits,
    pub(crate) factors: FactorRules,
    /// The look of the pages, as it is configured.
    pub(crate) pages: crate::config::Pages,
    /// `None` if no mail is sent.
    pub(crate) mail: Option<MailSettings>,
    pub(crate) policy: PolicyLimits,
    pub(crate) quotas: QuotaLimits,
    /// Failed log-ins of all addresses together that are forgiven in a minute.
    pub(crate) failures_per_minute: u32,
    /// The age from which the guards refuse their state; `None` if they accept one that is older.
    pub(crate) stale_after: Option<Duration>,
    /// What may be called beside public servers.
    pub(crate) outgoing: Allowed,
    /// The configuration of a server that has one, to be shown. An application that embeds rolecall has none.
    pub(crate) config: Option<Arc<Config>>,
    /// Names of demo users, whose password the list of common ones may hold.
    pub(crate) exempt_users: BTreeSet<String>,
}

impl Settings {
    /// Returns true if people who register prove their address by mail first.
    pub(crate) fn registration_by_mail(&self) -> bool {
        self.registration_verify && self.mail.is_some()
    }
}

/// The writes that one subject may make in an hour, and at once, by kind.
#[derive(Clone, Debug)]
pub(crate) struct QuotaLimits {
    pub(crate) own_changes: u32,
    pub(crate) changes: u32,
    pub(crate) revocations: u32,
    pub(crate) refreshes: u32,
    pub(crate) log_ins: u32,
}

impl From<&crate::config::Quotas> for QuotaLimits {
    fn from(quotas: &crate::config::Quotas) -> Self {
        Self {
            own_changes: quotas.own_changes_per_hour,
            changes: quotas.changes_per_hour,
            revocations: quotas.revocations_per_hour,
            refreshes: quotas.refreshes_per_hour,
            log_ins: quotas.log_ins_per_hour,
        }
    }
}

/// The limits of sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionLimits {
    /// A session that was not used for this long has ended.
    pub(crate) idle: Duration,
    /// No session lasts longer, however often it is used.
    pub(crate) lifetime: Duration,
    /// Beyond this many sessions of one user the idlest ends.
    pub(crate) per_user: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_hours(14 * 24),
            lifetime: Duration::from_hours(30 * 24),
            per_user: 100,
        }
    }
}

/// The limits of browser sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrowserLimits {
    /// A browser session that was not used for this long has ended.
    pub(crate) idle: Duration,
    /// No browser session lasts longer, unless its user chose to stay signed in.
    pub(crate) max: Duration,
    /// The lifetime of one whose user chose to stay signed in; `None` if nobody can choose that.
    pub(crate) stay: Option<Duration>,
}

/// The rules for second factors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FactorRules {
    pub(crate) mfa: Mfa,
    /// People can sign in with a code by mail, if mails are sent.
    pub(crate) mail_code: bool,
    /// Whoever has an address proves it when they sign in, if mails are sent.
    pub(crate) verified_address: bool,
    /// The time for which a sign-in counts as fresh enough to change them.
    pub(crate) fresh: Duration,
    /// The time for which a device can be remembered; `None` if none is.
    pub(crate) remember: Option<Duration>,
}

impl Settings {
    /// Returns true if people can sign in with a code by mail.
    pub(crate) fn offers_mail_code(&self) -> bool {
        self.factors.mail_code && self.mail.is_some()
    }
}

impl Default for FactorRules {
    fn default() -> Self {
        let login = crate::config::Login::default();
        Self {
            mfa: login.mfa,
            mail_code: login.mail_code,
            verified_address: login.verified_address,
            fresh: login.fresh,
            remember: login.remember_device,
        }
    }
}

impl BrowserLimits {
    /// Returns the time after which an unused session has ended.
    pub(crate) fn idle(&self, stays: bool) -> Duration {
        self.stay.filter(|_| stays).unwrap_or(self.idle)
    }

    /// Returns the longest time that a browser session lasts.
    pub(crate) fn lifetime(&self, stays: bool) -> Duration {
        self.stay.filter(|_| stays).unwrap_or(self.max)
    }
}

impl Default for BrowserLimits {
    fn default() -> Self {
        let login = crate::config::Login::default();
        Self {
            idle: login.idle,
            max: login.max,
            stay: login.stay,
        }
    }
}
