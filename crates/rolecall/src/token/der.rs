//! A parser for the few DER structures that keys need (X.690 section 8.1).

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Reads the modulus and exponent of an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1).
pub(super) fn read_public_key(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, rest) = read_element(der, SEQUENCE)?;
    let (n, body) = read_element(body, INTEGER)?;
    let (e, body) = read_element(body, INTEGER)?;
    let minimal = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    (rest.is_empty() && body.is_empty()).then(|| (minimal(n), minimal(e)))
}

/// Returns true if `der` is one `SEQUENCE` without trailing bytes, which parsers of private keys ignore.
pub(super) fn is_one_sequence(der: &[u8]) -> bool {
    read_element(der, SEQUENCE).is_some_and(|(_, rest)| rest.is_empty())
}

/// Splits `der` into the content of its first element, which must have `tag`, and the bytes after that element.
fn read_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (*first == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_read() {
        let n = [&[0, 0x80][..], &[7; 198]].concat();
        let numbers = [&[2, 0x81, 200][..], &n, &[2, 3, 1, 0, 1]].concat();
        let der = [&[0x30, 0x81, 208][..], &numbers].concat();
        let (modulus, exponent) = read_public_key(&der).unwrap();
        assert_eq!(
            (modulus.as_slice(), exponent.as_slice()),
            (&n[1..], &[1, 0, 1][..])
        );
        assert!(is_one_sequence(&der));
    }

    #[test]
    fn truncated_extended_and_other_structures_are_refused() {
        let der = [0x30, 8, 2, 1, 5, 2, 3, 1, 0, 1];
        assert!(read_public_key(&der).is_some());
        for end in 0..der.len() {
            assert_eq!(read_public_key(&der[..end]), None);
            assert!(!is_one_sequence(&der[..end]));
        }
        let longer = [&der[..], &[0]].concat();
        assert!(read_public_key(&longer).is_none() && !is_one_sequence(&longer));
        for odd in [
            &[0x31, 8, 2, 1, 5, 2, 3, 1, 0, 1][..],
            &[0x30, 8, 4, 1, 5, 2, 3, 1, 0, 1],
            &[0x30, 3, 2, 1, 5],
            &[0x30, 0x80, 2, 1, 5, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x82, 0xff],
        ] {
            assert_eq!(read_public_key(odd), None);
        }
    }
}
