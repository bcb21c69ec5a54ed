use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Revision, Timestamp};

/// What a floor is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloorKind {
    /// Every token of a subject (`sub`).
    Subject,
    /// Every token that a client asked for (`client_id`).
    Client,
    /// Every token that carries a role (`roles`).
    Role,
    /// Every token of a session (`sid`).
    Sid,
    /// One token (`jti`).
    Jti,
}

impl FloorKind {
    /// All kinds, in the order in which they are written.
    pub const ALL: [Self; 5] = [
        Self::Subject,
        Self::Client,
        Self::Role,
        Self::Sid,
        Self::Jti,
    ];

    /// The name of the kind in the feed and in the database.
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

/// The mark that a loss leaves: tokens about `key` made before `revision` are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// What `key` names.
    pub kind: FloorKind,
    /// The subject, client, role, session or token.
    pub key: String,
    /// Tokens with a `rev` below this are refused.
    pub revision: Revision,
    /// When the last token that the floor concerns has ended, so that it can be forgotten.
    pub until: Timestamp,
}

/// What the check needs to know of a token.
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

/// The floors in force: what was lost during the last token lifetime.
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
    /// Adds a floor; a lower one about the same thing is replaced, a higher one stays.
    pub fn raise(&mut self, floor: &Floor) {
        self.highest = self.highest.max(floor.revision);
        if let Some(of_kind) = self.by_kind.get_mut(floor.kind.index()) {
            let entry = of_kind
                .entry(floor.key.as_str().into())
                .or_insert((floor.revision, floor.until));
            entry.0 = entry.0.max(floor.revision);
            entry.1 = entry.1.max(floor.until);
        }
    }

    /// Forgets the floors that no living token lies under.
    pub fn prune(&mut self, now: Timestamp) {
        for of_kind in &mut self.by_kind {
            of_kind.retain(|_, (_, until)| *until > now);
        }
    }

    /// How many floors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_kind.iter().map(HashMap::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_kind.iter().all(HashMap::is_empty)
    }

    /// The kind of a floor that lies above the token; `None` if the token stands.
    pub fn refuses<'a, R, N>(&self, token: &TokenFacts<'a, R>) -> Option<FloorKind>
    where
        R: IntoIterator<Item = N> + Clone,
        N: AsRef<str> + 'a,
    {
        // most tokens are younger than the last loss of anything: one comparison settles it
        if token.rev >= self.highest {
            return None;
        }
        let above = |kind: FloorKind, key: &str| {
            self.by_kind
                .get(kind.index())
                .and_then(|of_kind| of_kind.get(key))
                .is_some_and(|(revision, _)| *revision > token.rev)
        };
        if above(FloorKind::Subject, token.subject) {
            return Some(FloorKind::Subject);
        }
        if above(FloorKind::Client, token.client) {
            return Some(FloorKind::Client);
        }
        if token.sid.is_some_and(|sid| above(FloorKind::Sid, sid)) {
            return Some(FloorKind::Sid);
        }
        if above(FloorKind::Jti, token.jti) {
            return Some(FloorKind::Jti);
        }
        token
            .roles
            .clone()
            .into_iter()
            .any(|role| above(FloorKind::Role, role.as_ref()))
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
    fn kinds_are_called_as_the_feed_and_the_database_call_them() {
        let words = ["subject", "client", "role", "sid", "jti"];
        assert_eq!(FloorKind::ALL.map(FloorKind::as_str), words);
    }

    #[test]
    fn each_key_of_each_kind_counts_once() {
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
    fn each_kind_refuses_an_older_token_and_lets_a_younger_pass() {
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
    fn a_key_of_one_kind_says_nothing_about_another() {
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
    fn a_lower_floor_does_not_lower_a_higher_one() {
        let mut floors = Floors::default();
        floors.raise(&floor(FloorKind::Subject, "s", 9));
        floors.raise(&floor(FloorKind::Subject, "s", 3));
        assert_eq!(floors.refuses(&token(8)), Some(FloorKind::Subject));
        assert_eq!(floors.len(), 1);
    }

    #[test]
    fn pruning_keeps_what_still_matters() {
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
        /// The model: a list of floors, searched from end to end.
        #[test]
        fn agrees_with_a_list_searched_whole(
            raised in proptest::collection::vec((0usize..5, 0u8..4, 0i64..20), 0..30),
            subject in 0u8..4, client in 0u8..4, roles in proptest::collection::vec(0u8..4, 0..4),
            sid in proptest::option::of(0u8..4), jti in 0u8..4, rev in 0i64..20,
        ) {
            let name = |n: u8| format!("k{n}");
            let mut floors = Floors::default();
            let list: Vec<Floor> = raised.iter().map(|(kind, key, revision)| floor(FloorKind::ALL[*kind], &name(*key), *revision)).collect();
            for one in &list { floors.raise(one); }
            let role_names: Vec<String> = roles.iter().map(|r| name(*r)).collect();
            let expected = list.iter().any(|one| one.revision > rev && match one.kind {
                FloorKind::Subject => one.key == name(subject),
                FloorKind::Client => one.key == name(client),
                FloorKind::Role => role_names.contains(&one.key),
                FloorKind::Sid => sid.map(name).as_deref() == Some(&one.key),
                FloorKind::Jti => one.key == name(jti),
            });
            let (subject, client, sid, jti) = (name(subject), name(client), sid.map(name), name(jti));
            let facts = TokenFacts { subject: &subject, client: &client, roles: role_names.as_slice(), sid: sid.as_deref(), jti: &jti, rev };
            prop_assert_eq!(floors.refuses(&facts).is_some(), expected);
        }
    }
}
