//! Finds constraints that have no effect, and roles that a constraint makes unusable.

use std::collections::BTreeSet;

use super::{
    finding::{Finding, FindingKind},
    model::Document,
};
use crate::{Constraint, ConstraintKind, ConstraintName, Policy, RoleName};

/// The largest number of combinations of a constraint's roles that are tried one by one.
const MAX_COMBINATIONS: usize = 2_000;

/// Returns idle constraints and blocked roles.
pub(super) fn findings(document: &Document, policy: &Policy) -> Vec<Finding> {
    let idle = document
        .constraints
        .iter()
        .filter_map(|(name, constraint)| {
            let others = checked_with(document, name, constraint);
            let implying = implying_constraints(policy, constraint, &others)?;
            let implying: Vec<String> = implying.iter().map(|one| format!("`{one}`")).collect();
            Some(Finding {
                kind: FindingKind::IdleConstraint,
                path: vec!["constraints".into(), name.as_str().into()],
                message: format!(
                    "constraint `{name}` has no effect: violating it would also violate {}",
                    implying.join(" or ")
                ),
            })
        });
    idle.chain(blocked_roles(document, policy)).collect()
}

/// Returns roles that violate a constraint by themselves, through what they inherit.
fn blocked_roles<'d>(
    document: &'d Document,
    policy: &'d Policy,
) -> impl Iterator<Item = Finding> + 'd {
    document.roles.keys().filter_map(move |role| {
        let held = policy.closure([role]);
        let mut constraints = document.constraints.iter();
        let (name, violated) = constraints.find(|(_, one)| is_violated(one, &held))?;
        let verb = match violated.kind {
            ConstraintKind::Static => "assigned",
            ConstraintKind::Dynamic => "activated",
        };
        Some(Finding {
            kind: FindingKind::BlockedRole,
            path: vec!["roles".into(), role.as_str().into()],
            message: format!(
                "role `{role}` cannot be {verb}: it inherits more roles than constraint `{name}` allows"
            ),
        })
    })
}

/// A constraint with its name.
type Named<'d> = (&'d ConstraintName, &'d Constraint);

/// Returns the other constraints that are checked whenever `constraint` is.
///
/// Of several equal constraints, only those with an earlier name are included, so that one of them is not idle.
fn checked_with<'d>(
    document: &'d Document,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Vec<Named<'d>> {
    let is_checked = |(other_name, other): &Named<'d>| {
        // roles that cannot be assigned together cannot be activated together either
        let is_checked = other.kind == constraint.kind || other.kind == ConstraintKind::Static;
        *other_name != name && is_checked && (*other != constraint || *other_name < name)
    };
    document.constraints.iter().filter(is_checked).collect()
}

/// Returns those of `others` that are violated whenever `constraint` is, or `None` if it can be violated alone.
fn implying_constraints<'d>(
    policy: &Policy,
    constraint: &Constraint,
    others: &[Named<'d>],
) -> Option<BTreeSet<&'d ConstraintName>> {
    let roles: Vec<&RoleName> = constraint.roles.iter().collect();
    let size = usize::try_from(constraint.at_most).unwrap_or(usize::MAX);
    let size = size.saturating_add(1);
    if combination_count(roles.len(), size) > MAX_COMBINATIONS {
        let implying = others
            .iter()
            .find(|(_, other)| implies_by_counting(other, constraint));
        return implying.map(|(name, _)| BTreeSet::from([*name]));
    }
    let mut implying = BTreeSet::new();
    let can_be_violated_alone = any_combination(&roles, size, &mut Vec::new(), &mut |chosen| {
        let held = policy.closure(chosen.iter().copied());
        let first = others.iter().find(|(_, other)| is_violated(other, &held));
        implying.extend(first.map(|(name, _)| *name));
        first.is_none()
    });
    (!can_be_violated_alone).then_some(implying)
}

/// Returns true if `other` alone never allows more of the roles of `constraint` than `constraint` does.
///
/// This looks at the numbers of roles only, not at inheritance, so it can miss an implication.
fn implies_by_counting(other: &Constraint, constraint: &Constraint) -> bool {
    let shared = constraint.roles.intersection(&other.roles).count();
    let free = constraint.roles.len() - shared;
    let most = |one: &Constraint| usize::try_from(one.at_most).unwrap_or(usize::MAX);
    free + shared.min(most(other)) <= most(constraint)
}

fn is_violated(constraint: &Constraint, held: &BTreeSet<RoleName>) -> bool {
    constraint
        .excess_roles(|role| held.contains(role))
        .is_some()
}

/// Returns the number of ways to choose `size` out of `total` items, saturating.
fn combination_count(total: usize, size: usize) -> usize {
    let size = size.min(total.saturating_sub(size));
    (0..size).fold(1usize, |count, index| {
        count.saturating_mul(total - index) / (index + 1)
    })
}

/// Returns true if `predicate` holds for `chosen` together with some choice of `size` of `roles`.
fn any_combination<'r>(
    roles: &[&'r RoleName],
    size: usize,
    chosen: &mut Vec<&'r RoleName>,
    predicate: &mut impl FnMut(&[&'r RoleName]) -> bool,
) -> bool {
    if size == 0 {
        return predicate(chosen);
    }
    if roles.len() < size {
        return false;
    }
    let Some((first, rest)) = roles.split_first() else {
        return false;
    };
    chosen.push(first);
    let with_first = any_combination(rest, size - 1, chosen, predicate);
    chosen.pop();
    with_first || any_combination(rest, size, chosen, predicate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(FindingKind, String)> {
        let document = Document::parse(text).unwrap().document;
        let policy = document.policy().unwrap();
        let found = findings(&document, &policy).into_iter();
        found.map(|one| (one.kind, one.message)).collect()
    }

    const ROLES: &str = "[roles.a]\n[roles.b]\n[roles.c]\n";

    #[test]
    fn constraints_that_another_one_implies_are_idle() {
        let idle = |constraints: &str| {
            let found = found(&format!("{ROLES}{constraints}"));
            let idle = found
                .into_iter()
                .filter(|(kind, _)| *kind == FindingKind::IdleConstraint);
            idle.map(|(_, message)| message.split('`').nth(1).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let rule = |name: &str, kind: &str, roles: &str, most: u32| {
            format!(
                "[constraints.{name}]\nkind = \"{kind}\"\nroles = [{roles}]\nat_most = {most}\n"
            )
        };
        let (ab, abc) = ("\"a\", \"b\"", "\"a\", \"b\", \"c\"");
        let wide = rule("wide", "static", abc, 1);
        assert_eq!(idle(&wide), [""; 0]);
        assert_eq!(idle(&(wide.clone() + &rule("x", "static", ab, 1))), ["x"]);
        assert_eq!(idle(&(wide.clone() + &rule("x", "dynamic", ab, 1))), ["x"]);
        assert_eq!(idle(&(wide + &rule("x", "static", abc, 2))), ["x"]);
        let dynamic = rule("wide", "dynamic", abc, 1);
        assert_eq!(idle(&(dynamic + &rule("x", "static", ab, 1))), [""; 0]);
        let loose = rule("wide", "static", abc, 2);
        let tight = loose + &rule("x", "static", ab, 1);
        assert_eq!(idle(&tight), ["wide"], "all three include the two");
        let twice = rule("one", "static", ab, 1) + &rule("two", "static", ab, 1);
        assert_eq!(
            idle(&twice),
            ["two"],
            "of two equal constraints, only one is idle"
        );
    }

    #[test]
    fn inheritance_makes_constraints_idle_and_roles_blocked() {
        // `s` inherits a and b, so s together with c also violates `x`
        let text = "[roles.a]\n[roles.b]\n[roles.c]\n[roles.s]\njuniors = [\"a\", \"b\"]\n\
            [constraints.x]\nkind = \"static\"\nroles = [\"a\", \"b\"]\nat_most = 1\n\
            [constraints.y]\nkind = \"static\"\nroles = [\"s\", \"c\"]\nat_most = 1\n";
        let found = found(text);
        let kinds: Vec<FindingKind> = found.iter().map(|(kind, _)| *kind).collect();
        let expected = [FindingKind::IdleConstraint, FindingKind::BlockedRole];
        assert_eq!(kinds, expected, "{found:?}");
        assert_eq!(
            found[0].1,
            "constraint `y` has no effect: violating it would also violate `x`"
        );
        assert!(
            found[1].1.contains("role `s` cannot be assigned"),
            "{found:?}"
        );
    }

    #[test]
    fn counting_reports_no_constraint_that_has_an_effect() {
        let quoted = |roles: std::ops::Range<usize>| {
            let names: Vec<String> = roles.map(|role| format!("\"r{role}\"")).collect();
            names.join(", ")
        };
        let idle = |shared: usize| {
            let roles: Vec<String> = (0..40).map(|role| format!("[roles.r{role}]\n")).collect();
            let roles = roles.concat();
            let text = format!(
                "{roles}[constraints.wide]\nkind = \"static\"\nroles = [{}]\nat_most = 20\n\
                 [constraints.tight]\nkind = \"static\"\nroles = [{}]\nat_most = 5\n",
                quoted(0..40),
                quoted(0..shared),
            );
            !found(&text).is_empty()
        };
        assert!(idle(25), "the other 15 and 5 of these are 20");
        assert!(!idle(24), "the other 16 and 5 of these are 21");
        assert!(!idle(20));
    }

    #[test]
    fn a_role_that_cannot_be_activated_is_blocked() {
        let text = "[roles.a]\n[roles.s]\njuniors = [\"a\"]\n\
            [constraints.x]\nkind = \"dynamic\"\nroles = [\"a\", \"s\"]\nat_most = 1\n";
        let found = found(text);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].1.contains("role `s` cannot be activated"),
            "{found:?}"
        );
    }

    #[test]
    fn few_combinations_of_many_roles_are_tried() {
        let names: Vec<String> = (0..64).map(|at| format!("r{at}")).collect();
        let roles: Vec<String> = names
            .iter()
            .map(|name| format!("[roles.{name}]\n"))
            .collect();
        let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let text = format!(
            "{}[constraints.all]\nkind = \"static\"\nroles = [{}]\nat_most = 63\n\
            [constraints.two]\nkind = \"static\"\nroles = [\"r0\", \"r1\"]\nat_most = 1\n",
            roles.concat(),
            list.join(", ")
        );
        let found = found(&text);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("`all` has no effect"), "{found:?}");
    }

    #[test]
    fn many_combinations_are_counted_instead_of_tried() {
        assert_eq!(combination_count(4, 2), 6);
        assert_eq!(combination_count(3, 3), 1);
        assert_eq!(combination_count(3, 4), 1);
        assert!(combination_count(64, 32) > MAX_COMBINATIONS);
        let names: Vec<String> = (0..64).map(|at| format!("r{at}")).collect();
        let roles: Vec<String> = names
            .iter()
            .map(|name| format!("[roles.{name}]\n"))
            .collect();
        let roles = roles.concat();
        let list = names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let rule = |name: &str, most: u32| {
            format!("[constraints.{name}]\nkind = \"static\"\nroles = [{list}]\nat_most = {most}\n")
        };
        let found = found(&(roles + &rule("tight", 31) + &rule("wide", 32)));
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("`wide` has no effect"), "{found:?}");
    }
}
