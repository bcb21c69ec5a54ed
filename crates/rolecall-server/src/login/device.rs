//! Device tokens: the proof that somebody has logged in to an account from this client before.
//!
//! A device token gives no access. It only separates the owner of an account from strangers who guess its password: a
//! device that is known has failures and turns of its own. It is signed and bound to one account, so nothing about it
//! is stored until it fails.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;

/// The beginning of each token.
const PREFIX: &str = "rcd_";
/// The time for which a device is known after its token was issued.
const LIFETIME: Duration = Duration::from_hours(180 * 24);
/// The age at which a login gets another token for the same device.
const RENEW_AFTER: Duration = Duration::from_hours(30 * 24);
/// A clock that was set back, or that of another node, may be this far behind.
const LEEWAY: Duration = Duration::from_mins(5);

/// Begins the input of each MAC. No user name begins with this byte, since it occurs in no UTF-8 text: the same key
/// signs user names.
const CONTEXT: &[u8] = b"\xffrolecall device token";

const VERSION: u8 = 1;
const ID: usize = 16;
const TIME: usize = 8;
const MAC: usize = 32;
const LENGTH: usize = 1 + TIME + ID + MAC;

/// A device as its token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    id: [u8; ID],
    issued_at: i64,
}

impl Device {
    /// A device that has not been seen before.
    pub(crate) fn new(now: Timestamp) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut id = [0; ID];
        aws_lc_rs::rand::fill(&mut id)?;
        Ok(Self {
            id,
            issued_at: now.seconds(),
        })
    }

    /// Returns the device that `token` proves for `account`.
    pub(crate) fn verify(
        key: &hmac::Key,
        token: &str,
        account: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let (device, mac) = decode(token)?;
        hmac::verify(key, &device.message(account), &mac).ok()?;
        let issued_at = Timestamp::from_seconds(device.issued_at);
        let is_current = issued_at <= now.plus(LEEWAY) && now < issued_at.plus(LIFETIME);
        is_current.then_some(device)
    }

    /// Returns the token that proves this device for `account`.
    pub(crate) fn token(&self, key: &hmac::Key, account: &str) -> String {
        let mac = hmac::sign(key, &self.message(account));
        let parts: [&[u8]; 4] = [
            &[VERSION],
            &self.issued_at.to_be_bytes(),
            &self.id,
            mac.as_ref(),
        ];
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(parts.concat()))
    }

    /// Returns the same device with a new token if its token gets old.
    pub(crate) fn renewed(self, now: Timestamp) -> Option<Self> {
        let is_old = now >= Timestamp::from_seconds(self.issued_at).plus(RENEW_AFTER);
        is_old.then_some(Self {
            issued_at: now.seconds(),
            ..self
        })
    }

    /// Returns the name under which the database knows the device. The token cannot be made from it.
    pub(crate) fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.id).as_ref())
    }

    fn message(&self, account: &str) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            CONTEXT,
            &[VERSION],
            &self.issued_at.to_be_bytes(),
            &self.id,
            account.as_bytes(),
        ];
        parts.concat()
    }
}

/// Returns the name of the device that a token claims. The id is secret and random: knowing the name of the device of
/// a session proves the device.
pub(crate) fn claimed_name(token: &str) -> Option<String> {
    decode(token).map(|(device, _)| device.name())
}

fn decode(token: &str) -> Option<(Device, [u8; MAC])> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
    let (version, rest) = bytes.split_first()?;
    let (time, rest) = rest.split_first_chunk::<TIME>()?;
    let (id, mac) = rest.split_first_chunk::<ID>()?;
    let device = Device {
        id: *id,
        issued_at: i64::from_be_bytes(*time),
    };
    (*version == VERSION).then_some((device, mac.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_900_000_000 + seconds)
    }

    #[test]
    fn y044_a_device_token_proves_one_account_under_one_key() {
        let device = Device::new(at(0)).unwrap();
        let token = device.token(&key(1), "alice");
        assert_eq!(
            Device::verify(&key(1), &token, "alice", at(1)),
            Some(device)
        );
        assert_eq!(Device::verify(&key(1), &token, "bob", at(1)), None);
        assert_eq!(Device::verify(&key(2), &token, "alice", at(1)), None);
        assert_eq!(claimed_name(&token), Some(device.name()));
        assert!(!token.contains(&device.name()));
    }

    #[test]
    fn y044_no_changed_byte_of_a_device_token_is_accepted() {
        let token = Device::new(at(0)).unwrap().token(&key(1), "alice");
        let bytes = URL_SAFE_NO_PAD.decode(&token[PREFIX.len()..]).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(Device::verify(&key(1), &changed, "alice", at(1)), None);
        }
        for wrong in [
            "",
            PREFIX,
            &token[1..],
            &token[..token.len() - 2],
            &format!("{token}AA"),
        ] {
            assert_eq!(Device::verify(&key(1), wrong, "alice", at(1)), None);
        }
    }

    #[test]
    fn y044_a_device_token_expires_and_is_renewed_before() {
        let device = Device::new(at(0)).unwrap();
        let token = device.token(&key(1), "alice");
        let day = 86_400;
        for (seconds, known) in [
            (-301, false),
            (-300, true),
            (180 * day - 1, true),
            (180 * day, false),
        ] {
            let found = Device::verify(&key(1), &token, "alice", at(seconds));
            assert_eq!(found.is_some(), known, "{seconds}");
        }
        assert_eq!(device.renewed(at(30 * day - 1)), None);
        let renewed = device.renewed(at(30 * day)).unwrap();
        assert_eq!(renewed.name(), device.name());
        assert_ne!(renewed.token(&key(1), "alice"), token);
    }
}
