//! Client secrets: made here and shown once, or brought along from another system, and stored as a hash.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_passwords::{Password, PasswordPolicy};
use secrecy::SecretString;

use crate::ids::{self, NoRandomness};

/// Tells scanners for secrets what it is.
const PREFIX: &str = "rcs_";

/// A new secret of 256 random bits. Nobody can guess it, so a fast hash of it is enough.
pub(crate) fn generate() -> Result<SecretString, NoRandomness> {
    Ok(format!("{PREFIX}{}", ids::random_token(256)?).into())
}

/// The fewest and the most characters of a secret that another system made.
const BROUGHT_LENGTHS: std::ops::RangeInclusive<usize> = 32..=256;
/// The fewest different characters of such a secret. Of 2^40 random secrets of 32 hexadecimal digits, less than one has
/// fewer.
const FEWEST_DIFFERENT: usize = 6;

/// Checks a secret that another system made for the client `name`. It is stored as a fast hash, so nobody may be able to
/// guess it: a random one passes, a chosen one hardly does.
///
/// # Errors
///
/// The rule that it breaks. The text does not contain the secret.
pub(crate) fn check_brought(secret: &str, name: &str) -> Result<(), String> {
    if !BROUGHT_LENGTHS.contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("32 to 256 printable ASCII characters without spaces are needed".to_owned());
    }
    let different: std::collections::BTreeSet<u8> = secret.bytes().collect();
    if different.len() < FEWEST_DIFFERENT {
        return Err("it consists of too few different characters".to_owned());
    }
    let policy = PasswordPolicy::default();
    let password = Password::new(secret.to_owned());
    let checked = password.and_then(|password| policy.check(&password, name));
    checked.map_err(|_| "it can be guessed: let the client have a new one".to_owned())
}

/// Returns the hash of a secret that the database stores.
pub(crate) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}

/// Returns `true` if a secret is one of those stored. It compares with each, in constant time.
pub(crate) fn is_one_of<'a>(secret: &str, stored: impl IntoIterator<Item = &'a str>) -> bool {
    let hash = hash(secret);
    let same = |stored: &str| subtle::ConstantTimeEq::ct_eq(stored.as_bytes(), hash.as_bytes());
    let mut found = subtle::Choice::from(0);
    for stored in stored {
        found |= same(stored);
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn y129_only_a_random_secret_may_be_brought_along() {
        for secret in [
            "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11",
            "dGhpcyBpcyBub3QgYSBzZWNyZXQgb2Yg",
            "8c1f4b0e9a7d2c3f5b6e8d9c0a1f2b3e",
            "Zk9~pQ!w$3xV-_Rb(7m)Tn+Yc=8s,L.aE",
        ] {
            assert_eq!(check_brought(secret, "shop"), Ok(()), "{secret}");
        }
        for secret in [
            "",
            "secret",
            "5f1a0c3e0d4b4a7e9a572f6f0f0e7a1",
            "with a space 5f1a0c3e0d4b4a7e9a572f",
            "\u{e4}5f1a0c3e0d4b4a7e9a572f6f0f0e7a11",
            &"a".repeat(40),
            &"ab1".repeat(20),
            &"shop".repeat(10),
            &"changeme".repeat(4),
            "abcdefghijklmnopqrstuvwxyz0123456789",
            &"x1".repeat(200),
        ] {
            let refused = check_brought(secret, "shop").unwrap_err();
            assert!(secret.is_empty() || !refused.contains(secret), "{refused}");
        }
    }

    #[test]
    fn a_secret_matches_its_own_hash_and_no_other() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        let stored = [hash(one.expose_secret())];
        let stored = || stored.iter().map(String::as_str);
        assert!(is_one_of(one.expose_secret(), stored()));
        assert!(!is_one_of(other.expose_secret(), stored()));
        assert!(!is_one_of("", stored()));
        assert!(!is_one_of(one.expose_secret(), []));
        assert!(one.expose_secret().len() >= 43 + PREFIX.len());
    }
}
