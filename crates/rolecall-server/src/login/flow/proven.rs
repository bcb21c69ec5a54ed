//! A user who has proven enough.
//!
//! [`Proven`] is the only way to conclude a flow, and only [`Proven::of`] makes one: it refuses a flow in which something
//! is still owed. A page that skips a step therefore cannot sign anybody in.

use rolecall_core::Acr;

use super::{
    owed::Owed,
    proof::{Proof, Proofs},
};

/// A user who has proven all that a flow asks for.
#[derive(Debug)]
pub(crate) struct Proven {
    subject: String,
    first: Proof,
    proofs: Proofs,
}

impl Proven {
    /// Returns the user of a flow with these proofs, if nothing is owed.
    pub(in crate::login) fn of(
        subject: Option<&str>,
        proofs: &Proofs,
        owed: &Owed,
    ) -> Option<Self> {
        let subject = subject?.to_owned();
        let first = proofs.first()?.clone();
        let proofs = proofs.clone();
        owed.is_paid_by(&proofs).then_some(Self {
            subject,
            first,
            proofs,
        })
    }

    /// Returns true if nothing is owed of what may have changed since.
    pub(in crate::login) fn pays(&self, owed: &Owed) -> bool {
        owed.is_paid_by(&self.proofs)
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the proof that the others add to.
    pub(crate) fn first(&self) -> &Proof {
        &self.first
    }

    pub(crate) fn proofs(&self) -> &[Proof] {
        self.proofs.all()
    }

    /// Returns true if something was proven in this sign-in, and not only before.
    pub(crate) fn is_new(&self) -> bool {
        let is_old = |proof: &Proof| matches!(proof, Proof::BrowserSession { .. });
        !self.proofs.all().iter().all(is_old)
    }

    /// Returns the methods of authentication, separated by spaces.
    pub(crate) fn amr(&self) -> String {
        self.proofs.methods().join(" ")
    }

    /// Returns the assurance that the proofs reach.
    pub(crate) fn acr(&self) -> Acr {
        self.proofs.acr()
    }

    /// Returns the ids of the factors that were used, separated by spaces. `before` are those of an earlier sign-in.
    pub(crate) fn credentials(&self, before: &str) -> String {
        let mut ids: Vec<&str> = before.split(' ').filter(|id| !id.is_empty()).collect();
        for id in self.proofs.all().iter().filter_map(Proof::credential) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_rests_on_each_factor_once() {
        let session = Proof::BrowserSession {
            id: "b".to_owned(),
            amr: "pwd otp mfa".to_owned(),
            with_factor: true,
            at_micros: 0,
            remembered: None,
        };
        let mut proofs = Proofs::by(session.clone());
        proofs.add(Proof::Totp {
            factor: "g".to_owned(),
            at_micros: 0,
        });
        proofs.add(Proof::RecoveryCode { at_micros: 0 });
        let proven = Proven {
            subject: "u".to_owned(),
            first: session,
            proofs,
        };
        assert_eq!(proven.credentials("f g"), "f g recovery");
        assert_eq!(proven.credentials(""), "g recovery");
        assert!(proven.is_new());
    }
}
