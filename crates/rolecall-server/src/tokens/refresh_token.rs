//! Refresh tokens: opaque to clients, and nowhere in the database.
//!
//! A token names a session and a generation, and carries a MAC over both, the salt of the session's row and
//! the era, under a key derived from the master key. Neither the database nor the key alone gives a token, the
//! same successor can be made again for a client that lost the answer, and a new era ends them all.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::vault::{MasterKey, VaultError};

/// Tells scanners for secrets what it is.
const PREFIX: &str = "rcr_";
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const MAC: usize = 32;

/// A parsed refresh token, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    key: [u8; KEY_ID],
    session: Uuid,
    generation: u64,
    mac: [u8; MAC],
}

impl RefreshToken {
    /// Reads a token as it was sent; `None` for whatever cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk::<KEY_ID>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<8>()?;
        (*version == VERSION).then_some(Self {
            key: *key,
            session: Uuid::from_bytes(*session),
            generation: u64::from_be_bytes(*generation),
            // exactly as long as it is, so that nothing follows
            mac: mac.try_into().ok()?,
        })
    }

    /// The id of the session that it claims to belong to.
    pub(crate) fn session(&self) -> String {
        self.session.hyphenated().to_string()
    }

    /// Which of the session's tokens it claims to be.
    pub(crate) fn generation(&self) -> i64 {
        i64::try_from(self.generation).unwrap_or(i64::MAX)
    }

    fn encode(&self) -> String {
        let parts: [&[u8]; 5] = [
            &[VERSION],
            &self.key,
            self.session.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.mac,
        ];
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(parts.concat()))
    }
}

/// The session that a refresh token is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) session: &'a str,
    pub(crate) generation: i64,
    pub(crate) salt: &'a str,
    pub(crate) era: &'a str,
}

/// The keys of refresh tokens: the first makes them, all verify them.
pub(crate) struct RefreshKeys(Vec<([u8; KEY_ID], hmac::Key)>);

impl RefreshKeys {
    /// The keys that belong to these master keys, the present one first.
    pub(crate) fn of<'a>(
        masters: impl IntoIterator<Item = &'a MasterKey>,
    ) -> Result<Self, VaultError> {
        let mut keys = Vec::new();
        for master in masters {
            let fingerprint = master.fingerprint()?;
            let id = fingerprint.as_bytes().first_chunk::<KEY_ID>();
            let id = *id.ok_or(VaultError::Seal)?;
            keys.push((id, master.mac_key("refresh-token")?));
        }
        Ok(Self(keys))
    }

    /// Returns the only token of this session and generation; `None` if the session id is not one of ours.
    pub(crate) fn token(&self, binding: &Binding<'_>) -> Option<String> {
        let (id, key) = self.0.first()?;
        let session = Uuid::parse_str(binding.session).ok()?;
        let generation = u64::try_from(binding.generation).ok()?;
        let tag = hmac::sign(key, &message(*id, session, generation, binding));
        let mac = tag.as_ref().try_into().ok()?;
        let token = RefreshToken {
            key: *id,
            session,
            generation,
            mac,
        };
        Some(token.encode())
    }

    /// Returns `true` if the token was issued for this session, in any generation.
    pub(crate) fn verify(&self, token: &RefreshToken, salt: &str, era: &str) -> bool {
        let session = token.session();
        let binding = Binding {
            session: &session,
            generation: token.generation(),
            salt,
            era,
        };
        let Some((id, key)) = self.0.iter().find(|(id, _)| *id == token.key) else {
            return false;
        };
        let message = message(*id, token.session, token.generation, &binding);
        hmac::verify(key, &message, &token.mac).is_ok()
    }
}

/// Returns the input of the MAC. Each part has a fixed length or is preceded by it.
fn message(key: [u8; KEY_ID], session: Uuid, generation: u64, binding: &Binding<'_>) -> Vec<u8> {
    let length = |text: &str| (text.len() as u64).to_be_bytes();
    let parts: [&[u8]; 9] = [
        b"rolecall refresh token",
        &[VERSION],
        &key,
        session.as_bytes(),
        &generation.to_be_bytes(),
        &length(binding.salt),
        binding.salt.as_bytes(),
        &length(binding.era),
        binding.era.as_bytes(),
    ];
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "018bcfe5-6800-7000-8000-000000000001";

    fn keys() -> RefreshKeys {
        let master: MasterKey = "5c7e0b1a".repeat(8).parse().unwrap();
        RefreshKeys::of([&master]).unwrap()
    }

    fn binding() -> Binding<'static> {
        Binding {
            session: SESSION,
            generation: 3,
            salt: "salt",
            era: "era",
        }
    }

    #[test]
    fn a_token_is_verified_with_what_it_was_made_for() {
        let text = keys().token(&binding()).unwrap();
        let token = RefreshToken::parse(&text).unwrap();
        assert_eq!(token.session(), SESSION);
        assert_eq!(token.generation(), 3);
        assert!(keys().verify(&token, "salt", "era"));
        assert_eq!(keys().token(&binding()).unwrap(), text, "the same again");
    }

    #[test]
    fn another_salt_era_or_master_key_does_not_verify_it() {
        let token = RefreshToken::parse(&keys().token(&binding()).unwrap()).unwrap();
        assert!(!keys().verify(&token, "other", "era"));
        assert!(!keys().verify(&token, "salt", "other"));
        assert!(!keys().verify(&token, "salte", "ra"), "a moved border");
        let other: MasterKey = "5c7e0b1b".repeat(8).parse().unwrap();
        assert!(
            !RefreshKeys::of([&other])
                .unwrap()
                .verify(&token, "salt", "era")
        );
    }

    #[test]
    fn an_older_master_key_verifies_beside_the_present_one() {
        let old: MasterKey = "5c7e0b1a".repeat(8).parse().unwrap();
        let new: MasterKey = "5c7e0b1b".repeat(8).parse().unwrap();
        let token = RefreshToken::parse(&keys().token(&binding()).unwrap()).unwrap();
        assert!(
            RefreshKeys::of([&new, &old])
                .unwrap()
                .verify(&token, "salt", "era")
        );
    }

    #[test]
    fn a_token_of_another_length_is_none() {
        let text = keys().token(&binding()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&text[PREFIX.len()..]).unwrap();
        assert_eq!(bytes.len(), 61);
        for length in (0..61).chain([62, 93, 10_000]) {
            let mut other = bytes.clone();
            other.resize(length, 0);
            let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(other));
            assert!(RefreshToken::parse(&text).is_none(), "{length}");
        }
    }

    #[test]
    fn no_changed_byte_is_verified() {
        let text = keys().token(&binding()).unwrap();
        let bytes = URL_SAFE_NO_PAD
            .decode(text.strip_prefix(PREFIX).unwrap())
            .unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            let accepted = RefreshToken::parse(&text)
                .is_some_and(|token| keys().verify(&token, "salt", "era"));
            assert!(!accepted, "byte {place}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_read() {
        let text = keys().token(&binding()).unwrap();
        for wrong in [
            String::new(),
            PREFIX.to_owned(),
            text.replace(PREFIX, ""),
            format!("{text}A"),
            format!("{text}="),
            text[..text.len() - 1].to_owned(),
            format!(" {text}"),
        ] {
            assert!(RefreshToken::parse(&wrong).is_none(), "{wrong:?}");
        }
    }
}
