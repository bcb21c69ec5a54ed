//! Proving with a passkey who somebody is.

use rolecall_passkeys::{Assertion, Challenge, Credential, Refusal, UserVerification, Verified};
use serde_json::Value;

use super::{
    relying_party,
    store::{self, KnownPasskey, StoredPasskey},
};
use crate::{
    app::App,
    error::ApiError,
    factors::notices::{FactorNotice, notify},
    store::Conn,
};

/// A passkey that answered right, and whose use is not written yet.
pub(crate) struct RightAnswer {
    passkey: StoredPasskey,
    verified: Verified,
}

/// Returns the options for `navigator.credentials.get`: with one of the passkeys of a user, beside another factor, or with
/// any passkey alone. `None` where there is none that could answer.
pub(crate) async fn options(
    app: &App,
    challenge: &Challenge,
    subject: Option<&str>,
) -> Result<Option<Value>, ApiError> {
    let Ok(server) = relying_party(app) else {
        return Ok(None);
    };
    let Some(subject) = subject else {
        let options = server.request_options(challenge, &[], UserVerification::Required);
        return Ok(Some(options));
    };
    let known = store::list(&mut app.store().read().await?, subject, server.id()).await?;
    let known: Vec<Credential<'_>> = known.iter().map(KnownPasskey::as_credential).collect();
    // without a list, any passkey would be asked for
    Ok((!known.is_empty())
        .then(|| server.request_options(challenge, &known, UserVerification::Discouraged)))
}

/// Checks the answer of a browser, the JSON of a `PublicKeyCredential`; `None` if it is refused. Beside another factor, it
/// must be by a passkey of `subject`.
pub(crate) async fn check(
    app: &App,
    answer: &str,
    challenge: &Challenge,
    (subject, address): (Option<&str>, &str),
) -> Result<Option<RightAnswer>, ApiError> {
    let (Ok(server), Ok(answer)) = (relying_party(app), Assertion::read(answer)) else {
        return Ok(None);
    };
    let id = answer.credential_id();
    let passkey = store::find(&mut app.store().read().await?, id, server.id()).await?;
    let is_theirs = |one: &StoredPasskey| subject.is_none_or(|subject| one.subject_id == subject);
    let Some(passkey) = passkey.filter(is_theirs) else {
        return Ok(None);
    };
    let verification = match subject {
        Some(_) => UserVerification::Discouraged,
        None => UserVerification::Required,
    };
    match server.verify_assertion(&answer, challenge, &passkey.as_passkey(), verification) {
        Ok(verified) => Ok(Some(RightAnswer { passkey, verified })),
        Err(refusal) => {
            if refusal == Refusal::Counter {
                // it was signed with the key: somebody may have a copy of it
                let owner = (passkey.subject_id.as_str(), address);
                app.store()
                    .write(async |conn: &mut Conn| {
                        notify(conn, app, owner, FactorNotice::PasskeyWentBack, "refused").await
                    })
                    .await?;
            }
            Ok(None)
        }
    }
}

impl RightAnswer {
    pub(crate) fn subject(&self) -> &str {
        &self.passkey.subject_id
    }

    pub(crate) fn factor(&self) -> &str {
        &self.passkey.factor_id
    }

    /// Returns the methods of authentication (RFC 8176), separated by spaces. A passkey that verified its user is two
    /// factors: the key, and the PIN or the finger.
    pub(crate) fn methods(&self) -> String {
        let method = self.verified.method();
        if self.verified.is_user_verified {
            format!("{method} user mfa")
        } else {
            method.to_owned()
        }
    }

    /// Writes the use; false if another one was faster.
    pub(crate) async fn record(
        &self,
        app: &App,
        conn: &mut Conn,
        address: &str,
    ) -> Result<bool, ApiError> {
        let now = app.now();
        if !store::record_use(conn, &self.passkey, &self.verified, now).await? {
            return Ok(false);
        }
        if self.verified.went_back {
            let owner = (self.passkey.subject_id.as_str(), address);
            let notice = FactorNotice::SyncedPasskeyWentBack;
            let outcome = "accepted, since the passkey is synced";
            notify(conn, app, owner, notice, outcome).await?;
        }
        Ok(true)
    }
}
