//! The part of CBOR (RFC 8949) that authenticators use: definite lengths, integers of 64 bits, no tags, no floats. An
//! attestation object comes from anyone who can reach the page, so that nothing beyond that is read at all.

use crate::Refusal;

/// The deepest nesting: an attestation object contains a statement, which contains a list of certificates.
const MAX_DEPTH: usize = 4;
/// The most entries of an array or a map.
const MAX_ENTRIES: u64 = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    /// Reads one value that takes up all the bytes.
    pub(crate) fn read_all(bytes: &'a [u8], name: &'static str) -> Result<Self, Refusal> {
        let (value, rest) = Self::read(bytes, name)?;
        if rest.is_empty() {
            Ok(value)
        } else {
            Err(Refusal::Malformed(name))
        }
    }

    /// Reads one value, and returns the bytes after it.
    pub(crate) fn read(bytes: &'a [u8], name: &'static str) -> Result<(Self, &'a [u8]), Refusal> {
        let mut reader = Reader(bytes);
        let value = reader.value(0).ok_or(Refusal::Malformed(name))?;
        Ok((value, reader.0))
    }

    pub(crate) fn as_map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let &[first] = self.take(1)? else {
            return None;
        };
        let (major, additional) = (first >> 5, first & 0b1_1111);
        if major == 7 {
            return match additional {
                20 => Some(Value::Bool(false)),
                21 => Some(Value::Bool(true)),
                22 => Some(Value::Null),
                _ => None,
            };
        }
        let argument = self.argument(additional)?;
        match major {
            0 => i64::try_from(argument).ok().map(Value::Integer),
            1 => Some(Value::Integer(-1 - i64::try_from(argument).ok()?)),
            2 => self.take(argument).map(Value::Bytes),
            3 => {
                let text = std::str::from_utf8(self.take(argument)?).ok()?;
                Some(Value::Text(text))
            }
            4 => self.array(argument, depth),
            5 => self.map(argument, depth),
            _ => None,
        }
    }

    fn argument(&mut self, additional: u8) -> Option<u64> {
        let length = match additional {
            0..24 => return Some(additional.into()),
            24..28 => 1_u64 << (additional - 24),
            _ => return None,
        };
        let bytes = self.take(length)?.iter();
        Some(bytes.fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
    }

    fn array(&mut self, length: u64, depth: usize) -> Option<Value<'a>> {
        check_limits(length, depth)?;
        let entries = (0..length).map(|_| self.value(depth + 1));
        entries.collect::<Option<_>>().map(Value::Array)
    }

    fn map(&mut self, length: u64, depth: usize) -> Option<Value<'a>> {
        check_limits(length, depth)?;
        let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        for _ in 0..length {
            let key = self.value(depth + 1)?;
            let is_simple = matches!(key, Value::Integer(_) | Value::Text(_));
            // of two entries with one key, two readers may take different ones
            if !is_simple || entries.iter().any(|(earlier, _)| *earlier == key) {
                return None;
            }
            entries.push((key, self.value(depth + 1)?));
        }
        Some(Value::Map(entries))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

fn check_limits(length: u64, depth: usize) -> Option<()> {
    (length <= MAX_ENTRIES && depth < MAX_DEPTH).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Value<'_>> {
        Value::read_all(bytes, "data").ok()
    }

    #[test]
    fn the_examples_of_rfc_8949_are_read() {
        let integers = [
            (&[0x00][..], 0),
            (&[0x17], 23),
            (&[0x18, 0x18], 24),
            (&[0x19, 0x03, 0xe8], 1000),
            (&[0x1a, 0x00, 0x0f, 0x42, 0x40], 1_000_000),
            (
                &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0],
                1_000_000_000_000,
            ),
            (&[0x20], -1),
            (&[0x38, 0x63], -100),
            (&[0x39, 0x01, 0x00], -257),
        ];
        for (bytes, value) in integers {
            assert_eq!(read(bytes), Some(Value::Integer(value)));
        }
        assert_eq!(
            read(b"\x44\x01\x02\x03\x04"),
            Some(Value::Bytes(&[1, 2, 3, 4]))
        );
        assert_eq!(read(b"\x64IETF"), Some(Value::Text("IETF")));
        let (one, two) = (Value::Integer(1), Value::Integer(2));
        assert_eq!(
            read(b"\x82\x01\x02"),
            Some(Value::Array(vec![one.clone(), two.clone()]))
        );
        assert_eq!(read(b"\xa1\x01\x02"), Some(Value::Map(vec![(one, two)])));
        assert_eq!(read(b"\xf4"), Some(Value::Bool(false)));
        assert_eq!(read(b"\xf6"), Some(Value::Null));
    }

    #[test]
    fn i091_nothing_beyond_definite_plain_values_is_read() {
        let refused: [&[u8]; 14] = [
            b"",
            b"\x18",                                 // no argument
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", // beyond 64 bits with a sign
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x5f\x41\x01\xff",     // indefinite bytes
            b"\x9f\x01\xff",         // indefinite array
            b"\xbf\x01\x02\xff",     // indefinite map
            b"\xc0\x00",             // a tag
            b"\xf9\x00\x00",         // a float
            b"\xf7",                 // undefined
            b"\x62\xff\xff",         // not UTF-8
            b"\xa2\x01\x02\x01\x03", // a key twice
            b"\xa1\x41\x01\x02",     // bytes as a key
            b"\x01\x02",             // trailing bytes
        ];
        for bytes in refused {
            assert_eq!(read(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn i091_lengths_and_depths_are_bounded_before_anything_is_reserved() {
        assert_eq!(read(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(read(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        let of_32 = [&[0x98, 32][..], &[0; 32]].concat();
        let of_33 = [&[0x98, 33][..], &[0; 33]].concat();
        assert!(read(&of_32).is_some() && read(&of_33).is_none());
        assert!(read(b"\x81\x81\x81\x81\x00").is_some());
        assert_eq!(read(b"\x81\x81\x81\x81\x81\x00"), None);
        assert_eq!(read(&[0x81; 4096]), None);
        assert_eq!(
            read(&[&[0xa1, 0x00].repeat(2000)[..], b"\x00"].concat()),
            None
        );
    }
}
