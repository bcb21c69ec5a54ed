//! Checks, in the transaction that signs somebody in, that what they have proven still holds.

use rolecall_core::{Acr, Timestamp};

use super::{
    proof::{Proof, fingerprint, has_factor},
    proven::Proven,
};
use crate::{
    accounts::{
        former,
        store::{self as accounts, User},
    },
    factors::store as factors,
    login::browser::store::{self as browsers, BrowserSession},
    store::{Conn, StoreError},
};

/// Returns true if every proof still holds; `current` is the session of the browser.
pub(super) async fn all_hold(
    conn: &mut Conn,
    proven: &Proven,
    current: Option<&BrowserSession>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    for proof in proven.proofs() {
        if !holds(conn, (proven.subject(), proof), current, now).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if the address with this fingerprint is the proven one of the user.
async fn is_proven_address(
    conn: &mut Conn,
    subject: &str,
    proven: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user = accounts::find_user(conn, subject, now).await?;
    let address = user.as_ref().and_then(User::proven_email);
    Ok(address.is_some_and(|address| fingerprint(address) == proven))
}

async fn holds(
    conn: &mut Conn,
    (subject, proof): (&str, &Proof),
    current: Option<&BrowserSession>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match proof {
        Proof::Password {
            fingerprint: proven,
            ..
        } => {
            let hash = accounts::find_active_hash(conn, subject).await?;
            match hash.filter(|hash| fingerprint(hash) == *proven) {
                // writes the row, so that a change of the password waits for this session and ends it
                Some(hash) => accounts::confirm_password(conn, subject, &hash, None).await,
                None => Ok(false),
            }
        }
        Proof::MailCode {
            fingerprint: proven,
            ..
        } => is_proven_address(conn, subject, proven, now).await,
        Proof::Address {
            fingerprint: proven,
            ..
        } => {
            let former = former::find(conn, subject, now).await?;
            let is_former = former.is_some_and(|address| fingerprint(&address) == *proven);
            Ok(is_former || is_proven_address(conn, subject, proven, now).await?)
        }
        Proof::BrowserSession {
            id,
            amr,
            with_factor,
            at_micros,
            ..
        } => {
            let session = current.filter(|session| session.id == *id);
            let session = session.filter(|session| session.subject_id == subject);
            // another window may have renewed it since, and must not have done so with less
            let acr = |amr: &str| Acr::of_methods(amr.split(' '));
            let is_enough = session.is_some_and(|session| {
                acr(&session.amr) >= acr(amr)
                    && (has_factor(&session.credentials) || !with_factor)
                    && session.auth_time.micros() >= *at_micros
            });
            Ok(is_enough && browsers::touch(conn, id, now).await?)
        }
        Proof::Totp { factor, .. } | Proof::Passkey { factor, .. } => {
            factors::is_confirmed(conn, factor, subject).await
        }
        // it was used up when it was typed; a device is among what is owed
        Proof::RecoveryCode { .. } | Proof::Remembered { .. } => Ok(true),
    }
}
