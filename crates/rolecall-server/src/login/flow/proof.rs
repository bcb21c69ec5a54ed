//! The proofs of somebody who is signing in.
//!
//! [`Proven`] is the only way to conclude a flow, and only [`Proven::of`] makes one: it refuses a flow in which something
//! is still owed. A page that skips a step therefore cannot sign anybody in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A way to prove who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub(crate) enum Proof {
    /// The password whose hash has this fingerprint.
    Password { fingerprint: String, at_micros: i64 },
    /// An earlier sign-in in the same browser.
    BrowserSession { id: String },
}

/// The proofs of a flow. All are about its subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Proofs(Vec<Proof>);

impl Proofs {
    /// Returns a list with one proof. A proof about another subject never joins it: whoever changes the subject begins
    /// again.
    pub(in crate::login) fn by(proof: Proof) -> Self {
        Self(vec![proof])
    }
}

/// A user who has proven all that a flow asks for.
#[derive(Debug)]
pub(crate) struct Proven {
    subject: String,
    proof: Proof,
}

impl Proven {
    /// Returns the user of a flow with these proofs, if nothing is owed.
    pub(in crate::login) fn of(subject: Option<&str>, proofs: &Proofs) -> Option<Self> {
        let subject = subject?.to_owned();
        let proof = proofs.0.last()?.clone();
        Some(Self { subject, proof })
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
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
}

/// Returns what a flow remembers of a password hash, to notice that the password was changed since.
pub(crate) fn fingerprint(hash: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, hash.as_bytes()))
}
