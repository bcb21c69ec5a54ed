//! Checks that a JSON text means the same to every parser: no duplicate members, no deep nesting.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The maximum nesting depth of arrays and objects.
pub(super) const MAX_DEPTH: usize = 16;

/// The error for a text that is not JSON, has a duplicate member or is nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotStrict;

/// Checks `bytes` without building a value.
///
/// Parsers differ in which of two members with the same name they use (RFC 8259 section 4), and escapes can hide that
/// the names are equal. Such a text is refused, at any depth, so that it has only one meaning (RFC 8725 section 2.6).
pub(super) fn check(bytes: &[u8]) -> Result<(), NotStrict> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        remaining_depth: MAX_DEPTH,
    };
    seed.deserialize(&mut deserializer).map_err(|_| NotStrict)?;
    deserializer.end().map_err(|_| NotStrict)
}

/// Visits a value and everything in it.
#[derive(Clone, Copy)]
struct Strict {
    remaining_depth: usize,
}

impl Strict {
    fn one_level_deeper<E: Error>(self) -> Result<Self, E> {
        let remaining = self.remaining_depth.checked_sub(1);
        remaining
            .map(|remaining_depth| Self { remaining_depth })
            .ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with distinct members")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.one_level_deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.one_level_deeper()?;
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if !seen.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// Deserializes the name of a member with its escapes resolved, borrowed if it has none.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn duplicate_members_are_refused_at_any_depth_and_behind_escapes() {
        for duplicate in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":[{"a":1,"b":2,"a":3}]}"#,
            r#"[{"x":{"y":{"":0,"":0}}}]"#,
            r#"{"\/":1,"/":2}"#,
        ] {
            assert_eq!(check(duplicate.as_bytes()), Err(NotStrict), "{duplicate}");
        }
        assert_eq!(
            check(r#"{"a":{"a":1},"b":{"a":2},"A":3}"#.as_bytes()),
            Ok(())
        );
    }

    #[test]
    fn invalid_json_is_refused() {
        for odd in [
            "",
            " ",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "[1,]",
            "NaN",
            "{\"a\":Infinity}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "// c\n{}",
            "\"\\ud800\"",
            "{\"a\":1}\0",
        ] {
            assert_eq!(check(odd.as_bytes()), Err(NotStrict), "{odd:?}");
        }
        assert_eq!(check(b"{\"a\":\"\xff\"}"), Err(NotStrict));
        assert_eq!(
            check(b" {\"a\": [1, -2.5e3, null, true, \"x\"]}\r\n"),
            Ok(())
        );
    }

    #[test]
    fn the_nesting_depth_is_limited() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(MAX_DEPTH).as_bytes()), Ok(()));
        assert_eq!(check(nested(MAX_DEPTH + 1).as_bytes()), Err(NotStrict));
        assert_eq!(check("[".repeat(1_000_000).as_bytes()), Err(NotStrict));
        let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(check(objects(MAX_DEPTH).as_bytes()), Ok(()));
        assert_eq!(check(objects(MAX_DEPTH + 1).as_bytes()), Err(NotStrict));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let strict = check(&bytes).is_ok();
            let json = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            prop_assert!(json || !strict);
        }
    }
}
