//! Canonical base64url without padding, as JOSE uses it (RFC 7515 section 2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes bytes without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes canonical text; returns `None` for padding, white space, another alphabet and non-zero trailing bits.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_canonical_text_is_decoded() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for odd in [
            "_-8=", "/+8", "_-8 ", " _-8", "_-\n8", "_-9", "_-8\0", "_", "_-8_-", "%2D", "é",
        ] {
            assert_eq!(decode(odd), None, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn decoded_text_is_encoded_to_the_same_text(text in "[A-Za-z0-9_=+/ -]{0,24}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn encoded_bytes_are_decoded_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
