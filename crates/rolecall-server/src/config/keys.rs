//! The names of the configuration keys.

/// Every key, in the order in which `config show` prints them.
pub(super) const KEYS: &[&str] = &[
    "listen",
    "public_url",
    "insecure_http",
    "master_key",
    "master_key_previous",
    "database.url",
    "database.schema",
    "database.max_connections",
    "database.acquire_timeout",
    "database.statement_timeout",
    "database.start_timeout",
    "registration.mode",
    "registration.roles",
    "registration.unique_email",
    "accounts.self_delete",
    "registration.verify",
    "registration.domains",
    "profile.fields",
    "oauth.password_grant",
    "tokens.algorithm",
    "tokens.access_ttl",
    "tokens.rotate_every",
    "tokens.issuer",
    "tokens.audience",
    "tokens.max_bytes",
    "tokens.claims",
    "tokens.secret",
    "tokens.legacy.algorithm",
    "tokens.legacy.secret",
    "tokens.legacy.allow_short_secret",
    "tokens.legacy.until",
    "tokens.legacy.max_age",
    "sessions.idle_ttl",
    "sessions.max_ttl",
    "sessions.per_user",
    "policy.max_roles",
    "policy.max_permissions",
    "policy.max_grants",
    "policy.max_edges",
    "policy.max_effects",
    "policy.deadline",
    "policy.at_once",
    "quotas.own_changes_per_hour",
    "quotas.changes_per_hour",
    "quotas.revocations_per_hour",
    "quotas.refreshes_per_hour",
    "quotas.log_ins_per_hour",
    "login.failures_per_minute",
    "login.fresh",
    "login.idle",
    "login.max",
    "login.mail_code",
    "login.mfa",
    "login.remember_device",
    "login.stay",
    "login.verified_address",
    "pages.name",
    "pages.logo",
    "pages.favicon",
    "pages.color",
    "pages.color_dark",
    "pages.font",
    "pages.links",
    "pages.clients",
    "pages.templates",
    "pages.locales",
    "mail.url",
    "mail.password",
    "mail.from",
    "mail.reply_to",
    "mail.insecure_smtp",
    "mail.reset_ttl",
    "mail.verify_ttl",
    "mail.invitation_ttl",
    "passwords.scheme",
    "passwords.min_length",
    "passwords.breached",
    "connections.max",
    "connections.per_address",
    "connections.idle_timeout",
    "connections.drain_delay",
    "cors.allowed_origins",
    "proxy.trusted",
    "outgoing.allow",
    "metrics.listen",
    "guard.max_staleness",
    "guard.on_stale",
    "log.format",
    "log.level",
];

/// The keys whose values are never shown. Each has a twin that ends in `_file`.
pub(super) const SECRET_KEYS: &[&str] = &[
    "master_key",
    "master_key_previous",
    "database.url",
    "tokens.secret",
    "tokens.legacy.secret",
    "mail.url",
    "mail.password",
];

/// Returns whether `key` is a key or the `_file` twin of a secret.
pub(super) fn is_known(key: &str) -> bool {
    let secret = key.strip_suffix("_file").unwrap_or(key);
    KEYS.contains(&key) || SECRET_KEYS.contains(&secret)
}

/// Returns the first key below a section; `None` if `name` is not a section.
pub(super) fn first_below(name: &str) -> Option<&'static str> {
    let is_below = |key: &&&str| {
        let rest = key.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    KEYS.iter().find(is_below).copied()
}

/// Returns the key that an unknown one was probably meant to be.
pub(super) fn nearest(unknown: &str) -> Option<&'static str> {
    // in a variable one `_` is easily written for the two that stand for a dot
    let spelled = unknown.replace('.', "_");
    // more than three wrong letters are no typing error
    KEYS.iter()
        .map(|known| {
            (
                strsim::levenshtein(&spelled, &known.replace('.', "_")),
                *known,
            )
        })
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, known)| known)
}
