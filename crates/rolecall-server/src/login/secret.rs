//! Secrets that a browser or a client keeps, and whose keyed hash the database has.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{app::App, error::ApiError, ids};

/// The purpose of a secret. Each kind has a MAC of its own, so that one is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The cookie of somebody who is signing in.
    Flow,
    /// The cookie of somebody who is signed in.
    BrowserSession,
    /// An authorization code.
    Code,
    /// The answer to the question whether to log out.
    LogOut,
    /// A link to choose a new password.
    ResetLink,
    /// A link to prove the address that a user has.
    VerifyLink,
    /// A link to prove the address that a user wants to have.
    ChangeLink,
    /// A link to accept an invitation.
    Invitation,
    /// The MAC of an invitation, in its link.
    InvitationSeal,
    /// The cookie of a remembered device.
    RememberedDevice,
    /// A code in a mail to sign in with, with the id of the flow.
    SignInCode,
    /// A code in a mail to prove an address with, with the id of the flow.
    VerifyCode,
    /// The challenge of a passkey, made from the step of a flow.
    PasskeyChallenge,
    /// The mark of its client in the id of a flow.
    ClientOfFlow,
}

impl Kind {
    /// Begins the input of the MAC. No user name begins with this byte, since it occurs in no UTF-8 text: the same key
    /// signs user names.
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Flow => b"\xffrolecall sign-in flow\0",
            Self::BrowserSession => b"\xffrolecall browser session\0",
            Self::Code => b"\xffrolecall authorization code\0",
            Self::LogOut => b"\xffrolecall log-out\0",
            Self::ResetLink => b"\xffrolecall reset link\0",
            Self::VerifyLink => b"\xffrolecall verification link\0",
            Self::ChangeLink => b"\xffrolecall change of address\0",
            Self::Invitation => b"\xffrolecall invitation\0",
            Self::InvitationSeal => b"\xffrolecall seal of an invitation\0",
            Self::RememberedDevice => b"\xffrolecall remembered device\0",
            Self::SignInCode => b"\xffrolecall sign-in code\0",
            Self::VerifyCode => b"\xffrolecall verification code\0",
            Self::PasskeyChallenge => b"\xffrolecall passkey challenge\0",
            Self::ClientOfFlow => b"\xffrolecall client of a flow\0",
        }
    }
}

/// The longest secret that is looked up.
const MAX_LENGTH: usize = 128;

/// Returns a new secret of 256 bits.
pub(crate) fn generate() -> Result<String, ApiError> {
    ids::random_token(256).map_err(ApiError::internal)
}

/// Returns the hash under which the database knows `secret`; `None` for what cannot be one.
pub(crate) fn hash(app: &App, kind: Kind, secret: &str) -> Option<String> {
    let fits = secret.len() <= MAX_LENGTH
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    fits.then(|| keyed(&app.parts().account_key, kind, secret))
}

/// Returns the MAC of a row, for a secret that works with this row alone.
pub(crate) fn seal(app: &App, kind: Kind, row: &Value) -> String {
    keyed(&app.parts().account_key, kind, &row.to_string())
}

fn keyed(key: &hmac::Key, kind: Kind, secret: &str) -> String {
    let message = [kind.context(), secret.as_bytes()].concat();
    URL_SAFE_NO_PAD.encode(hmac::sign(key, &message).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i018_a_secret_of_one_kind_has_another_hash_as_another_kind() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let kinds = [
            Kind::Flow,
            Kind::BrowserSession,
            Kind::Code,
            Kind::LogOut,
            Kind::ResetLink,
            Kind::VerifyLink,
            Kind::ChangeLink,
            Kind::Invitation,
            Kind::InvitationSeal,
            Kind::RememberedDevice,
            Kind::PasskeyChallenge,
            Kind::ClientOfFlow,
        ];
        let hashes: std::collections::HashSet<_> =
            kinds.map(|kind| keyed(&key, kind, "secret")).into();
        assert_eq!(hashes.len(), kinds.len());
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(!hashes.contains(&keyed(&other, Kind::Flow, "secret")));
    }
}
