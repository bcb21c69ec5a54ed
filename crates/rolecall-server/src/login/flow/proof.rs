//! The proofs of somebody who is signing in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::{Acr, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    factors::{passkeys::proving::RightAnswer, recovery_codes, remembered, typed::RightCode},
    login::browser::store::BrowserSession,
};

/// The method of a password (RFC 8176).
const PASSWORD: &str = "pwd";
/// The method of a code that was typed.
const ONE_TIME_CODE: &str = "otp";
/// Several factors were proven.
const MULTIPLE: &str = "mfa";

/// A way to prove who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub(crate) enum Proof {
    /// The password whose hash has this fingerprint.
    Password {
        fingerprint: String,
        at_micros: i64,
    },
    /// An earlier sign-in in the same browser, by these methods.
    BrowserSession {
        id: String,
        #[serde(default)]
        amr: String,
        /// A factor of the account was part of it.
        #[serde(default)]
        with_factor: bool,
        #[serde(default)]
        at_micros: i64,
        /// The remembered device that stood for a second factor then.
        #[serde(default)]
        remembered: Option<String>,
    },
    /// A code that was sent to the address with this fingerprint. It is no factor beside others.
    MailCode {
        fingerprint: String,
        at_micros: i64,
    },
    /// A code that was sent to the address with this fingerprint, after another proof. It says nothing about the user but
    /// that the address is theirs.
    Address {
        fingerprint: String,
        at_micros: i64,
    },
    /// A code of an authenticator application.
    Totp {
        factor: String,
        at_micros: i64,
    },
    RecoveryCode {
        at_micros: i64,
    },
    /// A device that is remembered. It is no factor: it stands for one where the account alone asks for it.
    Remembered {
        device: String,
        at_micros: i64,
    },
    /// A passkey, by these methods.
    Passkey {
        factor: String,
        amr: String,
        at_micros: i64,
    },
}

/// The proofs of a flow. All are about its subject; the first is by a password, a code by mail, a passkey or an earlier
/// sign-in, and others add to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Proofs(Vec<Proof>);

impl Proofs {
    /// Returns a list with one proof. A proof about another subject never joins it: whoever changes the subject begins
    /// again.
    pub(in crate::login) fn by(proof: Proof) -> Self {
        Self(vec![proof])
    }

    /// Adds the proof by a second factor of the same subject.
    pub(in crate::login) fn add(&mut self, second: Proof) {
        self.0.push(second);
    }

    pub(in crate::login) fn first(&self) -> Option<&Proof> {
        self.0.first()
    }

    pub(super) fn all(&self) -> &[Proof] {
        &self.0
    }

    /// Returns the methods of authentication (RFC 8176), each once.
    pub(in crate::login) fn methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = Vec::new();
        for method in self.0.iter().flat_map(Proof::methods) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        // a factor is something that its owner has, and not what they know; a remembered device stands for none here
        let is_multiple =
            self.0.iter().skip(1).any(Proof::is_factor) && methods.contains(&PASSWORD);
        if is_multiple && !methods.contains(&MULTIPLE) {
            methods.push(MULTIPLE);
        }
        methods
    }

    /// Returns the remembered device among them, now or at the earlier sign-in.
    pub(super) fn remembered(&self) -> Option<&str> {
        self.0.iter().find_map(|proof| match proof {
            Proof::Remembered { device, .. } => Some(device.as_str()),
            Proof::BrowserSession { remembered, .. } => remembered.as_deref(),
            _ => None,
        })
    }

    /// Returns true if a factor of the account was proven, after whatever came first. A remembered device is none.
    pub(in crate::login) fn have_factor(&self) -> bool {
        let mut proofs = self.0.iter();
        let was_before = match proofs.next() {
            Some(Proof::BrowserSession { with_factor, .. }) => *with_factor,
            _ => false,
        };
        was_before || proofs.any(Proof::is_factor)
    }

    /// Returns true if a code was sent to this address in this sign-in, and typed.
    pub(super) fn prove_address(&self, address: &str) -> bool {
        let expected = fingerprint(address);
        self.0.iter().any(|proof| match proof {
            Proof::MailCode { fingerprint, .. } | Proof::Address { fingerprint, .. } => {
                *fingerprint == expected
            }
            _ => false,
        })
    }

    /// Returns true if the first is less than a password: a code by mail, or an earlier sign-in with one.
    pub(in crate::login) fn begin_with_mail(&self) -> bool {
        match self.first() {
            Some(Proof::MailCode { .. }) => true,
            // the methods are in the order in which they were proven
            Some(Proof::BrowserSession { amr, .. }) => amr.split(' ').next() == Some(ONE_TIME_CODE),
            _ => false,
        }
    }

    /// Returns the assurance that the proofs reach.
    pub(in crate::login) fn acr(&self) -> Acr {
        Acr::of_methods(self.methods())
    }
}

impl Proof {
    /// Returns the proof by a password that matched `hash`.
    pub(in crate::login) fn password(hash: &str, now: Timestamp) -> Self {
        Self::Password {
            fingerprint: fingerprint(hash),
            at_micros: now.micros(),
        }
    }

    /// Returns the proof by a code that was sent to `address`.
    pub(in crate::login) fn mail_code(address: &str, now: Timestamp) -> Self {
        Self::MailCode {
            fingerprint: fingerprint(address),
            at_micros: now.micros(),
        }
    }

    /// Returns the proof that `address` is the user's.
    pub(in crate::login) fn address(address: &str, now: Timestamp) -> Self {
        Self::Address {
            fingerprint: fingerprint(address),
            at_micros: now.micros(),
        }
    }

    /// Returns the proof by an earlier sign-in.
    pub(in crate::login) fn session(session: &BrowserSession) -> Self {
        Self::BrowserSession {
            id: session.id.clone(),
            amr: session.amr.clone(),
            with_factor: has_factor(&session.credentials),
            at_micros: session.auth_time.micros(),
            remembered: remembered::among(&session.credentials).map(str::to_owned),
        }
    }

    /// Returns the proof by a code that was just used up.
    pub(in crate::login) fn code(code: &RightCode, now: Timestamp) -> Self {
        let at_micros = now.micros();
        match code {
            RightCode::Totp { factor, .. } => Self::Totp {
                factor: factor.clone(),
                at_micros,
            },
            RightCode::Recovery { .. } => Self::RecoveryCode { at_micros },
        }
    }

    /// Returns the proof by a passkey that has just answered.
    pub(in crate::login) fn passkey(right: &RightAnswer, now: Timestamp) -> Self {
        Self::Passkey {
            factor: right.factor().to_owned(),
            amr: right.methods(),
            at_micros: now.micros(),
        }
    }

    /// Returns true if it was made in this sign-in, and not before.
    pub(in crate::login) const fn is_new(&self) -> bool {
        !matches!(self, Self::BrowserSession { .. })
    }

    /// Returns the time at which the user proved who they are.
    pub(crate) fn at(&self) -> Timestamp {
        match self {
            Self::Password { at_micros, .. }
            | Self::BrowserSession { at_micros, .. }
            | Self::Totp { at_micros, .. }
            | Self::MailCode { at_micros, .. }
            | Self::Address { at_micros, .. }
            | Self::Passkey { at_micros, .. }
            | Self::Remembered { at_micros, .. }
            | Self::RecoveryCode { at_micros } => Timestamp::from_micros(*at_micros),
        }
    }

    fn methods(&self) -> impl Iterator<Item = &str> {
        let methods = match self {
            Self::Password { .. } => PASSWORD,
            Self::BrowserSession { amr, .. } | Self::Passkey { amr, .. } => amr,
            Self::MailCode { .. } | Self::Totp { .. } | Self::RecoveryCode { .. } => ONE_TIME_CODE,
            Self::Address { .. } | Self::Remembered { .. } => "",
        };
        methods.split(' ').filter(|method| !method.is_empty())
    }

    fn is_factor(&self) -> bool {
        self.credential().is_some() && !matches!(self, Self::Remembered { .. })
    }

    /// Returns the id of the factor that was used.
    pub(super) fn credential(&self) -> Option<&str> {
        match self {
            Self::Totp { factor: id, .. }
            | Self::Passkey { factor: id, .. }
            | Self::Remembered { device: id, .. } => Some(id),
            Self::RecoveryCode { .. } => Some(recovery_codes::CREDENTIAL),
            Self::Password { .. }
            | Self::MailCode { .. }
            | Self::Address { .. }
            | Self::BrowserSession { .. } => None,
        }
    }
}

/// Returns what a flow remembers of a password hash or an address, to notice that it was changed since.
pub(crate) fn fingerprint(hash: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, hash.as_bytes()))
}

/// Returns true if one of the factors on which a sign-in rests is more than a remembered device.
pub(super) fn has_factor(credentials: &str) -> bool {
    let mut credentials = credentials.split(' ').filter(|id| !id.is_empty());
    credentials.any(|id| remembered::among(id).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totp(factor: &str) -> Proof {
        Proof::Totp {
            factor: factor.to_owned(),
            at_micros: 0,
        }
    }

    fn passkey(amr: &str) -> Proof {
        Proof::Passkey {
            factor: "p".to_owned(),
            amr: amr.to_owned(),
            at_micros: 0,
        }
    }

    fn session(amr: &str) -> Proof {
        Proof::BrowserSession {
            id: "b".to_owned(),
            amr: amr.to_owned(),
            with_factor: false,
            at_micros: 0,
            remembered: None,
        }
    }

    fn remembered() -> Proof {
        Proof::Remembered {
            device: "rd-x".to_owned(),
            at_micros: 0,
        }
    }

    #[test]
    fn i085_a_remembered_device_adds_no_method() {
        let password = || Proof::password("h", Timestamp::default());
        for (proofs, amr, acr) in [
            (vec![remembered()], "", Acr::Aal1),
            (vec![password(), remembered()], "pwd", Acr::Aal1),
            (vec![session("pwd"), remembered()], "pwd", Acr::Aal1),
            (
                vec![password(), remembered(), remembered()],
                "pwd",
                Acr::Aal1,
            ),
            (
                vec![password(), remembered(), totp("f")],
                "pwd otp mfa",
                Acr::Aal2,
            ),
        ] {
            let proofs = Proofs(proofs);
            let found = (proofs.methods().join(" "), proofs.acr());
            assert_eq!(found, (amr.to_owned(), acr));
        }
    }

    #[test]
    fn methods_by_table() {
        let mail = || Proof::mail_code("a@b.example", Timestamp::default());
        let address = || Proof::address("a@b.example", Timestamp::default());
        let password = || Proof::password("h", Timestamp::default());
        let recovery = || Proof::RecoveryCode { at_micros: 0 };
        for (proofs, amr, acr) in [
            (vec![password()], "pwd", Acr::Aal1),
            // a code by mail adds nothing to a factor
            (vec![mail()], "otp", Acr::Aal1),
            (vec![mail(), totp("f")], "otp", Acr::Aal1),
            // nor does a verified address
            (vec![password(), address()], "pwd", Acr::Aal1),
            (
                vec![password(), address(), totp("f")],
                "pwd otp mfa",
                Acr::Aal2,
            ),
            (vec![mail(), recovery()], "otp", Acr::Aal1),
            (vec![mail(), passkey("hwk")], "otp hwk", Acr::Aal1),
            (
                vec![mail(), passkey("hwk user mfa")],
                "otp hwk user mfa",
                Acr::Phr,
            ),
            (vec![session("otp"), totp("f")], "otp", Acr::Aal1),
            (vec![password(), totp("f")], "pwd otp mfa", Acr::Aal2),
            (vec![password(), recovery()], "pwd otp mfa", Acr::Aal2),
            (vec![passkey("hwk user mfa")], "hwk user mfa", Acr::Phr),
            (vec![password(), passkey("hwk")], "pwd hwk mfa", Acr::Phr),
            (
                vec![session("pwd"), passkey("swk user mfa")],
                "pwd swk user mfa",
                Acr::Phr,
            ),
            // without a check of its user, a passkey is one factor
            (vec![passkey("swk")], "swk", Acr::Aal1),
            (vec![session("pwd")], "pwd", Acr::Aal1),
            (vec![session("pwd otp mfa")], "pwd otp mfa", Acr::Aal2),
            (vec![session("pwd"), totp("f")], "pwd otp mfa", Acr::Aal2),
            // a flow from before the methods were kept
            (vec![session("")], "", Acr::Aal1),
            (vec![session(""), totp("f")], "otp", Acr::Aal1),
            // one factor twice is one
            (vec![totp("f"), totp("f")], "otp", Acr::Aal1),
        ] {
            let proofs = Proofs(proofs);
            assert_eq!(
                (proofs.methods().join(" ").as_str(), proofs.acr()),
                (amr, acr)
            );
        }
    }

    #[test]
    fn factors_by_table() {
        let mail = || Proof::mail_code("a@b.example", Timestamp::default());
        let with_factor = |is: bool| Proof::BrowserSession {
            id: "b".to_owned(),
            amr: "otp".to_owned(),
            with_factor: is,
            at_micros: 0,
            remembered: None,
        };
        for (proofs, by_mail, have_factor) in [
            (vec![], false, false),
            (
                vec![Proof::password("h", Timestamp::default())],
                false,
                false,
            ),
            (vec![mail()], true, false),
            (vec![mail(), totp("f")], true, true),
            (vec![mail(), mail()], true, false),
            (vec![with_factor(true)], true, true),
            (vec![with_factor(false)], true, false),
            (vec![with_factor(false), totp("f")], true, true),
            // a code by mail, and a passkey that checked nobody
            (vec![session("otp hwk")], true, false),
            (vec![session("pwd otp mfa")], false, false),
            // alone, it is what came first
            (vec![passkey("hwk")], false, false),
        ] {
            let proofs = Proofs(proofs);
            assert_eq!(
                (proofs.begin_with_mail(), proofs.have_factor()),
                (by_mail, have_factor),
                "{proofs:?}"
            );
        }
    }

    #[test]
    fn a_flow_from_before_is_read() {
        let before = r#"[{"method":"browser_session","id":"b"}]"#;
        let proofs: Proofs = serde_json::from_str(before).unwrap();
        assert_eq!(proofs, Proofs(vec![session("")]));
        let both = Proofs(vec![session("pwd"), totp("f")]);
        let written = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Proofs>(&written).unwrap(), both);
    }
}
