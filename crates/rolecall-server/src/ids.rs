//! Ids, random secrets and reset codes.
//!
//! Randomness comes from the operating system, through aws-lc-rs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall_core::Timestamp;

/// The operating system provided no random bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the operating system provided no random bytes")]
pub struct NoRandomness;

/// The alphabet of reset codes: digits and letters that cannot be confused.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters of a reset code without its dashes, with 5 bits each.
const RESET_CODE_LETTERS: usize = 26;

/// Generates an id: a UUID version 7 (RFC 9562), so that ids sort by creation time.
///
/// ```
/// use rolecall_core::Timestamp;
/// use rolecall_server::ids::new_id;
///
/// let id = new_id(Timestamp::from_seconds(1_700_000_000))?;
/// assert!(id.starts_with("018bcfe5-6800-7"));
/// # Ok::<(), rolecall_server::ids::NoRandomness>(())
/// ```
///
/// # Errors
///
/// [`NoRandomness`].
pub fn new_id(now: Timestamp) -> Result<String, NoRandomness> {
    let milliseconds = u64::try_from(now.micros() / 1000).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random_bytes()?).into_uuid();
    Ok(id.hyphenated().to_string())
}

/// Returns true if `text` has the form of an id: a UUID with hyphens, in any case.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == uuid::fmt::Hyphenated::LENGTH && uuid::Uuid::try_parse(text).is_ok()
}

/// The longest id that another system may have given.
const MAX_BROUGHT_ID: usize = 128;

/// Checks the id of a user or client that another system gave. Like one that is made here, it needs no encoding in a path,
/// a header or a file name.
///
/// ```
/// use rolecall_server::ids::check_brought_id;
///
/// assert!(check_brought_id("5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11").is_ok());
/// assert!(check_brought_id("42").is_ok());
/// assert!(check_brought_id("auth0|42").is_err());
/// ```
///
/// # Errors
///
/// The rule that it breaks.
pub fn check_brought_id(id: &str) -> Result<(), &'static str> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins_well = id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if id.len() > MAX_BROUGHT_ID || !begins_well || !id.bytes().all(is_safe) {
        return Err(
            "an id is 1 to 128 of the characters a-z, A-Z, 0-9, `-`, `_` and `.`, and begins with a letter or digit",
        );
    }
    // the client of tokens that no client asked for, and names to come
    if id == "rolecall" || id.starts_with("rolecall.") {
        return Err("ids that begin with `rolecall` are reserved");
    }
    Ok(())
}

/// Generates a random secret of at least `bits` bits, as base64url without padding.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn random_token(bits: usize) -> Result<String, NoRandomness> {
    let mut bytes = vec![0; bits.div_ceil(8)];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Generates `N` random bytes.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Generates a number with so many random digits, at most 10, which may begin with zeros.
pub(crate) fn digits(count: u32) -> Result<String, NoRandomness> {
    let number = u64::from_le_bytes(random_bytes()?) % 10_u64.pow(count.min(10));
    let width = usize::try_from(count.min(10)).unwrap_or_default();
    Ok(format!("{number:0width$}"))
}

/// Generates a one-time code of 130 random bits that is easy to read and type, such as `7k2m9-q4xta-...`;
/// [`canonical_reset_code`] parses it.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn new_reset_code() -> Result<String, NoRandomness> {
    new_spoken_code(RESET_CODE_LETTERS)
}

/// Generates a code with so many letters of 5 random bits, in groups of five.
pub(crate) fn new_spoken_code(letters: usize) -> Result<String, NoRandomness> {
    let mut bytes = vec![0; letters];
    fill(&mut bytes)?;
    let mut code = String::with_capacity(letters + letters / 5);
    for (position, byte) in bytes.iter().enumerate() {
        // no letter stands alone
        if position % 5 == 0 && position > 0 && position + 1 < letters {
            code.push('-');
        }
        // 256 is a multiple of 32, so that all letters are equally likely
        code.push(
            ALPHABET
                .get(usize::from(byte % 32))
                .map_or('0', |letter| char::from(*letter)),
        );
    }
    Ok(code)
}

/// Returns the canonical form of a typed reset code, which is hashed and compared: lower case, without dashes and
/// spaces, with `0` for `o` and `1` for `i` and `l`. Returns `None` if the text cannot be a reset code.
///
/// ```
/// use rolecall_server::ids::{canonical_reset_code, new_reset_code};
///
/// let code = new_reset_code()?;
/// assert_eq!(canonical_reset_code(&code), canonical_reset_code(&code.to_uppercase()));
/// assert_eq!(canonical_reset_code("guess"), None);
/// # Ok::<(), rolecall_server::ids::NoRandomness>(())
/// ```
#[must_use]
pub fn canonical_reset_code(typed: &str) -> Option<String> {
    canonical_code(typed, RESET_CODE_LETTERS)
}

/// Returns the canonical form of a code with so many letters.
pub(crate) fn canonical_code(typed: &str, letters: usize) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed
        .chars()
        .filter(|letter| !matches!(letter, '-' | ' '))
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            letter => letter,
        })
        .collect();
    let readable = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (readable && code.len() == letters).then_some(code)
}

fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let mut last = String::new();
        for second in [0, 1, 1_700_000_000, 4_000_000_000] {
            let id = new_id(Timestamp::from_seconds(second)).unwrap();
            let parsed = uuid::Uuid::parse_str(&id).unwrap();
            assert_eq!(parsed.get_version_num(), 7);
            assert_eq!(parsed.get_variant(), uuid::Variant::RFC4122);
            assert!(id > last);
            last = id;
        }
    }

    #[test]
    fn y130_a_brought_id_means_one_thing_wherever_it_is_written() {
        for id in [
            "1",
            "a",
            "A.b_c-D",
            "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11",
            &"x".repeat(128),
        ] {
            assert!(check_brought_id(id).is_ok(), "{id}");
        }
        for id in [
            "",
            ".",
            "..",
            "-a",
            "_a",
            "a b",
            "a/b",
            "a%2fb",
            "a?b",
            "a|b",
            "a@b",
            "a:b",
            "a,b",
            "a\n",
            "\u{e4}",
            "rolecall",
            "rolecall.admin",
            &"x".repeat(129),
        ] {
            assert!(check_brought_id(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn times_outside_the_range_of_uuids_cause_no_panic() {
        assert!(new_id(Timestamp::from_seconds(-5)).is_ok());
        assert!(new_id(Timestamp::MAX).is_ok());
    }

    #[test]
    fn o014_ids_tokens_and_reset_codes_are_unique() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            assert!(seen.insert(new_id(now).unwrap()));
            assert!(seen.insert(random_token(128).unwrap()));
            assert!(seen.insert(new_reset_code().unwrap()));
        }
    }

    #[test]
    fn a_token_has_at_least_the_requested_bits() {
        assert_eq!(random_token(128).unwrap().len(), 22);
        assert_eq!(random_token(256).unwrap().len(), 43);
        assert_eq!(random_token(1).unwrap().len(), 2);
    }

    #[test]
    fn a_reset_code_is_recognized_in_every_spelling() {
        let code = new_reset_code().unwrap();
        let canonical = canonical_reset_code(&code).unwrap();
        assert_eq!(code.matches('-').count(), 4);
        assert_eq!(canonical.len(), 26);
        for typed in [
            code.to_uppercase(),
            code.replace('-', " "),
            code.replace('-', ""),
            format!(" {code} "),
            code.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(canonical_reset_code(&typed).as_ref(), Some(&canonical));
        }
    }

    #[test]
    fn text_that_cannot_be_a_reset_code_is_refused() {
        let code = canonical_reset_code(&new_reset_code().unwrap()).unwrap();
        for typed in [
            String::new(),
            code[1..].to_owned(),
            format!("{code}0"),
            format!("{}u", &code[1..]),
            format!("{}\u{e9}", &code[2..]),
            "0".repeat(1_000_000),
        ] {
            assert_eq!(canonical_reset_code(&typed), None);
        }
    }
}
