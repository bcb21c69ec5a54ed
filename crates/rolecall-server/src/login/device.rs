//! Device tokens: the proof that somebody has logged in to an account from this client before.
//!
//! A device token gives no access. It separates the owner of an account from strangers who guess its password: a device
//! that is known has failures and turns of its own. And it confirms a reset code that an administrator has made, if it
//! was made since the account got its present password and name. It is signed and bound to one user, so nothing about it
//! is stored until it fails.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;

use super::known_store::Holder;

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

/// Names the user by their name. None are made any more, and those that exist expire: a name can pass to another user.
const BY_NAME: u8 = 1;
/// Names the user by their id, and the epoch of the account.
const BY_ID: u8 = 2;
const ID: usize = 16;
const TIME: usize = 8;
const EPOCH: usize = 8;
const MAC: usize = 32;

/// A device as its token names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    id: [u8; ID],
    issued_at: i64,
    /// The epoch of the account when the token was made; `None` for a token that names the user by their name.
    epoch: Option<i64>,
}

/// The account that a device token may be for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    /// The keyed hash of the name under which failures are counted.
    pub(crate) name: &'a str,
    /// The user who has the name; `None` if nobody does.
    pub(crate) holder: Option<&'a Holder>,
}

impl Device {
    /// A device that has not been seen before.
    pub(crate) fn new(now: Timestamp, epoch: i64) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut id = [0; ID];
        aws_lc_rs::rand::fill(&mut id)?;
        Ok(Self {
            id,
            issued_at: now.seconds(),
            epoch: Some(epoch),
        })
    }

    /// Returns the device that `token` proves for `account`.
    pub(crate) fn verify(
        key: &hmac::Key,
        token: &str,
        account: Account<'_>,
        now: Timestamp,
    ) -> Option<Self> {
        let (device, mac) = decode(token)?;
        let named = match device.epoch {
            None => account.name,
            Some(_) => account.holder?.id.as_str(),
        };
        hmac::verify(key, &device.message(named), &mac).ok()?;
        let issued_at = Timestamp::from_seconds(device.issued_at);
        let is_current = issued_at <= now.plus(LEEWAY) && now < issued_at.plus(LIFETIME);
        is_current.then_some(device)
    }

    /// Returns true if its token was made since the account of `holder` got its present password and name.
    pub(crate) fn is_of_today(&self, holder: &Holder) -> bool {
        self.epoch == Some(holder.epoch)
    }

    /// Returns the token that proves this device for the user with the id `subject`.
    pub(crate) fn token(&self, key: &hmac::Key, subject: &str) -> String {
        let mac = hmac::sign(key, &self.message(subject));
        let token = [self.claims().as_slice(), mac.as_ref()].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(token))
    }

    /// Returns the same device with a new token if its token gets old, or was made before the account got its present
    /// password or name.
    pub(crate) fn renewed(self, now: Timestamp, holder: &Holder) -> Option<Self> {
        let is_old = now >= Timestamp::from_seconds(self.issued_at).plus(RENEW_AFTER);
        (is_old || !self.is_of_today(holder)).then_some(Self {
            issued_at: now.seconds(),
            epoch: Some(holder.epoch),
            ..self
        })
    }

    /// Returns the name under which the database knows the device. The token cannot be made from it.
    pub(crate) fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.id).as_ref())
    }

    /// Returns what a token says before its MAC.
    fn claims(&self) -> Vec<u8> {
        let version = if self.epoch.is_some() { BY_ID } else { BY_NAME };
        let mut claims = vec![version];
        claims.extend(self.issued_at.to_be_bytes());
        claims.extend(self.id);
        claims.extend(self.epoch.map(i64::to_be_bytes).into_iter().flatten());
        claims
    }

    /// The claims have a length of their own for each version, so that what follows them cannot be taken for a claim.
    fn message(&self, named: &str) -> Vec<u8> {
        [CONTEXT, &self.claims(), named.as_bytes()].concat()
    }
}

/// Returns the name of the device that a token claims. The id is secret and random: knowing the name of the device of
/// a session proves the device.
pub(crate) fn claimed_name(token: &str) -> Option<String> {
    decode(token).map(|(device, _)| device.name())
}

fn decode(token: &str) -> Option<(Device, [u8; MAC])> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (time, rest) = rest.split_first_chunk::<TIME>()?;
    let (id, rest) = rest.split_first_chunk::<ID>()?;
    let (epoch, mac) = match *version {
        BY_NAME => (None, rest),
        BY_ID => {
            let (epoch, mac) = rest.split_first_chunk::<EPOCH>()?;
            (Some(i64::from_be_bytes(*epoch)), mac)
        }
        _ => return None,
    };
    let device = Device {
        id: *id,
        issued_at: i64::from_be_bytes(*time),
        epoch,
    };
    Some((device, mac.try_into().ok()?))
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

    fn holder(id: &str, epoch: i64) -> Holder {
        let id = id.to_owned();
        Holder { id, epoch }
    }

    /// Verifies `token` for a user with an id, whose name is of no account.
    fn verify(byte: u8, token: &str, id: &str, at: Timestamp) -> Option<Device> {
        let holder = Some(&holder(id, 0));
        let account = Account { name: "", holder };
        Device::verify(&key(byte), token, account, at)
    }

    #[test]
    fn y044_a_device_token_proves_one_account_under_one_key() {
        let device = Device::new(at(0), 0).unwrap();
        let token = device.token(&key(1), "alice");
        assert_eq!(verify(1, &token, "alice", at(1)), Some(device));
        assert_eq!(verify(1, &token, "bob", at(1)), None);
        assert_eq!(verify(2, &token, "alice", at(1)), None);
        assert_eq!(claimed_name(&token), Some(device.name()));
        assert!(!token.contains(&device.name()));
    }

    #[test]
    fn y044_no_changed_byte_of_a_device_token_is_accepted() {
        let token = Device::new(at(0), 0).unwrap().token(&key(1), "alice");
        let bytes = URL_SAFE_NO_PAD.decode(&token[PREFIX.len()..]).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(verify(1, &changed, "alice", at(1)), None);
        }
        for wrong in [
            "",
            PREFIX,
            &token[1..],
            &token[..token.len() - 2],
            &format!("{token}AA"),
        ] {
            assert_eq!(verify(1, wrong, "alice", at(1)), None);
        }
    }

    #[test]
    fn y044_a_device_token_expires_and_is_renewed_before() {
        let device = Device::new(at(0), 0).unwrap();
        let token = device.token(&key(1), "alice");
        let day = 86_400;
        for (seconds, known) in [
            (-301, false),
            (-300, true),
            (180 * day - 1, true),
            (180 * day, false),
        ] {
            let found = verify(1, &token, "alice", at(seconds));
            assert_eq!(found.is_some(), known, "{seconds}");
        }
        let alice = holder("alice", 0);
        assert_eq!(device.renewed(at(30 * day - 1), &alice), None);
        let renewed = device.renewed(at(30 * day), &alice).unwrap();
        assert_eq!(renewed.name(), device.name());
        assert_ne!(renewed.token(&key(1), "alice"), token);
    }

    #[test]
    fn y470_a_device_of_another_epoch_is_known_and_proves_no_owner() {
        let device = Device::new(at(0), 4).unwrap();
        let token = device.token(&key(1), "alice");
        for epoch in [3, 5] {
            let alice = holder("alice", epoch);
            let account = Account {
                name: "",
                holder: Some(&alice),
            };
            let found = Device::verify(&key(1), &token, account, at(1)).unwrap();
            assert!(!found.is_of_today(&alice), "{epoch}");
            let renewed = found.renewed(at(1), &alice).unwrap();
            assert!(renewed.is_of_today(&alice), "{epoch}");
            assert_eq!(renewed.name(), device.name());
        }
        assert!(device.is_of_today(&holder("alice", 4)));
    }

    #[test]
    fn y470_a_token_by_name_is_known_by_the_name_and_proves_no_owner() {
        let old = Device {
            epoch: None,
            ..Device::new(at(0), 0).unwrap()
        };
        let token = old.token(&key(1), "name of alice");
        let alice = holder("alice", 0);
        let account = |name| Account {
            name,
            holder: Some(&alice),
        };
        let found = Device::verify(&key(1), &token, account("name of alice"), at(1));
        let found = found.unwrap();
        assert!(!found.is_of_today(&alice));
        assert!(found.renewed(at(1), &alice).unwrap().is_of_today(&alice));
        let other = Device::verify(&key(1), &token, account("name of bob"), at(1));
        assert_eq!(other, None);
        // the id of a user cannot be passed off as a name, nor the other way round
        let by_id = old.renewed(at(0), &alice).unwrap().token(&key(1), "alice");
        let nobody = Account {
            name: "alice",
            holder: None,
        };
        assert_eq!(Device::verify(&key(1), &by_id, nobody, at(1)), None);
    }
}
