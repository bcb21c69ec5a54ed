use proptest::prelude::*;
use rolecall_core::{
    Constraint, ConstraintKind, ConstraintScope, Policy, PolicyBuilder, TenantName, Timestamp,
};

use super::*;
use crate::tokens::effective::EffectiveScope;

/// The same choices, by deriving all that a token would have active anew for each set of assignments.
mod model {
    use super::*;

    pub(super) fn lasting_enough(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> Vec<Assigned> {
        let least = SHORTEST_UNASKED.min(holder.lifetime);
        let is_long = |one: &Assigned| one.ends.is_none_or(|ends| ends.since(holder.now) >= least);
        let (mut kept, mut short): (Vec<Assigned>, Vec<Assigned>) =
            holder.lasting().cloned().partition(is_long);
        short.sort_by_key(|one| std::cmp::Reverse(one.ends));
        for one in short {
            let opens = |known: &Assigned| {
                known.in_tenant && !conflict(holder, asked, std::slice::from_ref(known))
            };
            let is_only_one_in_tenant = one.in_tenant && !kept.iter().any(opens);
            let mut permissions = asked.permissions.iter();
            let gives_missing = permissions.any(|permission| {
                gives(holder, &one, permission)
                    && !kept.iter().any(|known| gives(holder, known, permission))
            });
            if is_only_one_in_tenant || gives_missing || gives_named(holder, asked, &one) {
                kept.push(one);
            }
        }
        kept
    }

    pub(super) fn compatible(holder: &TokenSubject<'_>, asked: &Asked<'_>) -> Vec<Assigned> {
        let mut waiting: Vec<Assigned> = holder.lasting().cloned().collect();
        if !conflict(holder, asked, &waiting) {
            return waiting;
        }
        waiting.sort_by_key(|one| (one.since, one.in_tenant, one.role.clone()));
        let (mut chosen, mut waiting): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|one| gives_named(holder, asked, one));
        for permission in &asked.permissions {
            if !chosen.iter().any(|one| gives(holder, one, permission)) {
                choose_one(holder, asked, &mut chosen, &mut waiting, |one| {
                    gives(holder, one, permission)
                });
            }
        }
        if !chosen.iter().any(|one| one.in_tenant) {
            choose_one(holder, asked, &mut chosen, &mut waiting, |one| {
                one.in_tenant
            });
        }
        for one in waiting {
            chosen.push(one);
            if conflict(holder, asked, &chosen) {
                chosen.pop();
            }
        }
        chosen
    }

    fn choose_one(
        holder: &TokenSubject<'_>,
        asked: &Asked<'_>,
        chosen: &mut Vec<Assigned>,
        waiting: &mut Vec<Assigned>,
        is_wanted: impl Fn(&Assigned) -> bool,
    ) {
        let fits = |one: &Assigned| {
            let with: Vec<Assigned> = chosen.iter().chain([one]).cloned().collect();
            !conflict(holder, asked, &with)
        };
        let fitting = waiting.iter().position(|one| is_wanted(one) && fits(one));
        let first = || waiting.iter().position(&is_wanted);
        if let Some(position) = fitting.or_else(first) {
            chosen.push(waiting.remove(position));
        }
    }

    fn conflict(holder: &TokenSubject<'_>, asked: &Asked<'_>, assigned: &[Assigned]) -> bool {
        let mut held = EffectiveScope::of(&holder.resting_on(assigned));
        for scope in &asked.scopes {
            held = held.narrow(holder.policy, scope);
        }
        let active = held.active_roles(holder.policy);
        let has_no_room = |one: &Constraint| {
            let counted = one.roles.iter();
            let beside = holder.beside.unwrap();
            let counted = counted.filter(|role| active.contains(*role) || beside.contains(*role));
            !one.roles.is_disjoint(&active)
                && counted.count() > usize::try_from(one.at_most).unwrap()
        };
        let mut counting = holder.policy.constraints();
        holder.policy.dynamic_breach(&active).is_some()
            || counting.any(|(_, one)| one.per == ConstraintScope::Subject && has_no_room(one))
    }

    fn gives_named(holder: &TokenSubject<'_>, asked: &Asked<'_>, one: &Assigned) -> bool {
        let mut named = asked.roles.iter();
        named.any(|role| holder.policy.path(&one.role, role).is_some())
    }

    fn gives(holder: &TokenSubject<'_>, one: &Assigned, permission: &Permission) -> bool {
        (!one.in_tenant || counts_in_tenant(permission))
            && holder
                .policy
                .permissions_of([&one.role])
                .contains(permission)
    }
}

const NOW: Timestamp = Timestamp::from_seconds(10_000);
const ROLES: [&str; 6] = ["r0", "r1", "r2", "rolecall.r3", "r4", "r5"];
const PERMISSIONS: [&str; 4] = [
    "a:x",
    "a:y",
    "rolecall.users:read",
    "rolecall.assignments:write",
];

/// Roles by their numbers.
type Numbers = std::collections::BTreeSet<usize>;
/// A role by its number, whether it is held in the tenant, when it was assigned, and how many seconds are left.
type Given = (usize, bool, i64, Option<i64>);
/// The roles and permissions of a scope, by their numbers.
type Scope = (Numbers, Numbers);

#[derive(Clone, Debug)]
struct Rules {
    grants: std::collections::BTreeSet<(usize, usize)>,
    wildcard: Option<usize>,
    edges: std::collections::BTreeSet<(usize, usize)>,
    /// Roles that exclude each other, how many of them may be active, and whether all tokens count.
    apart: Vec<(Numbers, usize, bool)>,
}

fn role(number: usize) -> RoleName {
    ROLES[number].parse().unwrap()
}

impl Rules {
    fn policy(&self) -> Policy {
        let mut rules = PolicyBuilder::default();
        for permission in PERMISSIONS {
            rules.permission(permission.parse().unwrap());
        }
        for number in 0..ROLES.len() {
            rules.role(role(number));
        }
        for (holder, held) in &self.grants {
            rules.grant(role(*holder), PERMISSIONS[*held].parse().unwrap());
        }
        if let Some(holder) = self.wildcard {
            rules.grant(role(holder), "a:*".parse().unwrap());
        }
        for (senior, junior) in self.edges.iter().filter(|(from, to)| from < to) {
            rules.inherit(role(*senior), role(*junior));
        }
        for (number, (roles, at_most, is_per_subject)) in self.apart.iter().enumerate() {
            let constraint = Constraint {
                kind: ConstraintKind::Dynamic,
                roles: roles.iter().map(|number| role(*number)).collect(),
                at_most: u32::try_from((*at_most).min(roles.len() - 1)).unwrap(),
                per: if *is_per_subject {
                    ConstraintScope::Subject
                } else {
                    ConstraintScope::Session
                },
            };
            rules.constraint(format!("c{number}").parse().unwrap(), constraint);
        }
        rules.build().unwrap()
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let pairs = |most: usize, count| prop::collection::btree_set((0..ROLES.len(), 0..most), count);
    let apart = (
        prop::collection::btree_set(0..ROLES.len(), 2..4),
        1usize..3,
        any::<bool>(),
    );
    (
        pairs(PERMISSIONS.len(), 0..9),
        prop::option::of(0..ROLES.len()),
        pairs(ROLES.len(), 0..5),
        prop::collection::vec(apart, 0..3),
    )
        .prop_map(|(grants, wildcard, edges, apart)| Rules {
            grants,
            wildcard,
            edges,
            apart,
        })
}

fn scope() -> impl Strategy<Value = Scope> {
    let few = |most: usize| prop::collection::btree_set(0..most, 0..4);
    (few(ROLES.len()), few(PERMISSIONS.len()))
}

fn requested((roles, permissions): &Scope) -> Option<RequestedScope> {
    let roles = roles
        .iter()
        .map(|number| format!("role:{}", ROLES[*number]));
    let permissions = permissions
        .iter()
        .map(|number| PERMISSIONS[*number].to_owned());
    let values: Vec<String> = roles.chain(permissions).collect();
    RequestedScope::parse_any(&values.join(" "))
}

fn assigned(given: &[Given]) -> Vec<Assigned> {
    let one = |(number, in_tenant, at, left): &Given| Assigned {
        role: role(*number),
        in_tenant: *in_tenant,
        ends: left.map(|left| Timestamp::from_seconds(NOW.seconds() + left)),
        since: Timestamp::from_seconds(*at),
    };
    given.iter().map(one).collect()
}

fn given() -> impl Strategy<Value = Vec<Given>> {
    let left = prop::option::weighted(0.4, 0i64..600);
    prop::collection::vec((0..ROLES.len(), any::<bool>(), 0i64..4, left), 0..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn y193_counting_one_assignment_after_the_other_chooses_what_deriving_all_anew_does(
        rules in rules(),
        given in given(),
        ceiling in prop::option::of(scope()),
        scopes in prop::collection::vec(scope(), 0..3),
        own_audience in any::<bool>(),
        beside in prop::collection::btree_set(0..ROLES.len(), 0..3),
    ) {
        let policy = rules.policy();
        let beside: BTreeSet<RoleName> = beside.into_iter().map(role).collect();
        let assigned = assigned(&given);
        let tenant: TenantName = "acme".parse().unwrap();
        let ceiling = ceiling.as_ref().and_then(requested);
        let scopes: Vec<RequestedScope> = scopes.iter().filter_map(requested).collect();
        let asked = Asked::of(scopes.iter());
        let holder = TokenSubject {
            policy: &policy,
            beyond: None,
            assigned: &assigned,
            lifetime: Duration::from_mins(30),
            tenant: Some(&tenant),
            own_audience,
            ceiling: ceiling.as_ref(),
            beside: Some(&beside),
            now: NOW,
        };
        prop_assert_eq!(lasting_enough(&holder, &asked), model::lasting_enough(&holder, &asked));
        prop_assert_eq!(compatible(&holder, &asked), model::compatible(&holder, &asked));
    }
}

/// Returns a policy of so many pairs of roles that may not be active together.
fn pairs(count: usize) -> (Policy, Vec<Assigned>) {
    let mut builder = PolicyBuilder::default();
    let mut assigned = Vec::new();
    for number in 0..count {
        let names = ["a", "b"].map(|side| format!("{side}{number}"));
        let roles = names.map(|name| name.parse::<RoleName>().unwrap());
        for role in &roles {
            builder.role(role.clone());
            assigned.push(Assigned {
                role: role.clone(),
                in_tenant: false,
                ends: None,
                since: NOW,
            });
        }
        let constraint = Constraint::new(ConstraintKind::Dynamic, roles.into(), 1).unwrap();
        builder.constraint(format!("c{number}").parse().unwrap(), constraint);
    }
    (builder.build().unwrap(), assigned)
}

#[test]
fn y193_of_many_pairs_one_of_each_is_chosen() {
    // one derivation of everything for each of them would take minutes in a debug build
    let (policy, assigned) = pairs(1_000);
    let holder = TokenSubject {
        policy: &policy,
        beyond: None,
        assigned: &assigned,
        lifetime: Duration::from_mins(30),
        tenant: None,
        own_audience: false,
        ceiling: None,
        beside: None,
        now: NOW,
    };
    let chosen = compatible(&holder, &Asked::of(std::iter::empty()));
    assert_eq!(chosen.len(), 1_000);
    assert!(chosen.iter().all(|one| one.role.as_str().starts_with('a')));
}
