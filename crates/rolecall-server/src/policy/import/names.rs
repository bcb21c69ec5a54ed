//! Names of another system, written as names are written here.

use std::{collections::HashMap, fmt::Write as _, hash::Hash};

use rolecall_core::{RESERVED_PREFIX, RoleName};

use super::quoted;

/// Why a name of the source has none here.
pub(super) type Unnamed = String;

/// The name as it would stand here: ASCII letters small, `/` and `:` as `.`, other signs as `-`, letters of
/// other alphabets as `u` and their number. Two names may come to the same: [`Names`] tells them apart.
pub(super) fn spell(text: &str) -> Result<String, Unnamed> {
    if text.is_empty() {
        return Err("a name is empty".to_owned());
    }
    let is_pattern =
        text.contains('*') || text.contains("/:") || (text.contains('{') && text.contains('}'));
    if is_pattern {
        return Err(format!(
            "{} looks like a pattern, and a name stands for itself here",
            quoted(text)
        ));
    }
    let mut spelled = String::new();
    for c in text.chars().take(200) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => spelled.push(c),
            'A'..='Z' => spelled.push(c.to_ascii_lowercase()),
            '/' | ':' => spelled.push('.'),
            c if c.is_ascii() => spelled.push('-'),
            c => {
                let _ = write!(spelled, "u{:04x}", u32::from(c));
            }
        }
    }
    let spelled = spelled.trim_start_matches(['.', '_', '-']);
    if spelled.is_empty() {
        return Err(format!("{} has no letter and no digit", quoted(text)));
    }
    checked(spelled.to_owned())
}

/// The name, if it can stand here.
fn checked(name: String) -> Result<String, Unnamed> {
    if name.starts_with(RESERVED_PREFIX) {
        return Err(format!("{} is a name of rolecall's own", quoted(&name)));
    }
    match name.parse::<RoleName>() {
        Ok(_) => Ok(name),
        Err(_) => Err(format!(
            "{} is longer than the 64 characters that a name may have",
            quoted(&name)
        )),
    }
}

/// Names of one kind, each for one thing of the source alone.
#[derive(Debug)]
pub(super) struct Names {
    kind: &'static str,
    /// A name that means something of its own here, and the one that stands in for it.
    instead: Option<(&'static str, &'static str)>,
    /// By name, what it stands for.
    taken: HashMap<String, String>,
}

impl Names {
    pub(super) fn new(kind: &'static str, instead: Option<(&'static str, &'static str)>) -> Self {
        let taken = HashMap::new();
        Self {
            kind,
            instead,
            taken,
        }
    }

    /// Gives `thing` the name `wanted`, unless another thing has it.
    pub(super) fn give(&mut self, thing: &str, wanted: String) -> Result<String, Unnamed> {
        let wanted = match self.instead {
            Some((name, instead)) if name == wanted => instead.to_owned(),
            _ => checked(wanted)?,
        };
        match self.taken.get(&wanted) {
            Some(other) if other != thing => Err(format!(
                "{} would be called {} here, as {} is already",
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

    /// Names all of `things`, those first whose name stays.
    pub(super) fn give_all<K: Eq + Hash>(
        &mut self,
        things: impl IntoIterator<Item = (K, String, Result<String, Unnamed>)>,
    ) -> HashMap<K, Result<String, Unnamed>> {
        let stays = |(_, thing, wanted): &(K, String, Result<String, Unnamed>)| {
            wanted.as_ref() == Ok(thing)
        };
        let (first, then): (Vec<_>, Vec<_>) = things.into_iter().partition(stays);
        let named = first.into_iter().chain(then).map(|(key, thing, wanted)| {
            let given = wanted.and_then(|wanted| self.give(&thing, wanted));
            (key, given)
        });
        named.collect()
    }

    /// The same for names that are [spelled](spell) and no more.
    pub(super) fn spell_all<'t>(
        &mut self,
        things: impl IntoIterator<Item = &'t str>,
    ) -> HashMap<&'t str, Result<String, Unnamed>> {
        let things = things.into_iter();
        self.give_all(things.map(|thing| (thing, thing.to_owned(), spell(thing))))
    }

    /// That a name is another one here.
    pub(super) fn told(&self, thing: &str, name: &str) -> String {
        format!("{} {} is {} here", self.kind, quoted(thing), quoted(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_by_table() {
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
            assert_eq!(spell(from).as_deref(), Ok(to), "{from}");
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
            assert!(spell(none).is_err(), "{none:?}");
        }
    }

    #[test]
    fn two_things_never_get_one_name_and_the_one_that_has_it_keeps_it() {
        let mut names = Names::new("operation", None);
        let spelled = names.spell_all(["GET", "get", "Get", "POST"]);
        assert_eq!(spelled["get"].as_deref(), Ok("get"));
        assert_eq!(spelled["POST"].as_deref(), Ok("post"));
        let refused = spelled["GET"].clone().unwrap_err();
        assert_eq!(
            refused,
            "`GET` would be called `get` here, as `get` is already"
        );
        assert!(spelled["Get"].is_err());
        assert_eq!(names.give("get", "get".to_owned()).as_deref(), Ok("get"));
        assert_eq!(
            names.told("POST", "post"),
            "operation `POST` is `post` here"
        );
    }

    proptest! {
        #[test]
        fn what_is_spelled_is_a_name_and_spelled_again_the_same(text in ".{0,80}") {
            if let Ok(name) = spell(&text) {
                prop_assert!(rolecall_core::is_name(&name));
                prop_assert_eq!(spell(&name), Ok(name));
            }
        }
    }
}
