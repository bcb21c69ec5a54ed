//! Font files in the format WOFF2 (<https://www.w3.org/TR/WOFF2/>), as far as a style sheet has to know them.

/// The longest header: the fixed part. The directory of tables follows.
const HEADER: usize = 48;
/// The tables of glyphs, whose transformation is the rule and not the exception.
const TRANSFORMED: [u8; 2] = [10, 11];
/// The table that a font with several weights has.
const VARIATIONS: u8 = 47;
/// The mark of a table whose name is spelled out.
const OTHER: u8 = 63;

/// Returns true for a font with several weights, and `None` for what is no font.
pub(super) fn has_weights(bytes: &[u8]) -> Option<bool> {
    let length = u32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
    if !bytes.starts_with(b"wOF2") || usize::try_from(length).ok()? != bytes.len() {
        return None;
    }
    let tables = u16::from_be_bytes(bytes.get(12..14)?.try_into().ok()?);
    let mut directory = bytes.get(HEADER..)?.iter().copied();
    let mut has_weights = false;
    for _ in 0..tables {
        let flags = directory.next()?;
        let (table, version) = (flags & 0x3f, flags >> 6);
        if table == OTHER {
            directory.nth(3)?;
        }
        read_number(&mut directory)?;
        let plain = if TRANSFORMED.contains(&table) { 3 } else { 0 };
        if version != plain {
            read_number(&mut directory)?;
        }
        has_weights |= table == VARIATIONS;
    }
    (tables > 0).then_some(has_weights)
}

/// Reads a `UIntBase128`.
fn read_number(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut number = 0_u32;
    for _ in 0..5 {
        let byte = bytes.next()?;
        number = number.checked_mul(128)? | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a file with these entries in its directory, and nothing in its tables.
    pub(in crate::pages) fn font(tables: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"wOF2\0\x01\0\0".to_vec();
        let length = HEADER + tables.concat().len();
        bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
        bytes.extend(u16::try_from(tables.len()).unwrap().to_be_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(tables.concat());
        bytes
    }

    #[test]
    fn the_directory_says_whether_a_font_has_weights() {
        let (name, glyphs, places): (&[u8], &[u8], &[u8]) =
            (&[5, 0x81, 0x00], &[10, 9, 8], &[0x0b | 0xc0, 9]);
        for (tables, wanted) in [
            (vec![name, glyphs, places], false),
            (vec![name, glyphs, places, &[47, 8]], true),
            (
                vec![&[63, b'a', b'b', b'c', b'd', 8], &[0x2f | 0x40, 8, 8]],
                true,
            ),
            // the length of another table
            (vec![&[5, 47]], false),
        ] {
            assert_eq!(has_weights(&font(&tables)), Some(wanted), "{tables:?}");
        }
    }

    #[test]
    fn what_is_no_font_or_is_cut_off_is_refused() {
        let whole = font(&[&[5, 8], &[47, 8]]);
        for end in 0..whole.len() {
            assert_eq!(has_weights(&whole[..end]), None, "{end}");
        }
        let mut other = whole.clone();
        other[3] = b'F';
        for wrong in [
            &other[..],
            &[&whole[..], b"x"].concat(),
            b"",
            b"\0\x01\0\0",
            &font(&[]),
        ] {
            assert_eq!(has_weights(wrong), None);
        }
        // a number never ends
        assert_eq!(
            has_weights(&font(&[&[5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]])),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(0_u8.., 0..80)) {
            let mut file = font(&[&bytes]);
            let _ = has_weights(&file);
            file[13] = 9;
            let _ = has_weights(&file);
        }
    }
}
