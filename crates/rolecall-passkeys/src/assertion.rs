//! Signing in with a passkey (WebAuthn 7.2).

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::{
    Challenge, Refusal, RelyingParty, UserVerification,
    answer::{Answer, decode},
    authenticator_data::AuthenticatorData,
    cbor::Value,
    client_data,
    cose::PublicKey,
};

/// The answer of a passkey, read and not verified. Its id finds the [`Passkey`] that verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    credential_id: Vec<u8>,
    user_handle: Option<Vec<u8>>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
}

/// A passkey of a user, as it was kept.
#[derive(Clone, Copy, Debug)]
pub struct Passkey<'a> {
    /// Its id.
    pub credential_id: &'a [u8],
    /// Its `COSE_Key`.
    pub public_key: &'a [u8],
    /// The handle of the user to whom it belongs.
    pub user_handle: &'a [u8],
    /// The counter of the last answer.
    pub counter: u32,
    /// True if the key may be copied to other devices of the user.
    pub is_backup_eligible: bool,
    /// True if the authenticator has checked its user before: when the passkey was added, or beside another factor. A
    /// finder can set a PIN on a security key that had none, and could then sign in with it alone.
    pub has_verified_user: bool,
}

/// A passkey proved who its user is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations occur"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// True if the authenticator checked a PIN or a fingerprint, and is known to do so.
    pub is_user_verified: bool,
    /// The new value of [`Passkey::has_verified_user`].
    pub has_verified_user: bool,
    /// The new value of [`Passkey::counter`].
    pub counter: u32,
    /// True if the counter went back. That is normal for a copied passkey, which has one counter on each device; for others
    /// it is refused.
    pub went_back: bool,
    /// True if the key may be on several devices.
    pub is_synced: bool,
    /// True if a copy exists.
    pub is_backed_up: bool,
}

impl Verified {
    /// Returns the method of authentication (RFC 8176): `swk` for a key that may be copied, `hwk` for one bound to a device.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        if self.is_synced { "swk" } else { "hwk" }
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    signature: String,
    #[serde(rename = "userHandle")]
    user_handle: Option<String>,
}

impl Assertion {
    /// Reads an answer in the JSON of `PublicKeyCredential.toJSON`. Nothing in it is proven yet.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it is no such JSON, or too long.
    pub fn read(json: &str) -> Result<Self, Refusal> {
        let answer = Answer::<Response>::read(json)?;
        let response = &answer.response;
        let user_handle = response.user_handle.as_deref();
        Ok(Self {
            credential_id: answer.credential_id()?,
            user_handle: user_handle
                .map(|handle| decode(handle, "userHandle"))
                .transpose()?,
            client_data: decode(&response.client_data, "clientDataJSON")?,
            authenticator_data: decode(&response.authenticator_data, "authenticatorData")?,
            signature: decode(&response.signature, "signature")?,
        })
    }

    /// Returns the id of the passkey that claims to have answered.
    #[must_use]
    pub fn credential_id(&self) -> &[u8] {
        &self.credential_id
    }
}

impl RelyingParty {
    /// Verifies the answer to [`request_options`](Self::request_options).
    ///
    /// With [`UserVerification::Required`] the passkey is the only proof: it must name its user and have checked them. Beside
    /// another factor, it may leave both out.
    ///
    /// # Errors
    ///
    /// [`Refusal`] names the check that failed. The challenge is spent nevertheless.
    pub fn verify_assertion(
        &self,
        answer: &Assertion,
        challenge: &Challenge,
        passkey: &Passkey<'_>,
        verification: UserVerification,
    ) -> Result<Verified, Refusal> {
        let is_alone = verification == UserVerification::Required;
        if answer.credential_id != passkey.credential_id {
            return Err(Refusal::WrongCredential);
        }
        check_user(answer.user_handle.as_deref(), passkey, is_alone)?;
        client_data::check(&answer.client_data, "webauthn.get", self, challenge)?;
        let data = AuthenticatorData::read(&answer.authenticator_data, self)?;
        if data.attested.is_some() {
            return Err(Refusal::Flags);
        }
        let key = Value::read_all(passkey.public_key, "public key")?;
        let client_data_hash = digest(&SHA256, &answer.client_data);
        let signed = [&answer.authenticator_data, client_data_hash.as_ref()].concat();
        PublicKey::read(&key)?.verify(&signed, &answer.signature)?;
        // from here on it is the authenticator that speaks
        if data.is_backup_eligible != passkey.is_backup_eligible {
            return Err(Refusal::BackupEligibility);
        }
        let is_user_verified = data.is_user_verified && passkey.has_verified_user;
        if is_alone && !is_user_verified {
            return Err(Refusal::UserNotVerified);
        }
        let went_back =
            data.counter <= passkey.counter && (data.counter, passkey.counter) != (0, 0);
        if went_back && !data.is_backed_up {
            return Err(Refusal::Counter);
        }
        Ok(Verified {
            is_user_verified,
            has_verified_user: passkey.has_verified_user || data.is_user_verified,
            counter: data.counter.max(passkey.counter),
            went_back,
            is_synced: data.is_backup_eligible,
            is_backed_up: data.is_backed_up,
        })
    }
}

/// The answer may leave out the user where the passkey is one of a list (WebAuthn 7.2 step 6).
fn check_user(stated: Option<&[u8]>, passkey: &Passkey<'_>, is_alone: bool) -> Result<(), Refusal> {
    let is_right = match stated {
        Some(handle) => handle.ct_eq(passkey.user_handle).into(),
        None => !is_alone,
    };
    if is_right {
        Ok(())
    } else {
        Err(Refusal::WrongUser)
    }
}
