//! Client secrets: made here, shown once, stored as a hash.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;

use crate::ids::{self, NoRandomness};

/// Tells scanners for secrets what it is.
const PREFIX: &str = "rcs_";

/// A new secret of 256 random bits. Nobody can guess it, so a fast hash of it is enough.
pub(crate) fn generate() -> Result<SecretString, NoRandomness> {
    Ok(format!("{PREFIX}{}", ids::random_token(256)?).into())
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
