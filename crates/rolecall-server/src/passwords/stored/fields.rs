//! The pieces that hash strings are made of.

/// Longest and shortest salt that is taken: under 8 bytes protects nothing.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

/// The `N` fields between `$`, no more and no fewer.
pub(super) fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut fields = text.split('$');
    let mut found = [""; N];
    for slot in &mut found {
        *slot = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

/// Digits only, no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Whether a salt is long enough to tell two users apart and short enough to be one.
pub(super) fn is_salt(salt: &[u8]) -> bool {
    SALT_BYTES.contains(&salt.len())
}

/// Lower-case hexadecimal, as Werkzeug writes it.
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

/// Lower-case hexadecimal.
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
    fn neither_more_nor_fewer_fields_are_taken() {
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
    fn salts_under_eight_bytes_are_none() {
        assert!(!is_salt(&[0; 7]) && !is_salt(&[0; 65]));
        assert!(is_salt(&[0; 8]) && is_salt(&[0; 64]));
    }

    proptest::proptest! {
        #[test]
        fn hexadecimal_comes_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            proptest::prop_assert_eq!(decode_hex(&encode_hex(&bytes)), Some(bytes));
        }
    }
}
