//! Names of another system, converted to valid names of permissions, roles and tenants.

use std::{collections::HashMap, fmt::Write as _, hash::Hash};

use rolecall_core::{RESERVED_PREFIX, RoleName};

use crate::source::quoted;

/// The reason why a name of the source cannot be converted.
pub(crate) type Unnamed = String;

/// Names of the source with their converted names.
pub(crate) type Converted<K> = HashMap<K, Result<String, Unnamed>>;

/// Converts a name: ASCII letters become lower case, `/` and `:` become `.`, other signs `-`, and other letters
/// `u` and their code point. Two names may be converted to the same one, which [`Names`] detects.
pub(crate) fn convert(text: &str) -> Result<String, Unnamed> {
    if text.is_empty() {
        return Err("a name is empty".to_owned());
    }
    let is_pattern =
        text.contains('*') || text.contains("/:") || (text.contains('{') && text.contains('}'));
    if is_pattern {
        return Err(format!(
            "{} looks like a pattern, and rolecall compares names literally",
            quoted(text)
        ));
    }
    let mut converted = String::new();
    for c in text.chars().take(200) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => converted.push(c),
            'A'..='Z' => converted.push(c.to_ascii_lowercase()),
            '/' | ':' => converted.push('.'),
            c if c.is_ascii() => converted.push('-'),
            c => {
                let _ = write!(converted, "u{:04x}", u32::from(c));
            }
        }
    }
    let converted = converted.trim_start_matches(['.', '_', '-']);
    if converted.is_empty() {
        return Err(format!("{} has no letter and no digit", quoted(text)));
    }
    validate(converted.to_owned())
}

/// Returns the name if it is valid and not reserved.
fn validate(name: String) -> Result<String, Unnamed> {
    if name.starts_with(RESERVED_PREFIX) {
        return Err(format!("{} is reserved for rolecall", quoted(&name)));
    }
    match name.parse::<RoleName>() {
        Ok(_) => Ok(name),
        Err(_) => Err(format!("{} is longer than 64 characters", quoted(&name))),
    }
}

/// A name with a meaning of its own in rolecall, and its replacement.
pub(crate) type Replacement = Option<(&'static str, &'static str)>;

/// The names of one kind, each of which belongs to one thing of the source.
#[derive(Debug)]
pub(crate) struct Names {
    kind: &'static str,
    replacement: Replacement,
    /// The thing of the source that has each name.
    taken: HashMap<String, String>,
}

impl Names {
    pub(crate) fn new(kind: &'static str, replacement: Replacement) -> Self {
        let taken = HashMap::new();
        Self {
            kind,
            replacement,
            taken,
        }
    }

    /// Assigns the name `wanted` to `thing`, unless another thing has it.
    fn assign(&mut self, thing: &str, wanted: String) -> Result<String, Unnamed> {
        let wanted = match self.replacement {
            Some((name, replacement)) if name == wanted => replacement.to_owned(),
            _ => validate(wanted)?,
        };
        match self.taken.get(&wanted) {
            Some(other) if other != thing => Err(format!(
                "{} would become {}, the same as {}",
                quoted(thing),
                quoted(&wanted),
                quoted(other)
            )),
            _ => {
                self.taken.insert(wanted.clone(), thing.to_owned());
                Ok(wanted)
            }
        }
    }

    /// Assigns the names of all `things`, beginning with those whose name does not change.
    pub(crate) fn assign_all<K: Eq + Hash>(
        &mut self,
        things: impl IntoIterator<Item = (K, String, Result<String, Unnamed>)>,
    ) -> Converted<K> {
        let stays = |(_, thing, wanted): &(K, String, Result<String, Unnamed>)| {
            wanted.as_ref() == Ok(thing)
        };
        let (first, then): (Vec<_>, Vec<_>) = things.into_iter().partition(stays);
        let named = first.into_iter().chain(then).map(|(key, thing, wanted)| {
            let given = wanted.and_then(|wanted| self.assign(&thing, wanted));
            (key, given)
        });
        named.collect()
    }

    /// Converts all names, and assigns those that are not taken.
    pub(crate) fn convert_all<'t>(
        &mut self,
        things: impl IntoIterator<Item = &'t str>,
    ) -> Converted<&'t str> {
        let things = things.into_iter();
        self.assign_all(things.map(|thing| (thing, thing.to_owned(), convert(thing))))
    }

    /// Returns the notice about a name that changes.
    pub(crate) fn notice(&self, thing: &str, name: &str) -> String {
        format!("{} {} becomes {}", self.kind, quoted(thing), quoted(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_converted_as_documented() {
        for (from, to) in [
            ("data1", "data1"),
            ("GET", "get"),
            ("/alice_data/resource1", "alice_data.resource1"),
            ("role:reader", "role.reader"),
            ("a b@c", "a-b-c"),
            ("büro", "bu00fcro"),
            ("a{b", "a-b"),
            ("a}b", "a-b"),
        ] {
            assert_eq!(convert(from).as_deref(), Ok(to), "{from}");
        }
        let long = "a".repeat(65);
        for none in [
            "",
            "*",
            "/",
            "_",
            "/book/:id",
            "/book/{id}",
            "rolecall.x",
            long.as_str(),
        ] {
            assert!(convert(none).is_err(), "{none:?}");
        }
    }

    #[test]
    fn two_things_never_get_the_same_name_and_the_one_that_has_it_keeps_it() {
        let mut names = Names::new("operation", None);
        let converted = names.convert_all(["GET", "get", "Get", "POST"]);
        assert_eq!(converted["get"].as_deref(), Ok("get"));
        assert_eq!(converted["POST"].as_deref(), Ok("post"));
        let refused = converted["GET"].clone().unwrap_err();
        assert_eq!(refused, "`GET` would become `get`, the same as `get`");
        assert!(converted["Get"].is_err());
        assert_eq!(names.assign("get", "get".to_owned()).as_deref(), Ok("get"));
        assert_eq!(
            names.notice("POST", "post"),
            "operation `POST` becomes `post`"
        );
    }

    proptest! {
        #[test]
        fn a_converted_name_is_valid_and_stays_the_same_when_converted_again(text in ".{0,80}") {
            if let Ok(name) = convert(&text) {
                prop_assert!(rolecall_core::is_name(&name));
                prop_assert_eq!(convert(&name), Ok(name));
            }
        }
    }
}
