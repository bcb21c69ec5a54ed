//! Floors, by which a guard refuses tokens that were issued before something was revoked.
//!
//! Every token carries the revision (`rev`) from which it was issued. When a role is unassigned, a session ends or a
//! client loses a scope, the server writes a [`Floor`]: tokens with that role, session or client and a lower `rev`
//! are refused from then on.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

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
    /// The tenant to whose tokens the floor is limited; `None` if it applies to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
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
    /// `tenant`
    pub tenant: Option<&'a str>,
    /// `rev`
    pub rev: Revision,
}

/// The number of parts into which the floors are divided. Changing a clone copies only the parts that change.
const SHARDS: usize = 256;

/// The floors in force, which cover everything that was revoked during the last token lifetime.
///
/// Cloning is cheap, also with many floors: clones share what neither of them changes.
///
/// ```
/// use rolecall_core::{Floor, FloorKind, Floors, Timestamp, TokenFacts};
///
/// let mut floors = Floors::default();
/// let floor = Floor { kind: FloorKind::Role, key: "editor".into(), tenant: None, revision: 8, until: Timestamp::MAX };
/// floors.raise(&floor);
/// let token = TokenFacts {
///     subject: "u1", client: "rolecall", roles: ["editor"], sid: None, jti: "t1", tenant: None, rev: 7,
/// };
/// assert_eq!(floors.refuses(&token), Some(FloorKind::Role));
/// assert_eq!(floors.refuses(&TokenFacts { rev: 8, ..token }), None);
///
/// let floor = Floor { kind: FloorKind::Subject, key: "u2".into(), tenant: Some("acme".into()), ..floor };
/// floors.raise(&floor);
/// let token = TokenFacts { subject: "u2", roles: [""], ..token };
/// assert_eq!(floors.refuses(&token), None);
/// assert_eq!(floors.refuses(&TokenFacts { tenant: Some("acme"), ..token }), Some(FloorKind::Subject));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Floors {
    /// Empty, or of length [`SHARDS`].
    shards: Vec<Arc<Shard>>,
    len: usize,
    highest: Revision,
}

/// The floors whose keys have the same place.
#[derive(Clone, Debug, Default)]
struct Shard([HashMap<Box<str>, Cutoffs>; 5]);

/// The floors of one kind and key.
#[derive(Clone, Debug, Default)]
struct Cutoffs {
    /// The floor for all tokens.
    all: Option<Cutoff>,
    /// The floors for the tokens of single tenants.
    tenants: BTreeMap<Box<str>, Cutoff>,
}

#[derive(Clone, Copy, Debug)]
struct Cutoff {
    revision: Revision,
    until: Timestamp,
}

impl Cutoff {
    /// Combines two floors: the higher revision and the later end hold.
    fn merge(self, other: Self) -> Self {
        Self {
            revision: self.revision.max(other.revision),
            until: self.until.max(other.until),
        }
    }

    fn covers(self, other: Self) -> bool {
        self.revision >= other.revision && self.until >= other.until
    }
}

impl Cutoffs {
    fn raise(&mut self, tenant: Option<&str>, raised: Cutoff) {
        let Some(tenant) = tenant else {
            let merged = self.all.map_or(raised, |all| all.merge(raised));
            self.all = Some(merged);
            self.tenants.retain(|_, cutoff| !merged.covers(*cutoff));
            return;
        };
        if self.all.is_some_and(|all| all.covers(raised)) {
            return;
        }
        let cutoff = self.tenants.entry(tenant.into()).or_insert(raised);
        *cutoff = cutoff.merge(raised);
    }

    fn prune(&mut self, has_ended: impl Fn(&Cutoff) -> bool) {
        self.all = self.all.filter(|cutoff| !has_ended(cutoff));
        self.tenants.retain(|_, cutoff| !has_ended(cutoff));
    }

    fn cutoffs(&self) -> impl Iterator<Item = &Cutoff> {
        self.all.iter().chain(self.tenants.values())
    }

    fn len(&self) -> usize {
        usize::from(self.all.is_some()) + self.tenants.len()
    }

    fn refuses(&self, tenant: Option<&str>, rev: Revision) -> bool {
        let of_tenant = tenant.and_then(|tenant| self.tenants.get(tenant));
        let above = |cutoff: &Cutoff| rev < cutoff.revision;
        self.all.as_ref().is_some_and(above) || of_tenant.is_some_and(above)
    }
}

impl Shard {
    fn cutoffs(&self) -> impl Iterator<Item = &Cutoff> {
        self.0
            .iter()
            .flat_map(HashMap::values)
            .flat_map(Cutoffs::cutoffs)
    }
}

/// Returns the number of the shard for a key, by FNV-1a: the servers choose most keys, so that nobody can aim at one.
fn shard_of(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % SHARDS as u64).unwrap_or(0)
}

impl Floors {
    /// Adds a floor. If there is one with the same kind, key and tenant, the higher revision and the later end hold. A
    /// floor for all tokens replaces lower ones that are limited to a tenant.
    pub fn raise(&mut self, floor: &Floor) {
        self.highest = self.highest.max(floor.revision);
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, Arc::default);
        }
        let shard = self.shards.get_mut(shard_of(&floor.key)).map(Arc::make_mut);
        if let Some(by_key) = shard.and_then(|shard| shard.0.get_mut(floor.kind.index())) {
            let cutoffs = by_key.entry(floor.key.as_str().into()).or_default();
            let before = cutoffs.len();
            cutoffs.raise(
                floor.tenant.as_deref(),
                Cutoff {
                    revision: floor.revision,
                    until: floor.until,
                },
            );
            self.len = self.len + cutoffs.len() - before;
        }
    }

    /// Removes the floors that are no longer needed at `now`, because every token below them has expired.
    pub fn prune(&mut self, now: Timestamp) {
        self.prune_up_to(now, Revision::MAX);
    }

    /// Removes the floors that are no longer needed at `now`, unless they are above the revision `up_to`.
    pub fn prune_up_to(&mut self, now: Timestamp, up_to: Revision) {
        let has_ended = |cutoff: &Cutoff| cutoff.until <= now && cutoff.revision <= up_to;
        for shard in &mut self.shards {
            // shards without such floors stay shared with clones
            if !shard.cutoffs().any(has_ended) {
                continue;
            }
            for by_key in &mut Arc::make_mut(shard).0 {
                by_key.retain(|_, cutoffs| {
                    cutoffs.prune(has_ended);
                    cutoffs.len() > 0
                });
            }
        }
        self.len = self
            .shards
            .iter()
            .map(|shard| shard.cutoffs().count())
            .sum();
    }

    /// Returns the number of floors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no floors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
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
            self.shards
                .get(shard_of(key))
                .and_then(|shard| shard.0.get(kind.index())?.get(key))
                .is_some_and(|cutoffs| cutoffs.refuses(token.tenant, token.rev))
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

    /// For each kind, the key of [`token`].
    const KEYS: [(FloorKind, &str); 5] = [
        (FloorKind::Subject, "s"),
        (FloorKind::Client, "c"),
        (FloorKind::Role, "b"),
        (FloorKind::Sid, "d"),
        (FloorKind::Jti, "j"),
    ];

    fn floor(kind: FloorKind, key: &str, revision: Revision) -> Floor {
        Floor {
            kind,
            key: key.into(),
            tenant: None,
            revision,
            until: Timestamp::from_seconds(100),
        }
    }

    fn limited(floor: Floor, tenant: &str) -> Floor {
        Floor {
            tenant: Some(tenant.into()),
            ..floor
        }
    }

    fn token(rev: Revision) -> TokenFacts<'static, [&'static str; 2]> {
        TokenFacts {
            subject: "s",
            client: "c",
            roles: ["a", "b"],
            sid: Some("d"),
            jti: "j",
            tenant: None,
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
        for (kind, key) in KEYS {
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

    #[test]
    fn y020_a_floor_of_a_tenant_refuses_only_tokens_for_that_tenant() {
        for (kind, key) in KEYS {
            let mut floors = Floors::default();
            floors.raise(&limited(floor(kind, key, 5), "acme"));
            let of = |tenant| TokenFacts { tenant, ..token(4) };
            assert_eq!(floors.refuses(&of(Some("acme"))), Some(kind));
            assert_eq!(floors.refuses(&of(Some("initech"))), None);
            assert_eq!(floors.refuses(&of(None)), None);
            floors.raise(&limited(floor(kind, key, 3), "initech"));
            assert_eq!(floors.len(), 2);
            assert_eq!(floors.refuses(&of(Some("initech"))), None);
        }
    }

    #[test]
    fn a_floor_for_all_tokens_replaces_lower_ones_of_tenants() {
        let mut floors = Floors::default();
        for (tenant, revision) in [("acme", 5), ("initech", 9)] {
            floors.raise(&limited(floor(FloorKind::Subject, "s", revision), tenant));
        }
        floors.raise(&floor(FloorKind::Subject, "s", 7));
        assert_eq!(floors.len(), 2);
        floors.raise(&limited(floor(FloorKind::Subject, "s", 6), "acme"));
        assert_eq!(floors.len(), 2);
        let of = |tenant, rev| TokenFacts {
            tenant,
            ..token(rev)
        };
        assert!(floors.refuses(&of(None, 6)).is_some() && floors.refuses(&of(None, 7)).is_none());
        assert!(floors.refuses(&of(Some("initech"), 8)).is_some());
    }

    #[test]
    fn a_clone_does_not_change_with_the_original_and_shares_the_rest() {
        let mut floors = Floors::default();
        for number in 0..1_000 {
            floors.raise(&floor(FloorKind::Jti, &number.to_string(), 5));
        }
        let before = floors.clone();
        floors.raise(&floor(FloorKind::Jti, "j", 5));
        assert_eq!((before.len(), floors.len()), (1_000, 1_001));
        assert_eq!(before.refuses(&token(4)), None);
        assert_eq!(floors.refuses(&token(4)), Some(FloorKind::Jti));
        let pairs = before.shards.iter().zip(&floors.shards);
        let copied = pairs.filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
        assert_eq!(copied, 1);
    }

    #[test]
    fn pruning_keeps_floors_above_a_revision() {
        let mut floors = Floors::default();
        floors.raise(&floor(FloorKind::Subject, "s", 9));
        floors.raise(&floor(FloorKind::Subject, "other", 8));
        floors.prune_up_to(Timestamp::MAX, 8);
        assert_eq!(floors.len(), 1);
        assert_eq!(floors.refuses(&token(1)), Some(FloorKind::Subject));
    }

    proptest! {
        /// The model is a list of floors with a linear search.
        #[test]
        fn refuses_agrees_with_a_linear_search(
            raised in proptest::collection::vec((0usize..5, 0u8..4, proptest::option::of(0u8..2), 0i64..20), 0..30),
            subject in 0u8..4, client in 0u8..4, roles in proptest::collection::vec(0u8..4, 0..4),
            sid in proptest::option::of(0u8..4), jti in 0u8..4, tenant in proptest::option::of(0u8..3), rev in 0i64..20,
        ) {
            let name = |n: u8| format!("k{n}");
            let mut floors = Floors::default();
            let list: Vec<Floor> = raised.iter().map(|(kind, key, tenant, revision)| Floor {
                tenant: tenant.map(name),
                ..floor(FloorKind::ALL[*kind], &name(*key), *revision)
            }).collect();
            for floor in &list { floors.raise(floor); }
            let role_names: Vec<String> = roles.iter().map(|r| name(*r)).collect();
            let applies = |floor: &Floor| floor.tenant.is_none() || floor.tenant == tenant.map(name);
            let expected = list.iter().any(|floor| floor.revision > rev && applies(floor) && match floor.kind {
                FloorKind::Subject => floor.key == name(subject),
                FloorKind::Client => floor.key == name(client),
                FloorKind::Role => role_names.contains(&floor.key),
                FloorKind::Sid => sid.map(name).as_deref() == Some(&floor.key),
                FloorKind::Jti => floor.key == name(jti),
            });
            let (subject, client, sid, jti) = (name(subject), name(client), sid.map(name), name(jti));
            let tenant = tenant.map(name);
            let facts = TokenFacts {
                subject: &subject, client: &client, roles: role_names.as_slice(), sid: sid.as_deref(), jti: &jti,
                tenant: tenant.as_deref(), rev,
            };
            prop_assert_eq!(floors.refuses(&facts).is_some(), expected);
        }
    }
}
