//! Floors, by which a guard refuses tokens that were issued before something was revoked.
//!
//! Every token carries the revision (`rev`) from which it was issued. When a role is unassigned, a session ends or a
//! client loses a scope, the server writes a [`Floor`]: tokens with that role, session or client and a lower `rev`
//! are refused from then on.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Revision, Timestamp};

/// The claim that a floor compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloorKind {
    /// All tokens of a subject (`sub`).
    Subject,
    /// All tokens that a client requested (`client_id`).
    Client,
    /// All tokens that carry a role (`roles`).
    Role,
    /// All tokens of a session (`sid`).
    Sid,
    /// A single token (`jti`).
    Jti,
}

impl FloorKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 5] = [
        Self::Subject,
        Self::Client,
        Self::Role,
        Self::Sid,
        Self::Jti,
    ];

    /// Returns the name of the kind in the feed and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Role => "role",
            Self::Sid => "sid",
            Self::Jti => "jti",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// The lowest revision that tokens of a subject, client, role, session or id must have to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The claim with which `key` is compared.
    pub kind: FloorKind,
    /// The subject, client, role, session or token id.
    pub key: String,
    /// Tokens with a lower `rev` are refused.
    pub revision: Revision,
    /// The time at which every token below the floor has expired, so that the floor can be forgotten.
    pub until: Timestamp,
}

/// The claims of a token that [`Floors::refuses`] compares.
#[derive(Clone, Copy, Debug)]
pub struct TokenFacts<'a, R> {
    /// `sub`
    pub subject: &'a str,
    /// `client_id`
    pub client: &'a str,
    /// `roles`
    pub roles: R,
    /// `sid`
    pub sid: Option<&'a str>,
    /// `jti`
    pub jti: &'a str,
    /// `rev`
    pub rev: Revision,
}

/// The floors in force, which cover everything that was revoked during the last token lifetime.
///
/// ```
/// use rolecall_core::{Floor, FloorKind, Floors, Timestamp, TokenFacts};
///
/// let mut floors = Floors::default();
/// floors.raise(&Floor { kind: FloorKind::Role, key: "editor".into(), revision: 8, until: Timestamp::MAX });
/// let token = TokenFacts { subject: "u1", client: "rolecall", roles: ["editor"], sid: None, jti: "t1", rev: 7 };
/// assert_eq!(floors.refuses(&token), Some(FloorKind::Role));
/// assert_eq!(floors.refuses(&TokenFacts { rev: 8, ..token }), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Floors {
    by_kind: [HashMap<Box<str>, (Revision, Timestamp)>; 5],
    highest: Revision,
}

impl Floors {
    /// Adds a floor. If there is one with the same kind and key, the higher revision and the later end hold.
    pub fn raise(&mut self, floor: &Floor) {
        self.highest = self.highest.max(floor.revision);
        if let Some(by_key) = self.by_kind.get_mut(floor.kind.index()) {
            let entry = by_key
                .entry(floor.key.as_str().into())
                .or_insert((floor.revision, floor.until));
            entry.0 = entry.0.max(floor.revision);
            entry.1 = entry.1.max(floor.until);
        }
    }

    /// Removes the floors that are no longer needed at `now`, because every token below them has expired.
    pub fn prune(&mut self, now: Timestamp) {
        for by_key in &mut self.by_kind {
            by_key.retain(|_, (_, until)| *until > now);
        }
    }

    /// Returns the number of floors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_kind.iter().map(HashMap::len).sum()
    }

    /// Returns true if there are no floors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_kind.iter().all(HashMap::is_empty)
    }

    /// Returns the kind of a floor that is higher than the token's `rev`, or `None` if the token is accepted.
    ///
    /// The cost is one comparison for most tokens, and otherwise one hash look-up for each claim and role.
    pub fn refuses<'a, R, N>(&self, token: &TokenFacts<'a, R>) -> Option<FloorKind>
    where
        R: IntoIterator<Item = N> + Clone,
        N: AsRef<str> + 'a,
    {
        // most tokens are newer than every floor, so this comparison is usually enough
        if token.rev >= self.highest {
            return None;
        }
        let is_below = |kind: FloorKind, key: &str| {
            self.by_kind
                .get(kind.index())
                .and_then(|by_key| by_key.get(key))
                .is_some_and(|(revision, _)| token.rev < *revision)
        };
        if is_below(FloorKind::Subject, token.subject) {
            return Some(FloorKind::Subject);
        }
        if is_below(FloorKind::Client, token.client) {
            return Some(FloorKind::Client);
        }
        if token.sid.is_some_and(|sid| is_below(FloorKind::Sid, sid)) {
            return Some(FloorKind::Sid);
        }
        if is_below(FloorKind::Jti, token.jti) {
            return Some(FloorKind::Jti);
        }
        token
            .roles
            .clone()
            .into_iter()
            .any(|role| is_below(FloorKind::Role, role.as_ref()))
            .then_some(FloorKind::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floor(kind: FloorKind, key: &str, revision: Revision) -> Floor {
        Floor {
            kind,
            key: key.into(),
            revision,
            until: Timestamp::from_seconds(100),
        }
    }

    fn token(rev: Revision) -> TokenFacts<'static, [&'static str; 2]> {
        TokenFacts {
            subject: "s",
            client: "c",
            roles: ["a", "b"],
            sid: Some("d"),
            jti: "j",
            rev,
        }
    }

    #[test]
    fn kinds_have_the_names_used_by_feed_and_database() {
        let names = ["subject", "client", "role", "sid", "jti"];
        assert_eq!(FloorKind::ALL.map(FloorKind::as_str), names);
    }

    #[test]
    fn len_counts_each_kind_and_key_once() {
        let mut floors = Floors::default();
        assert_eq!((floors.len(), floors.is_empty()), (0, true));
        for (count, kind) in (1..).zip(FloorKind::ALL) {
            for revision in [5, 4, 6] {
                floors.raise(&floor(kind, "same", revision));
            }
            assert_eq!((floors.len(), floors.is_empty()), (count, false));
        }
        floors.raise(&floor(FloorKind::Jti, "other", 1));
        assert_eq!(floors.len(), 6);
    }

    #[test]
    fn each_kind_refuses_older_tokens_and_accepts_newer_ones() {
        for (kind, key) in [
            (FloorKind::Subject, "s"),
            (FloorKind::Client, "c"),
            (FloorKind::Role, "b"),
            (FloorKind::Sid, "d"),
            (FloorKind::Jti, "j"),
        ] {
            let mut floors = Floors::default();
            floors.raise(&floor(kind, key, 5));
            assert_eq!(floors.refuses(&token(4)), Some(kind));
            assert_eq!(floors.refuses(&token(5)), None);
        }
    }

    #[test]
    fn a_floor_applies_only_to_its_own_kind() {
        let mut floors = Floors::default();
        for kind in [
            FloorKind::Client,
            FloorKind::Role,
            FloorKind::Sid,
            FloorKind::Jti,
        ] {
            floors.raise(&floor(kind, "s", 5));
        }
        assert_eq!(floors.refuses(&token(1)), None);
    }

    #[test]
    fn raising_never_lowers_a_floor() {
        let mut floors = Floors::default();
        floors.raise(&floor(FloorKind::Subject, "s", 9));
        floors.raise(&floor(FloorKind::Subject, "s", 3));
        assert_eq!(floors.refuses(&token(8)), Some(FloorKind::Subject));
        assert_eq!(floors.len(), 1);
    }

    #[test]
    fn pruning_keeps_floors_until_their_end() {
        let mut floors = Floors::default();
        floors.raise(&floor(FloorKind::Subject, "s", 9));
        assert!(!floors.is_empty());
        floors.prune(Timestamp::from_seconds(99));
        assert_eq!(floors.refuses(&token(1)), Some(FloorKind::Subject));
        floors.prune(Timestamp::from_seconds(100));
        assert!(floors.is_empty());
        assert_eq!(floors.refuses(&token(1)), None);
    }

    proptest! {
        /// The model is a list of floors with a linear search.
        #[test]
        fn refuses_agrees_with_a_linear_search(
            raised in proptest::collection::vec((0usize..5, 0u8..4, 0i64..20), 0..30),
            subject in 0u8..4, client in 0u8..4, roles in proptest::collection::vec(0u8..4, 0..4),
            sid in proptest::option::of(0u8..4), jti in 0u8..4, rev in 0i64..20,
        ) {
            let name = |n: u8| format!("k{n}");
            let mut floors = Floors::default();
            let list: Vec<Floor> = raised.iter().map(|(kind, key, revision)| floor(FloorKind::ALL[*kind], &name(*key), *revision)).collect();
            for floor in &list { floors.raise(floor); }
            let role_names: Vec<String> = roles.iter().map(|r| name(*r)).collect();
            let expected = list.iter().any(|floor| floor.revision > rev && match floor.kind {
                FloorKind::Subject => floor.key == name(subject),
                FloorKind::Client => floor.key == name(client),
                FloorKind::Role => role_names.contains(&floor.key),
                FloorKind::Sid => sid.map(name).as_deref() == Some(&floor.key),
                FloorKind::Jti => floor.key == name(jti),
            });
            let (subject, client, sid, jti) = (name(subject), name(client), sid.map(name), name(jti));
            let facts = TokenFacts { subject: &subject, client: &client, roles: role_names.as_slice(), sid: sid.as_deref(), jti: &jti, rev };
            prop_assert_eq!(floors.refuses(&facts).is_some(), expected);
        }
    }
}
