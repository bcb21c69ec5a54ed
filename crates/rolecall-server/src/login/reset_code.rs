//! Codes with which a reset password is replaced by a new one: each has 128 bits, works once and for a day.

use std::time::Duration;

use aws_lc_rs::digest;
use rolecall_core::Timestamp;

use crate::{accounts::store::Credentials, ids, times::CLOCKS_APART};

/// The lifetime of a reset code.
pub(crate) const RESET_CODE_LIFETIME: Duration = Duration::from_hours(24);

/// Compares the text with the user's reset code, which has 128 bits and needs no slow hash.
pub(super) fn is_reset_code(found: &Credentials, typed: &str, now: Timestamp) -> bool {
    // one that a clock ahead has made does not live longer for that
    let latest = now.plus(RESET_CODE_LIFETIME).plus(CLOCKS_APART);
    let alive = found
        .reset_expires_at
        .is_some_and(|end| end > now && end <= latest);
    match (&found.reset_code_hash, ids::canonical_reset_code(typed)) {
        (Some(stored), Some(code)) if alive => bool::from(subtle::ConstantTimeEq::ct_eq(
            stored.as_bytes(),
            hash_reset_code(&code).as_bytes(),
        )),
        _ => false,
    }
}

/// Returns the hash of a reset code that the database stores.
pub(crate) fn hash_reset_code(canonical: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}
