//! What may not be meant about separation of duties.

use std::collections::BTreeSet;

use super::{Document, Finding, FindingKind};
use crate::{Constraint, ConstraintKind, ConstraintName, Policy, RoleName};

/// With more combinations of a constraint's roles than this, only the numbers are compared.
const MAX_COMBINATIONS: usize = 2_000;

/// Constraints that can never bind, and roles that nobody can have or activate because of one.
pub(super) fn findings(document: &Document, policy: &Policy) -> Vec<Finding> {
    let idle = document
        .constraints
        .iter()
        .filter_map(|(name, constraint)| {
            let others = stronger(document, name, constraint);
            let because = who_forbids(policy, constraint, &others)?;
            let because: Vec<String> = because.iter().map(|one| format!("`{one}`")).collect();
            Some(Finding {
                kind: FindingKind::IdleConstraint,
                path: vec!["constraints".into(), name.as_str().into()],
                message: format!(
                    "constraint `{name}` can never bind: whoever would break it breaks {} already",
                    because.join(" or ")
                ),
            })
        });
    idle.chain(blocked_roles(document, policy)).collect()
}

/// Roles that inherit more than a constraint allows to anybody.
fn blocked_roles<'d>(
    document: &'d Document,
    policy: &'d Policy,
) -> impl Iterator<Item = Finding> + 'd {
    document.roles.keys().filter_map(move |role| {
        let held = policy.closure([role]);
        let mut constraints = document.constraints.iter();
        let (name, broken) = constraints.find(|(_, one)| breaks(one, &held))?;
        let verb = match broken.kind {
            ConstraintKind::Static => "have",
            ConstraintKind::Dynamic => "activate",
        };
        Some(Finding {
            kind: FindingKind::BlockedRole,
            path: vec!["roles".into(), role.as_str().into()],
            message: format!(
                "nobody can {verb} role `{role}`: it inherits more than constraint `{name}` allows"
            ),
        })
    })
}

/// A constraint with its name.
type Named<'d> = (&'d ConstraintName, &'d Constraint);

/// The constraints that are checked whenever `of` is, without those that say the same and come later.
fn stronger<'d>(document: &'d Document, name: &ConstraintName, of: &Constraint) -> Vec<Named<'d>> {
    let counts = |(other, one): &Named<'d>| {
        // what nobody can have nobody can activate
        let checked = one.kind == of.kind || one.kind == ConstraintKind::Static;
        *other != name && checked && (*one != of || *other < name)
    };
    document.constraints.iter().filter(counts).collect()
}

/// Which of `others` are broken whenever `constraint` is; `None` if it can be broken without them.
fn who_forbids<'d>(
    policy: &Policy,
    constraint: &Constraint,
    others: &[Named<'d>],
) -> Option<BTreeSet<&'d ConstraintName>> {
    let roles: Vec<&RoleName> = constraint.roles.iter().collect();
    let size = usize::try_from(constraint.at_most).unwrap_or(usize::MAX);
    let size = size.saturating_add(1);
    if combinations(roles.len(), size) > MAX_COMBINATIONS {
        let fewer = others
            .iter()
            .find(|(_, other)| allows_fewer(other, constraint));
        return fewer.map(|(name, _)| BTreeSet::from([*name]));
    }
    let mut broken = BTreeSet::new();
    let free = any_combination(&roles, size, &mut Vec::new(), &mut |chosen| {
        let held = policy.closure(chosen.iter().copied());
        let first = others.iter().find(|(_, other)| breaks(other, &held));
        broken.extend(first.map(|(name, _)| *name));
        first.is_none()
    });
    (!free).then_some(broken)
}

/// Whether under `other` alone fewer of the roles of `constraint` can come together than it allows.
fn allows_fewer(other: &Constraint, constraint: &Constraint) -> bool {
    let shared = constraint.roles.intersection(&other.roles).count();
    let free = constraint.roles.len() - shared;
    let most = |one: &Constraint| usize::try_from(one.at_most).unwrap_or(usize::MAX);
    free + shared.min(most(other)) <= most(constraint)
}

fn breaks(constraint: &Constraint, held: &BTreeSet<RoleName>) -> bool {
    constraint.broken_by(|role| held.contains(role)).is_some()
}

/// How many ways there are to choose `size` of `of`; a very large number where there are very many.
fn combinations(of: usize, size: usize) -> usize {
    let size = size.min(of.saturating_sub(size));
    (0..size).fold(1usize, |ways, at| ways.saturating_mul(of - at) / (at + 1))
}

/// Whether `holds` for some choice of `size` more of `roles`, beside those chosen.
fn any_combination<'r>(
    roles: &[&'r RoleName],
    size: usize,
    chosen: &mut Vec<&'r RoleName>,
    holds: &mut impl FnMut(&[&'r RoleName]) -> bool,
) -> bool {
    if size == 0 {
        return holds(chosen);
    }
    if roles.len() < size {
        return false;
    }
    let Some((first, rest)) = roles.split_first() else {
        return false;
    };
    chosen.push(first);
    let with = any_combination(rest, size - 1, chosen, holds);
    chosen.pop();
    with || any_combination(rest, size, chosen, holds)
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
    fn a_constraint_that_another_implies_is_found_and_no_other() {
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
        assert_eq!(idle(&tight), ["wide"], "all three have the two among them");
        let twice = rule("one", "static", ab, 1) + &rule("two", "static", ab, 1);
        assert_eq!(
            idle(&twice),
            ["two"],
            "one of two that say the same is enough"
        );
    }

    #[test]
    fn inheritance_counts_for_what_can_never_bind_and_for_what_nobody_can_have() {
        // whoever has `s` has a and b, so s and c would break `x` first
        let text = "[roles.a]\n[roles.b]\n[roles.c]\n[roles.s]\njuniors = [\"a\", \"b\"]\n\
            [constraints.x]\nkind = \"static\"\nroles = [\"a\", \"b\"]\nat_most = 1\n\
            [constraints.y]\nkind = \"static\"\nroles = [\"s\", \"c\"]\nat_most = 1\n";
        let found = found(text);
        let kinds: Vec<FindingKind> = found.iter().map(|(kind, _)| *kind).collect();
        let expected = [FindingKind::IdleConstraint, FindingKind::BlockedRole];
        assert_eq!(kinds, expected, "{found:?}");
        assert_eq!(
            found[0].1,
            "constraint `y` can never bind: whoever would break it breaks `x` already"
        );
        assert!(found[1].1.contains("nobody can have role `s`"), "{found:?}");
    }

    #[test]
    fn of_very_many_combinations_none_is_called_impossible_that_is_not() {
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
        assert!(
            idle(25),
            "15 others and 5 of these are the 20 that it allows"
        );
        assert!(!idle(24), "16 others and 5 of these are one more");
        assert!(!idle(20));
    }

    #[test]
    fn a_role_that_nobody_can_activate_is_found() {
        let text = "[roles.a]\n[roles.s]\njuniors = [\"a\"]\n\
            [constraints.x]\nkind = \"dynamic\"\nroles = [\"a\", \"s\"]\nat_most = 1\n";
        let found = found(text);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].1.contains("nobody can activate role `s`"),
            "{found:?}"
        );
    }

    #[test]
    fn few_combinations_of_very_many_roles_are_found_at_once() {
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
        assert!(found[0].1.contains("`all` can never bind"), "{found:?}");
    }

    #[test]
    fn many_combinations_are_counted_rather_than_tried() {
        assert_eq!(combinations(4, 2), 6);
        assert_eq!(combinations(3, 3), 1);
        assert_eq!(combinations(3, 4), 1);
        assert!(combinations(64, 32) > MAX_COMBINATIONS);
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
        assert!(found[0].1.contains("`wide` can never bind"), "{found:?}");
    }
}
