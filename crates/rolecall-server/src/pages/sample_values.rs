//! The parts of sample data that all pages share.

use minijinja::Value;

use super::markup::HOSTILE;

/// A text as others could choose it.
pub(super) const TEXT: &str = HOSTILE;

/// The faults that a form can show, by the keys of their texts.
pub(super) const ERRORS: [&str; 14] = [
    "wrong-mail-code",
    "wrong-passkey",
    "second-factor-required",
    "wrong-code",
    "wrong-recovery-code",
    "enrolment-ended",
    "wrong-password",
    "too-many",
    "busy",
    "passwords-differ",
    "password-change-required",
    "wrong-choice",
    "name-taken",
    "wrong-present-password",
];

/// Returns the samples of a page that shows each fault, and one that is as empty as it can be.
pub(super) fn with_empty<const N: usize>(full: [Value; N], empty: Value) -> Vec<Value> {
    full.into_iter().chain([empty]).collect()
}
