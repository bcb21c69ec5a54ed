//! The proofs that a sign-in asks for: by the factors of the account, by its roles, by the configuration, and by the client.

use std::time::Duration;

use rolecall_core::{Acr, Timestamp};

use super::{
    assurance::least_acr,
    proof::{Proof, Proofs},
    request::AuthorizationRequest,
};
use crate::{
    accounts::{former, store as accounts},
    app::App,
    boxed::Boxed,
    clients::store as clients,
    config::Mfa,
    factors::{
        passkeys::relying_party,
        remembered,
        store::{self as factors, FactorKind},
    },
    store::{Conn, StoreError},
};

/// The assurance that a sign-in has to reach, and what its user can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    least: Acr,
    /// The part of it that the request, its client and the roles of the user ask for. It is all that is owed with a
    /// remembered device, which stands for a factor where the account or `login.mfa` asks for one.
    asked: Acr,
    /// The ids of the devices that are remembered for the user.
    remembered: Vec<String>,
    /// The most that the factors of the account give together with its password.
    reachable: Acr,
    may_enrol: bool,
    /// A passkey can be added, too.
    may_add_passkey: bool,
    address: Address,
}

/// What is asked about the address of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Address {
    #[default]
    Nothing,
    /// This one has to be verified before anything else.
    Verified(String),
    /// A code goes to this one before the first factor is added: whoever knows the password alone adds none.
    BeforeEnrolment(String),
}

/// The proof that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// That by a password, or an earlier sign-in.
    First,
    /// That by a second factor of the account.
    Second,
    /// That the address of the account is the user's.
    Address,
    /// The account has no factor that is enough, and gets one.
    Enrolment,
    /// Only a passkey is enough, and the account gets one.
    PasskeyEnrolment,
    Nothing,
    /// Nothing that the account has, or can get here, is enough.
    Unmet,
}

/// What a sign-in is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Asked<'a> {
    mfa: Mfa,
    /// The least of the request and of its client.
    essential: Option<Acr>,
    /// What the client would like, the best first.
    wished: &'a [Acr],
    /// Browsers have passkeys under the address of this server.
    has_passkeys: bool,
}

/// Reads what is owed by a user who signs in with a request.
pub(crate) fn read<'a>(
    app: &'a App,
    conn: &'a mut Conn,
    request: &'a AuthorizationRequest,
    subject: &'a str,
) -> Boxed<'a, Result<Owed, StoreError>> {
    Box::pin(async move {
        let kinds = factors::kinds(conn, subject).await?;
        let by_roles = least_acr(app, conn, request, subject).await?;
        let client = clients::find(conn, &request.client_id).await?;
        let by_client = client.map(|client| client.sign_in.acr.acr());
        let asked = Asked {
            mfa: app.settings().factors.mfa,
            essential: request.essential_acr.max(Some(by_roles)).max(by_client),
            wished: &request.wished_acr,
            has_passkeys: relying_party(app).is_ok(),
        };
        let mut owed = Owed::of(&kinds, &asked);
        if !kinds.is_empty() {
            let devices = remembered::list(app, conn, subject).await?;
            owed.remembered = devices.into_iter().map(|device| device.id).collect();
        }
        owed.address = about_address(app, conn, &owed, subject).await?;
        Ok(owed)
    })
}

/// Returns what is asked about the address of a user, if mails are sent. Whoever has none is asked for nothing, unless they
/// have just removed it.
async fn about_address(
    app: &App,
    conn: &mut Conn,
    owed: &Owed,
    subject: &str,
) -> Result<Address, StoreError> {
    let settings = app.settings();
    let must_verify = settings.factors.verified_address;
    if settings.mail.is_none() || !(must_verify || owed.leads_to_enrolment()) {
        return Ok(Address::Nothing);
    }
    let user = accounts::find_user(conn, subject, app.now()).await?;
    let is_verified = user
        .as_ref()
        .is_some_and(|user| user.email_verified_at.is_some());
    let present = user.and_then(|user| user.email);
    if let (true, false, Some(address)) = (must_verify, is_verified, &present) {
        return Ok(Address::Verified(address.clone()));
    }
    let former = former::find(conn, subject, app.now()).await?;
    let address = former.or(present.filter(|_| is_verified));
    Ok(address.map_or(Address::Nothing, Address::BeforeEnrolment))
}

/// Returns true if a password alone is not enough for a user, whatever a client asks for: nobody is asked for a second
/// factor by the password grant.
pub(crate) async fn is_second_needed(
    app: &App,
    conn: &mut Conn,
    subject: &str,
) -> Result<bool, StoreError> {
    let kinds = factors::kinds(conn, subject).await?;
    let asked = Asked {
        mfa: app.settings().factors.mfa,
        ..Asked::default()
    };
    Ok(Owed::of(&kinds, &asked).least > Acr::Aal1)
}

impl Owed {
    fn of(kinds: &[FactorKind], asked: &Asked<'_>) -> Self {
        let reach = |kind: &FactorKind| match kind {
            FactorKind::Totp => Acr::Aal2,
            FactorKind::Passkey => Acr::Phr,
        };
        let reachable = kinds.iter().map(reach).max().unwrap_or_default();
        // an account with a factor is never entered without one
        let by_account = reachable.min(Acr::Aal2);
        let by_setting = match asked.mfa {
            Mfa::Required => Acr::Aal2,
            Mfa::Off | Mfa::Optional => Acr::Aal1,
        };
        let wished = asked.wished.iter().copied();
        let wished = wished.into_iter().find(|acr| *acr <= reachable);
        let least = [asked.essential, wished].into_iter().flatten();
        let asked_for = least.max().unwrap_or_default();
        Self {
            least: asked_for.max(by_account).max(by_setting),
            asked: asked_for,
            remembered: Vec::new(),
            reachable,
            may_enrol: asked.mfa != Mfa::Off,
            may_add_passkey: asked.mfa != Mfa::Off && asked.has_passkeys,
            address: Address::default(),
        }
    }

    /// Returns the assurance that these proofs have to reach.
    fn least_for(&self, proofs: &Proofs) -> Acr {
        let device = proofs.remembered();
        // it may have been forgotten since
        let is_remembered = device.is_some_and(|id| self.remembered.iter().any(|one| one == id));
        if is_remembered {
            self.asked
        } else {
            self.least
        }
    }

    /// Returns true if these proofs are enough. A code by mail raises no assurance. With a factor of the account it opens
    /// the account all the same, for what asks for no more.
    pub(in crate::login) fn is_paid_by(&self, proofs: &Proofs) -> bool {
        !matches!(self.address, Address::Verified(_)) && self.is_reached_by(proofs)
    }

    /// Returns the address to which a code goes where one is due.
    pub(super) fn into_address(self) -> Option<String> {
        match self.address {
            Address::Nothing => None,
            Address::Verified(address) | Address::BeforeEnrolment(address) => Some(address),
        }
    }

    /// Returns true if whoever has no factor gets the first one.
    fn leads_to_enrolment(&self) -> bool {
        self.may_enrol && self.reachable == Acr::Aal1 && self.least > Acr::Aal1
    }

    fn is_reached_by(&self, proofs: &Proofs) -> bool {
        let reached = proofs.acr();
        let is_by_mail = proofs.begin_with_mail() && proofs.have_factor();
        let is_reached = reached >= self.least_for(proofs) || is_by_mail && reached >= self.asked;
        proofs.first().is_some() && is_reached
    }

    /// Returns the proof that is due after these. The first factor of an account needs a proof that is `fresh`: an open
    /// browser is not enough.
    pub(super) fn due(&self, proofs: &Proofs, now: Timestamp, fresh: Duration) -> Due {
        let Some(first) = proofs.first() else {
            return Due::First;
        };
        let reached = proofs.acr();
        let least = self.least_for(proofs);
        if self.is_reached_by(proofs) {
            return match self.address {
                Address::Verified(_) => Due::Address,
                _ => Due::Nothing,
            };
        }
        // no factor beside it would help
        if proofs.begin_with_mail() && proofs.have_factor() {
            return Due::First;
        }
        // also where it is not enough: nobody without it learns what would be
        if reached < self.reachable && reached < Acr::Aal2 || self.reachable >= least {
            return Due::Second;
        }
        let enrolment = match least {
            Acr::Phr if self.may_add_passkey => Due::PasskeyEnrolment,
            Acr::Aal1 | Acr::Aal2 if self.may_enrol => Due::Enrolment,
            _ => return Due::Unmet,
        };
        let is_old = matches!(first, Proof::BrowserSession { .. }) && now.since(first.at()) > fresh;
        match &self.address {
            _ if is_old => Due::First,
            Address::Verified(_) => Due::Address,
            Address::BeforeEnrolment(address) if !proofs.prove_address(address) => Due::Address,
            _ => enrolment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Acr::{Aal1, Aal2, Phr};
    use FactorKind::{Passkey, Totp};

    const FRESH: Duration = Duration::from_mins(5);

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_900_000_000)
    }

    fn asked(mfa: Mfa, essential: Option<Acr>, wished: &[Acr]) -> Asked<'_> {
        Asked {
            mfa,
            essential,
            wished,
            has_passkeys: false,
        }
    }

    fn password() -> Proofs {
        Proofs::by(Proof::password("h", now()))
    }

    fn both() -> Proofs {
        let mut proofs = password();
        proofs.add(Proof::RecoveryCode { at_micros: 0 });
        proofs
    }

    fn mail(with: &[Proof]) -> Proofs {
        let mut proofs = Proofs::by(Proof::mail_code("a@b.example", now()));
        for proof in with {
            proofs.add(proof.clone());
        }
        proofs
    }

    fn session(amr: &str, age: Duration) -> Proofs {
        Proofs::by(Proof::BrowserSession {
            id: "b".to_owned(),
            amr: amr.to_owned(),
            with_factor: false,
            at_micros: now().minus(age).micros(),
            remembered: None,
        })
    }

    #[test]
    fn i085_a_remembered_device_stands_for_a_factor_where_nobody_else_asks() {
        let with = |device: &str| {
            let mut proofs = password();
            proofs.add(Proof::Remembered {
                device: device.to_owned(),
                at_micros: 0,
            });
            proofs
        };
        let earlier = |device: &str| {
            Proofs::by(Proof::BrowserSession {
                id: "b".to_owned(),
                amr: "pwd".to_owned(),
                with_factor: false,
                at_micros: 0,
                remembered: Some(device.to_owned()),
            })
        };
        for (mfa, essential, wished, due) in [
            (Mfa::Optional, None, &[][..], Due::Nothing),
            (Mfa::Required, None, &[], Due::Nothing),
            (Mfa::Off, None, &[], Due::Nothing),
            (Mfa::Optional, Some(Aal1), &[], Due::Nothing),
            (Mfa::Optional, Some(Aal2), &[], Due::Second),
            (Mfa::Required, Some(Aal2), &[], Due::Second),
            (Mfa::Optional, None, &[Aal2], Due::Second),
            (Mfa::Optional, Some(Phr), &[], Due::Second),
        ] {
            let mut owed = Owed::of(&[Totp], &asked(mfa, essential, wished));
            owed.remembered = vec!["rd-other".to_owned(), "rd-own".to_owned()];
            for proofs in [with("rd-own"), earlier("rd-own")] {
                assert_eq!(
                    owed.due(&proofs, now(), FRESH),
                    due,
                    "{mfa:?} {essential:?}"
                );
                assert_eq!(owed.is_paid_by(&proofs), due == Due::Nothing);
            }
            for proofs in [with("rd-gone"), earlier("rd-gone"), password()] {
                assert_eq!(owed.due(&proofs, now(), FRESH), Due::Second);
                assert!(!owed.is_paid_by(&proofs));
            }
        }
        // alone it proves nobody
        let owed = Owed::of(&[Totp], &asked(Mfa::Optional, None, &[]));
        assert_eq!(owed.due(&Proofs::default(), now(), FRESH), Due::First);
    }

    #[test]
    fn the_least_assurance_by_table() {
        for (kinds, mfa, essential, wished, least) in [
            (&[][..], Mfa::Optional, None, &[][..], Aal1),
            (&[Totp], Mfa::Optional, None, &[], Aal2),
            (&[Totp], Mfa::Off, None, &[], Aal2),
            (&[Passkey], Mfa::Optional, None, &[], Aal2),
            (&[], Mfa::Required, None, &[], Aal2),
            (&[], Mfa::Optional, Some(Aal2), &[], Aal2),
            (&[Totp], Mfa::Optional, Some(Phr), &[], Phr),
            // a wish that cannot be met is none
            (&[], Mfa::Optional, None, &[Aal2], Aal1),
            (&[Totp], Mfa::Optional, None, &[Phr], Aal2),
            (&[Totp], Mfa::Optional, None, &[Phr, Aal2], Aal2),
            (&[Totp], Mfa::Optional, None, &[Aal1], Aal2),
            (&[Totp, Passkey], Mfa::Optional, None, &[Phr], Phr),
            (&[Totp, Passkey], Mfa::Optional, None, &[Aal2, Phr], Aal2),
        ] {
            let owed = Owed::of(kinds, &asked(mfa, essential, wished));
            assert_eq!(
                owed.least, least,
                "{kinds:?} {mfa:?} {essential:?} {wished:?}"
            );
        }
    }

    #[test]
    fn a_passkey_is_added_where_only_that_is_enough() {
        let old = FRESH + Duration::from_secs(1);
        for (kinds, mfa, proofs, due) in [
            (&[][..], Mfa::Optional, password(), Due::PasskeyEnrolment),
            (&[], Mfa::Required, password(), Due::PasskeyEnrolment),
            (&[], Mfa::Off, password(), Due::Unmet),
            (&[], Mfa::Optional, session("pwd", old), Due::First),
            // an account with a factor gets another one only with it
            (&[Totp], Mfa::Optional, password(), Due::Second),
            (&[Totp], Mfa::Optional, both(), Due::PasskeyEnrolment),
            (&[Totp], Mfa::Off, both(), Due::Unmet),
            (
                &[Totp],
                Mfa::Optional,
                session("pwd otp mfa", old),
                Due::First,
            ),
            (&[Totp, Passkey], Mfa::Optional, both(), Due::Second),
        ] {
            let asked = Asked {
                has_passkeys: true,
                ..asked(mfa, Some(Phr), &[])
            };
            let found = Owed::of(kinds, &asked).due(&proofs, now(), FRESH);
            assert_eq!(found, due, "{kinds:?} {mfa:?} {proofs:?}");
        }
        // an application is enough for less
        let asked = Asked {
            has_passkeys: true,
            ..asked(Mfa::Optional, Some(Aal2), &[])
        };
        let found = Owed::of(&[], &asked).due(&password(), now(), FRESH);
        assert_eq!(found, Due::Enrolment);
    }

    #[test]
    fn the_address_that_is_due_by_table() {
        let proven_by = |address: &str| {
            let mut proofs = password();
            proofs.add(Proof::address(address, now()));
            proofs
        };
        let proven = || proven_by("a@b.example");
        let verified = || Address::Verified("a@b.example".to_owned());
        let before = || Address::BeforeEnrolment("a@b.example".to_owned());
        let required = |address| Owed {
            address,
            ..Owed::of(&[], &asked(Mfa::Required, None, &[]))
        };
        let usual = |kinds: &[FactorKind], address| Owed {
            address,
            ..Owed::of(kinds, &asked(Mfa::Optional, None, &[]))
        };
        for (owed, proofs, due) in [
            (usual(&[], verified()), password(), Due::Address),
            (usual(&[], verified()), proven(), Due::Address),
            (usual(&[Totp], verified()), password(), Due::Second),
            (usual(&[Totp], verified()), both(), Due::Address),
            (usual(&[], before()), password(), Due::Nothing),
            (required(Address::Nothing), password(), Due::Enrolment),
            (required(verified()), password(), Due::Address),
            (required(before()), password(), Due::Address),
            (required(before()), proven(), Due::Enrolment),
            // a code to another one, such as the one that has just replaced it
            (required(before()), proven_by("c@b.example"), Due::Address),
            (required(before()), mail(&[]), Due::Enrolment),
            (required(verified()), Proofs::default(), Due::First),
        ] {
            assert_eq!(owed.due(&proofs, now(), FRESH), due, "{owed:?} {proofs:?}");
            assert_eq!(owed.is_paid_by(&proofs), due == Due::Nothing);
        }
    }

    #[test]
    fn the_proof_that_is_due_by_table() {
        let old = FRESH + Duration::from_secs(1);
        let code = [Proof::RecoveryCode { at_micros: 0 }];
        for (kinds, mfa, essential, proofs, due) in [
            (&[][..], Mfa::Optional, None, Proofs::default(), Due::First),
            (&[], Mfa::Optional, None, password(), Due::Nothing),
            (&[Totp], Mfa::Optional, None, Proofs::default(), Due::First),
            (&[Totp], Mfa::Optional, None, password(), Due::Second),
            (&[Totp], Mfa::Off, None, password(), Due::Second),
            (&[Totp], Mfa::Optional, None, both(), Due::Nothing),
            (&[], Mfa::Optional, None, mail(&[]), Due::Nothing),
            (&[Totp], Mfa::Optional, None, mail(&[]), Due::Second),
            (&[Totp], Mfa::Optional, None, mail(&code), Due::Nothing),
            (&[], Mfa::Required, None, mail(&[]), Due::Enrolment),
            (&[Totp], Mfa::Required, None, mail(&code), Due::Nothing),
            // it never reaches more, and the password is asked for
            (&[Totp], Mfa::Optional, Some(Aal2), mail(&[]), Due::Second),
            (&[Totp], Mfa::Optional, Some(Aal2), mail(&code), Due::First),
            (
                &[Passkey],
                Mfa::Optional,
                Some(Phr),
                mail(&code),
                Due::First,
            ),
            (&[], Mfa::Off, Some(Aal2), mail(&[]), Due::Unmet),
            (
                &[Totp],
                Mfa::Optional,
                None,
                session("otp", old),
                Due::Second,
            ),
            (&[], Mfa::Required, None, password(), Due::Enrolment),
            (&[], Mfa::Required, None, session("pwd", old), Due::First),
            (
                &[],
                Mfa::Required,
                None,
                session("pwd", FRESH),
                Due::Enrolment,
            ),
            (&[], Mfa::Optional, Some(Aal2), password(), Due::Enrolment),
            (&[], Mfa::Off, Some(Aal2), password(), Due::Unmet),
            (&[], Mfa::Optional, Some(Phr), password(), Due::Unmet),
            (&[Totp], Mfa::Optional, Some(Phr), password(), Due::Second),
            (&[Totp], Mfa::Optional, Some(Phr), both(), Due::Unmet),
            (&[Passkey], Mfa::Optional, Some(Phr), both(), Due::Second),
            (
                &[Totp],
                Mfa::Optional,
                None,
                session("pwd", old),
                Due::Second,
            ),
            (
                &[Totp],
                Mfa::Optional,
                None,
                session("pwd otp mfa", old),
                Due::Nothing,
            ),
        ] {
            let owed = Owed::of(kinds, &asked(mfa, essential, &[]));
            let found = owed.due(&proofs, now(), FRESH);
            assert_eq!(found, due, "{kinds:?} {mfa:?} {essential:?} {proofs:?}");
            assert_eq!(owed.is_paid_by(&proofs), due == Due::Nothing);
        }
    }
}
