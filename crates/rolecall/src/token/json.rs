//! The check that JSON reads the same to everyone: no member twice, no deep nesting.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many arrays and objects may lie in one another.
pub(super) const MAX_DEPTH: usize = 16;

/// The text is not JSON, names a member twice or nests too deep.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotStrict;

/// Checks `bytes` and keeps nothing.
///
/// Parsers differ in which of two equal members wins (RFC 8259 section 4), and escapes hide that two
/// are equal: such a text is refused, at any depth (RFC 8725 section 2.6 asks for one reading).
pub(super) fn check(bytes: &[u8]) -> Result<(), NotStrict> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict { left: MAX_DEPTH };
    seed.deserialize(&mut deserializer).map_err(|_| NotStrict)?;
    deserializer.end().map_err(|_| NotStrict)
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1);
        left.map(|left| Self { left })
            .ok_or_else(|| E::custom("nested too deep"))
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
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key_seed(Name)? {
            if !seen.insert(name) {
                return Err(A::Error::custom("a member twice"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A member's name, with its escapes resolved, borrowed where it has none.
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
        f.write_str("a member's name")
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
    fn a_member_twice_is_refused_at_any_depth_and_behind_escapes() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":[{"a":1,"b":2,"a":3}]}"#,
            r#"[{"x":{"y":{"":0,"":0}}}]"#,
            r#"{"\/":1,"/":2}"#,
        ] {
            assert_eq!(check(twice.as_bytes()), Err(NotStrict), "{twice}");
        }
        assert_eq!(
            check(r#"{"a":{"a":1},"b":{"a":2},"A":3}"#.as_bytes()),
            Ok(())
        );
    }

    #[test]
    fn what_is_not_one_json_text_is_refused() {
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
    fn nesting_is_bounded() {
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
