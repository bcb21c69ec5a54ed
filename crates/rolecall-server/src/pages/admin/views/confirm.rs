//! The page that says what an action will do before it does it, and the one that shows a secret once.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};

/// What will happen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Effect {
    /// The key of the text.
    pub(crate) key: &'static str,
    /// The name in the text.
    pub(crate) name: String,
    pub(crate) count: i64,
}

impl Effect {
    /// Returns an effect whose text names something.
    pub(crate) fn of(key: &'static str, name: impl Into<String>) -> Self {
        Self {
            key,
            name: name.into(),
            count: 0,
        }
    }

    /// Returns an effect on a number of things.
    pub(crate) fn on(key: &'static str, count: usize) -> Self {
        Self {
            key,
            name: String::new(),
            count: i64::try_from(count).unwrap_or(i64::MAX),
        }
    }
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Confirm {
    /// The key of the heading, which is also that of the button.
    pub(crate) title: &'static str,
    /// The name in the heading.
    pub(crate) name: String,
    pub(crate) effects: Vec<Effect>,
    /// It cannot be undone.
    pub(crate) is_final: bool,
    /// The path of the form.
    pub(crate) action: String,
    /// The fields of the form.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The page to which somebody goes who changes their mind.
    pub(crate) back: String,
}

/// The headings of the pages.
pub(crate) const TITLES: [&str; 15] = [
    "admin-disable-user",
    "admin-enable-user",
    "admin-reset-user",
    "admin-delete-user",
    "admin-end-sessions",
    "admin-remove-factor",
    "admin-unassign-role",
    "admin-delete-role",
    "admin-let-any-sign-in",
    "admin-require-factor",
    "admin-require-passkey",
    "admin-delete-client",
    "admin-delete-resource",
    "admin-rotate-keys",
    "admin-retire-key",
];

/// The texts of what can happen.
pub(crate) const EFFECTS: [&str; 35] = [
    "admin-effect-signed-out",
    "admin-effect-one-session",
    "admin-effect-one-browser",
    "admin-effect-no-sign-in",
    "admin-effect-can-undo",
    "admin-effect-sign-in-again",
    "admin-effect-password-gone",
    "admin-effect-code-shown",
    "admin-effect-link-mailed",
    "admin-effect-roles-gone",
    "admin-effect-account-gone",
    "admin-effect-audit-stays",
    "admin-effect-factor-gone",
    "admin-effect-tokens-refused",
    "admin-effect-loses-role",
    "admin-effect-holders-lose",
    "admin-effect-seniors-lose",
    "admin-effect-holders-of-acr",
    "admin-effect-needs-acr",
    "admin-effect-needs-no-acr",
    "admin-effect-no-password-grant",
    "admin-effect-client-tokens",
    "admin-effect-client-consents",
    "admin-effect-client-secret",
    "admin-effect-client-roles",
    "admin-effect-client-id",
    "admin-effect-client-audit",
    "admin-effect-resource-tokens",
    "admin-effect-resource-clients",
    "admin-effect-key-signs",
    "admin-effect-key-verifies",
    "admin-effect-key-published",
    "admin-effect-key-early",
    "admin-effect-key-unused",
    "admin-effect-key-refused",
];

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let all: Vec<Effect> = EFFECTS
        .map(|key| Effect {
            key,
            name: TEXT.to_owned(),
            count: 2,
        })
        .into_iter()
        .collect();
    let pages = TITLES.map(|title| Confirm {
        title,
        name: TEXT.to_owned(),
        effects: all.clone(),
        is_final: true,
        action: "/admin/users/x/delete".to_owned(),
        fields: vec![("session", TEXT.to_owned())],
        back: "/admin/users/x".to_owned(),
    });
    let empty = Confirm {
        title: "admin-enable-user",
        name: String::new(),
        effects: Vec::new(),
        is_final: false,
        action: "/admin/users/x/enable".to_owned(),
        fields: Vec::new(),
        back: "/admin/users/x".to_owned(),
    };
    pages.iter().chain([&empty]).map(value).collect()
}

/// Something that is shown once, and to which no address leads.
#[derive(Clone, Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the secret itself, beside what is said about it"
)]
pub(crate) struct Secret {
    /// The key of the heading; that of the text below ends in `-lead`.
    pub(crate) title: &'static str,
    pub(crate) name: String,
    /// The code or link; empty if it was sent.
    pub(crate) secret: String,
    pub(crate) until: Option<Time>,
    /// It is worth nothing until a second person confirms it.
    pub(crate) is_unconfirmed: bool,
    /// The page to go on to.
    pub(crate) next: String,
}

/// The headings of the pages with secrets.
pub(crate) const SECRETS: [&str; 3] = [
    "admin-user-created",
    "admin-user-reset",
    "admin-user-invited",
];

/// Samples of the page with a secret.
pub(in super::super) fn secret_samples() -> Vec<Value> {
    let full = SECRETS.map(|title| Secret {
        title,
        name: TEXT.to_owned(),
        secret: TEXT.to_owned(),
        until: Some(Time::sample()),
        is_unconfirmed: true,
        next: "/admin/users/x".to_owned(),
    });
    let empty = Secret {
        secret: String::new(),
        until: None,
        is_unconfirmed: false,
        ..full[0].clone()
    };
    full.iter().chain([&empty]).map(value).collect()
}
