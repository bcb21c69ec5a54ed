//! The statement of the authenticator (WebAuthn 6.1).

use crate::{Refusal, RelyingParty, cbor::Value, cose::PublicKey};

const NAME: &str = "authenticatorData";
const HEADER: usize = 37;
/// WebAuthn 6.5.1 has no longer ones, and 7.1 refuses them; an id has 100 random bits or more in at least 16 bytes.
const CREDENTIAL_ID: std::ops::RangeInclusive<usize> = 16..=1023;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENDED: u8 = 1 << 7;

/// What an authenticator states with each answer.
#[derive(Debug)]
pub(crate) struct AuthenticatorData<'a> {
    pub(crate) is_user_verified: bool,
    pub(crate) is_backup_eligible: bool,
    pub(crate) is_backed_up: bool,
    pub(crate) counter: u32,
    /// `None` when a passkey signs somebody in.
    pub(crate) attested: Option<Attested<'a>>,
}

/// A new passkey.
#[derive(Debug)]
pub(crate) struct Attested<'a> {
    pub(crate) model: [u8; 16],
    pub(crate) credential_id: &'a [u8],
    /// The `COSE_Key`, which [`PublicKey::read`] accepts.
    pub(crate) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads a statement about a passkey of `server`.
    pub(crate) fn read(bytes: &'a [u8], server: &RelyingParty) -> Result<Self, Refusal> {
        let (header, rest) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or(Refusal::Malformed(NAME))?;
        let (id_hash, state) = header.split_at(32);
        let &[flags, ref counter @ ..] = state else {
            return Err(Refusal::Malformed(NAME));
        };
        let counter = counter.try_into().map_err(|_| Refusal::Malformed(NAME))?;
        if id_hash != server.id_hash() {
            return Err(Refusal::WrongRelyingParty);
        }
        let has = |flag| flags & flag != 0;
        if !has(USER_PRESENT) {
            return Err(Refusal::UserAbsent);
        }
        if has(BACKED_UP) && !has(BACKUP_ELIGIBLE) {
            return Err(Refusal::Flags);
        }
        let (attested, rest) = if has(ATTESTED) {
            let (attested, rest) = Attested::read(rest)?;
            (Some(attested), rest)
        } else {
            (None, rest)
        };
        check_extensions(rest, has(EXTENDED))?;
        Ok(Self {
            is_user_verified: has(USER_VERIFIED),
            is_backup_eligible: has(BACKUP_ELIGIBLE),
            is_backed_up: has(BACKED_UP),
            counter: u32::from_be_bytes(counter),
            attested,
        })
    }
}

impl<'a> Attested<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Refusal> {
        const MALFORMED: Refusal = Refusal::Malformed(NAME);
        let (model, bytes) = bytes.split_first_chunk::<16>().ok_or(MALFORMED)?;
        let (length, bytes) = bytes.split_first_chunk::<2>().ok_or(MALFORMED)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !CREDENTIAL_ID.contains(&length) {
            return Err(Refusal::CredentialId);
        }
        let (credential_id, bytes) = bytes.split_at_checked(length).ok_or(MALFORMED)?;
        let (key, rest) = Value::read(bytes, NAME)?;
        PublicKey::read(&key)?;
        let key_length = bytes.len() - rest.len();
        let public_key = bytes.get(..key_length).ok_or(MALFORMED)?;
        let attested = Self {
            model: *model,
            credential_id,
            public_key,
        };
        Ok((attested, rest))
    }
}

/// Nothing is asked for by extensions, so that their answers are read past.
fn check_extensions(bytes: &[u8], are_stated: bool) -> Result<(), Refusal> {
    if !are_stated {
        return match bytes {
            [] => Ok(()),
            _ => Err(Refusal::Flags),
        };
    }
    let extensions = Value::read_all(bytes, NAME)?;
    match extensions.as_map() {
        Some(entries) if entries.iter().all(|(key, _)| matches!(key, Value::Text(_))) => Ok(()),
        _ => Err(Refusal::Malformed(NAME)),
    }
}
