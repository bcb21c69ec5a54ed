//! The kinds of mails, and the texts of each.

use minijinja::{Value, context};

/// Returns the keys of the texts of a kind. Some say more where a detail is known.
pub(super) fn keys(kind: &str, detail: &str) -> Value {
    let (button, foot) = match kind {
        "reset" => ("reset-button", "mail-not-you"),
        "reset-started" => ("reset-button", "reset-started-foot"),
        "sign-up-known" => ("", "mail-not-you"),
        "sign-up" | "invite" => ("make-account", "mail-not-you"),
        "verify" | "change" => ("verify-button", "mail-not-you"),
        "sign-in-code" | "verify-code" => ("", "sign-in-code-foot"),
        "test" => ("", "test-foot"),
        _ => ("", "mail-notice-foot"),
    };
    context! {
        title => format!("{kind}-subject"),
        lead => match kind {
            "new-device" if !detail.is_empty() => "new-device-known-mail".to_owned(),
            kind => format!("{kind}-mail"),
        },
        button => button,
        foot => foot,
    }
}

/// The kinds of mails, each of which is tried with sample data.
pub(super) const KINDS: [&str; 19] = [
    "reset-started",
    "sign-in-code",
    "verify-code",
    "sign-up",
    "sign-up-known",
    "invite",
    "reset",
    "verify",
    "change",
    "test",
    "address-changed",
    "factor-added",
    "factor-removed",
    "many-wrong-codes",
    "new-device",
    "passkey-refused",
    "password-changed",
    "recovery-code-used",
    "recovery-codes-replaced",
];
