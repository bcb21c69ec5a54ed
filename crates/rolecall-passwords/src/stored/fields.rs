//! The fields of a hash string: splitting and decoding.

/// Longer texts are rejected before they are parsed.
pub(super) const MAX_LENGTH: usize = 512;

/// The lengths that a salt may have. Under 8 bytes it protects nothing.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

/// Splits at `$` into exactly `N` fields.
pub(super) fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut fields = text.split('$');
    let mut found = [""; N];
    for slot in &mut found {
        *slot = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

/// Parses digits without a sign and without leading zeros.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Checks whether the length of a salt is within bounds.
pub(super) fn is_valid_salt(salt: &[u8]) -> bool {
    SALT_BYTES.contains(&salt.len())
}

/// Decodes lower-case hexadecimal, which Werkzeug writes.
pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digits = text.bytes().map(|byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    });
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    Some(
        pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

/// Encodes lower-case hexadecimal.
pub(super) fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(*DIGITS.get(usize::from(half)).unwrap_or(&b'0'));
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_or_fewer_fields_are_rejected() {
        assert_eq!(split("a$b$"), Some(["a", "b", ""]));
        assert_eq!(split::<2>("a$b$"), None);
        assert_eq!(split::<4>("a$b$"), None);
        assert_eq!(split(""), Some([""]));
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("4294967295"), Some(u32::MAX));
        for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "4294967296"] {
            assert_eq!(decimal(text), None, "`{text}`");
        }
    }

    #[test]
    fn hexadecimal_has_one_spelling() {
        assert_eq!(decode_hex("00ff7f"), Some(vec![0, 255, 127]));
        assert_eq!(decode_hex(""), Some(Vec::new()));
        for text in ["0", "0F", "0g", "0x00", " 00", "+1"] {
            assert_eq!(decode_hex(text), None, "`{text}`");
        }
    }

    #[test]
    fn salts_under_8_or_over_64_bytes_are_rejected() {
        assert!(!is_valid_salt(&[0; 7]) && !is_valid_salt(&[0; 65]));
        assert!(is_valid_salt(&[0; 8]) && is_valid_salt(&[0; 64]));
    }

    proptest::proptest! {
        #[test]
        fn encoded_hexadecimal_decodes_to_the_same_bytes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            proptest::prop_assert_eq!(decode_hex(&encode_hex(&bytes)), Some(bytes));
        }
    }
}
