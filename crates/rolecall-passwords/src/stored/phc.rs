//! The PHC string format: `$id$v=19$name=value,..$salt$hash`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::fields::{MAX_LENGTH, decimal};

/// The parts of a PHC string, with salt and hash decoded.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Phc<'text> {
    /// The scheme, such as `argon2id`.
    pub(super) id: &'text str,
    /// The number after `v=`, if there is one.
    pub(super) version: Option<u32>,
    parameters: Vec<(&'text str, u32)>,
    /// Random bytes.
    pub(super) salt: Vec<u8>,
    /// The output of the scheme.
    pub(super) hash: Vec<u8>,
}

impl<'text> Phc<'text> {
    /// Parses a string; `None` if it does not have exactly this form.
    pub(super) fn parse(text: &'text str) -> Option<Self> {
        if text.len() > MAX_LENGTH || !text.is_ascii() {
            return None;
        }
        let mut parts = text.strip_prefix('$')?.split('$').peekable();
        let id = parts.next()?;
        let version = match parts.next_if(|part| part.starts_with("v=")) {
            Some(part) => Some(decimal(part.strip_prefix("v=")?)?),
            None => None,
        };
        let parameters = parameters(parts.next()?)?;
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self {
            id,
            version,
            parameters,
            salt,
            hash,
        })
    }

    /// Returns the values of the parameters `names` in this order; `None` if one is missing or
    /// the string has another one.
    pub(super) fn parameters<const N: usize>(&self, names: [&str; N]) -> Option<[u32; N]> {
        if self.parameters.len() != N {
            return None;
        }
        let mut values = [0; N];
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.parameters.iter().find(|(given, _)| *given == name)?.1;
        }
        Some(values)
    }
}

/// Encodes a salt or an output.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

fn parameters(part: &str) -> Option<Vec<(&str, u32)>> {
    let mut found: Vec<(&str, u32)> = Vec::new();
    for parameter in part.split(',') {
        let (name, value) = parameter.split_once('=')?;
        if found.iter().any(|(known, _)| *known == name) {
            return None;
        }
        found.push((name, decimal(value)?));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_parsed() {
        let phc = Phc::parse("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA").unwrap();
        assert_eq!((phc.id, phc.version), ("argon2id", Some(19)));
        assert_eq!(phc.parameters(["t", "m", "p"]), Some([2, 19456, 1]));
        assert_eq!((&*phc.salt, &*phc.hash), (&b"saltsalt"[..], &b"hash"[..]));
    }

    #[test]
    fn the_version_may_be_missing() {
        let phc = Phc::parse("$argon2i$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA").unwrap();
        assert_eq!(phc.version, None);
    }

    #[test]
    fn unexpected_parameters_are_not_ignored() {
        let phc = Phc::parse("$argon2id$v=19$m=8,t=1,p=1,keyid=1$c2FsdHNhbHQ$aGFzaA").unwrap();
        assert_eq!(phc.parameters(["m", "t", "p"]), None);
        let phc = Phc::parse("$argon2id$v=19$m=8,t=1,x=1$c2FsdHNhbHQ$aGFzaA").unwrap();
        assert_eq!(phc.parameters(["m", "t", "p"]), None);
    }

    #[test]
    fn malformed_strings_are_rejected() {
        for text in [
            "",
            "$",
            "argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id",
            "$argon2id$v=19",
            "$argon2id$v=19$m=8,t=1,p=1",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA$",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA=",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaB",
            "$argon2id$v=19$m=8,t=1,p=1$c2Fs dHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=8,m=9,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=+8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=08,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=4294967296,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=x$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFz\u{e9}",
        ] {
            assert_eq!(Phc::parse(text), None, "`{text}` was accepted");
        }
        assert_eq!(Phc::parse(&"$argon2id".repeat(100)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}|\\$[a-z0-9$=,/+]{0,80}") {
            let _ = Phc::parse(&text);
        }
    }
}
