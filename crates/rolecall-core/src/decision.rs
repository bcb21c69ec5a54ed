//! Whether somebody may do something, and why.

use crate::{
    Permission, PermissionPattern, Policy, RoleAssignment, RoleName, Standing, TenantName,
    Timestamp,
};

/// How many roles a denial names that would have given what is missing.
const SMALLEST_NAMED: usize = 5;

/// What is needed: a permission, or a role by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<'a> {
    /// To hold a permission.
    Permission(&'a Permission),
    /// To count as one of a role: to have it, or one that inherits it.
    Role(&'a RoleName),
}

/// What is asked of [`Policy::decide`], beside the assignments of whoever it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// What is needed.
    pub need: Need<'a>,
    /// The tenant that it is needed in; `None` where only global assignments count.
    pub tenant: Option<&'a TenantName>,
    /// The moment that is asked about.
    pub at: Timestamp,
}

/// The answer, with its derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Yes, and by what.
    Allowed(Derivation<'a>),
    /// No, and what is lacking.
    Denied(Shortfall<'a>),
}

/// How an assignment leads to what is needed. Each step can be checked on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation<'a> {
    /// The assignment that it begins with.
    pub assignment: &'a RoleAssignment,
    /// From the assigned role down to the one that holds what is needed, both included; each inherits the next.
    pub path: Vec<RoleName>,
    /// What the last of these holds: the permission, or the wildcard that covers it. `None` where a role was
    /// needed.
    pub grant: Option<PermissionPattern>,
}

/// Why the answer is no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortfall<'a> {
    /// Whether the permission or role exists at all.
    pub is_known: bool,
    /// Roles that would give it and inherit none that would too, who gives least first; a few at most.
    pub smallest_roles: Vec<RoleName>,
    /// Assignments that are there and would give it, if they counted.
    pub lost: Vec<Lost<'a>>,
}

/// An assignment that leads to what is needed and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost<'a> {
    /// Why it does not count.
    pub cause: Cause,
    /// How it would lead there.
    pub by: Derivation<'a>,
}

/// Why an assignment does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It begins later.
    NotYetValid,
    /// It is over.
    Expired,
    /// It is limited to another tenant than the one asked about.
    OtherTenant,
    /// What it leads to is rolecall's own, and comes from global assignments alone.
    GlobalOnly,
}

impl Decision<'_> {
    /// Whether the answer is yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Policy {
    /// Decides for whoever has `assignments`, and says why.
    ///
    /// Of several assignments that would do, the answer names the one that lasts longest, then the one with
    /// the shortest way, then the first in the order given.
    ///
    /// ```
    /// use rolecall_core::{Decision, Need, PolicyBuilder, Question, RoleAssignment, Timestamp};
    ///
    /// let mut rules = PolicyBuilder::default();
    /// rules.permission("items:read".parse()?).grant("reader".parse()?, "items:*".parse()?);
    /// rules.inherit("editor".parse()?, "reader".parse()?);
    /// let policy = rules.build()?;
    /// let given = [RoleAssignment {
    ///     role: "editor".parse()?,
    ///     tenant: None,
    ///     valid_from: None,
    ///     expires_at: None,
    ///     reason: None,
    ///     assigned_by: "cli:root".into(),
    ///     assigned_at: Timestamp::from_seconds(0),
    /// }];
    /// let permission = "items:read".parse()?;
    /// let question = Question { need: Need::Permission(&permission), tenant: None, at: Timestamp::from_seconds(9) };
    /// let Decision::Allowed(why) = policy.decide(&given, &question) else { panic!() };
    /// assert_eq!(why.path, ["editor".parse()?, "reader".parse()?]);
    /// assert_eq!(why.grant, Some("items:*".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn decide<'a>(
        &self,
        assignments: &'a [RoleAssignment],
        question: &Question<'_>,
    ) -> Decision<'a> {
        let mut best: Option<Derivation<'a>> = None;
        let mut lost = Vec::new();
        for assignment in assignments {
            let Some(by) = self.leads(assignment, question.need) else {
                continue;
            };
            match cause_against(assignment, question) {
                Some(cause) => lost.push(Lost { cause, by }),
                None if best.as_ref().is_none_or(|best| is_better(&by, best)) => best = Some(by),
                None => {}
            }
        }
        match best {
            Some(derivation) => Decision::Allowed(derivation),
            None => Decision::Denied(self.shortfall(question.need, lost)),
        }
    }

    /// How `assignment` leads to what is needed, whether or not it counts.
    fn leads<'a>(&self, assignment: &'a RoleAssignment, need: Need<'_>) -> Option<Derivation<'a>> {
        let (path, grant) = match need {
            Need::Role(role) => (self.path(&assignment.role, role)?, None),
            Need::Permission(permission) => {
                let (path, grant) = self.derivation(&assignment.role, permission)?;
                (path, Some(grant))
            }
        };
        Some(Derivation {
            assignment,
            path,
            grant,
        })
    }

    fn shortfall<'a>(&self, need: Need<'_>, lost: Vec<Lost<'a>>) -> Shortfall<'a> {
        let (is_known, smallest_roles) = match need {
            Need::Permission(permission) => (
                self.knows(&permission.clone().into()),
                self.smallest_giving(permission, SMALLEST_NAMED),
            ),
            Need::Role(role) => {
                let known = self.role(role.as_str()).is_some();
                (known, known.then(|| role.clone()).into_iter().collect())
            }
        };
        Shortfall {
            is_known,
            smallest_roles,
            lost,
        }
    }
}

/// Why `assignment` does not count for `question`, if it does not.
fn cause_against(assignment: &RoleAssignment, question: &Question<'_>) -> Option<Cause> {
    let can_give = match question.need {
        Need::Permission(permission) => assignment.can_give(permission),
        Need::Role(role) => assignment.can_give_role(role),
    };
    if !can_give {
        return Some(Cause::GlobalOnly);
    }
    match assignment.standing(question.tenant, question.at) {
        Standing::InForce => None,
        Standing::NotYetValid => Some(Cause::NotYetValid),
        Standing::Expired => Some(Cause::Expired),
        Standing::OtherTenant => Some(Cause::OtherTenant),
    }
}

fn is_better(one: &Derivation<'_>, other: &Derivation<'_>) -> bool {
    let end = |by: &Derivation<'_>| by.assignment.expires_at.unwrap_or(Timestamp::MAX);
    (end(one), other.path.len()) > (end(other), one.path.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::PolicyBuilder;
    use proptest::prelude::*;

    const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "rolecall.r4"];
    const PERMISSIONS: [&str; 5] = [
        "a:x",
        "a:y",
        "b:x",
        "rolecall.users:read",
        "rolecall.assignments:write",
    ];
    const TENANTS: [&str; 2] = ["acme", "other"];

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    /// Rules as lists: who holds what, who inherits whom. Edges go from lower to higher numbers.
    #[derive(Clone, Debug)]
    struct Model {
        grants: BTreeSet<(usize, usize)>,
        wildcards: BTreeSet<usize>,
        edges: BTreeSet<(usize, usize)>,
        given: Vec<RoleAssignment>,
    }

    impl Model {
        fn policy(&self) -> Policy {
            let mut rules = PolicyBuilder::default();
            for permission in PERMISSIONS {
                rules.permission(name(permission));
            }
            for role in ROLES {
                rules.role(name(role));
            }
            for (role, permission) in &self.grants {
                rules.grant(name(ROLES[*role]), name(PERMISSIONS[*permission]));
            }
            for role in &self.wildcards {
                rules.grant(name(ROLES[*role]), name("a:*"));
            }
            for (senior, junior) in &self.edges {
                rules.inherit(name(ROLES[*senior]), name(ROLES[*junior]));
            }
            rules.build().unwrap()
        }

        fn holds(&self, role: usize, permission: usize) -> bool {
            self.grants.contains(&(role, permission))
                || (self.wildcards.contains(&role) && PERMISSIONS[permission].starts_with("a:"))
                || self
                    .edges
                    .iter()
                    .any(|(senior, junior)| *senior == role && self.holds(*junior, permission))
        }

        fn allows(&self, permission: usize, tenant: Option<&str>, at: i64) -> bool {
            self.given.iter().any(|given| {
                let role = ROLES.iter().position(|role| *role == given.role.as_str());
                let of_tenant = given.tenant.as_ref().map(TenantName::as_str);
                let text = PERMISSIONS[permission];
                let own =
                    text.starts_with("rolecall.") && !text.starts_with("rolecall.assignments:");
                self.holds(role.unwrap(), permission)
                    && (of_tenant.is_none() || (of_tenant == tenant && !own))
                    && given.valid_from.is_none_or(|from| from.seconds() <= at)
                    && given.expires_at.is_none_or(|end| at < end.seconds())
            })
        }
    }

    fn given() -> impl Strategy<Value = RoleAssignment> {
        let time = || prop::option::of(0i64..10);
        (
            0..ROLES.len(),
            prop::option::of(0..TENANTS.len()),
            time(),
            time(),
        )
            .prop_map(|(role, tenant, from, end)| RoleAssignment {
                role: name(ROLES[role]),
                tenant: tenant.map(|tenant| name(TENANTS[tenant])),
                valid_from: from.map(Timestamp::from_seconds),
                expires_at: end.map(Timestamp::from_seconds),
                reason: None,
                assigned_by: "system".into(),
                assigned_at: Timestamp::from_seconds(0),
            })
    }

    fn models() -> impl Strategy<Value = Model> {
        let pairs = |most| prop::collection::btree_set((0..ROLES.len(), 0..most), 0..8);
        (
            pairs(PERMISSIONS.len()),
            prop::collection::btree_set(0..ROLES.len(), 0..2),
            pairs(ROLES.len()),
            prop::collection::vec(given(), 0..5),
        )
            .prop_map(|(grants, wildcards, edges, given)| Model {
                grants,
                wildcards,
                edges: edges.into_iter().filter(|(a, b)| a < b).collect(),
                given,
            })
    }

    /// Looks at each step by itself: the assignment is one of those given, each role inherits the next, and
    /// the last holds the grant, which covers the permission.
    fn check(model: &Model, by: &Derivation<'_>, permission: &Permission) {
        assert!(model.given.contains(by.assignment));
        assert_eq!(by.path.first(), Some(&by.assignment.role));
        let number = |role: &RoleName| ROLES.iter().position(|one| *one == role.as_str()).unwrap();
        for pair in by.path.windows(2) {
            assert!(model.edges.contains(&(number(&pair[0]), number(&pair[1]))));
        }
        let (last, grant) = (number(by.path.last().unwrap()), by.grant.as_ref().unwrap());
        assert!(grant.matches(permission));
        match grant.as_permission() {
            None => assert!(model.wildcards.contains(&last)),
            Some(one) => {
                let held = PERMISSIONS.iter().position(|known| *known == one.as_str());
                assert!(model.grants.contains(&(last, held.unwrap())));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_decision_is_that_of_a_simple_model_and_each_of_its_steps_is_true(
            model in models(),
            permission in 0..PERMISSIONS.len(),
            tenant in prop::option::of(0..TENANTS.len()),
            at in 0i64..10,
        ) {
            let policy = model.policy();
            let tenant = tenant.map(|tenant| TENANTS[tenant]);
            let tenant_name = tenant.map(name::<TenantName>);
            let wanted: Permission = name(PERMISSIONS[permission]);
            let question = Question {
                need: Need::Permission(&wanted),
                tenant: tenant_name.as_ref(),
                at: Timestamp::from_seconds(at),
            };
            let decision = policy.decide(&model.given, &question);
            prop_assert_eq!(decision.is_allowed(), model.allows(permission, tenant, at));
            match decision {
                Decision::Allowed(by) => {
                    check(&model, &by, &wanted);
                    prop_assert_eq!(cause_against(by.assignment, &question), None);
                }
                Decision::Denied(shortfall) => {
                    prop_assert!(shortfall.is_known);
                    for lost in &shortfall.lost {
                        check(&model, &lost.by, &wanted);
                        prop_assert_eq!(cause_against(lost.by.assignment, &question), Some(lost.cause));
                    }
                    // each role that is named gives it, and some role is named if any gives it
                    let gives = |role: usize| model.holds(role, permission);
                    for role in &shortfall.smallest_roles {
                        prop_assert!(gives(ROLES.iter().position(|one| *one == role.as_str()).unwrap()));
                    }
                    prop_assert_eq!(shortfall.smallest_roles.is_empty(), !(0..ROLES.len()).any(gives));
                }
            }
        }

        #[test]
        fn what_some_roles_give_together_is_what_each_gives_by_itself(
            model in models(),
            roles in prop::collection::vec(0..ROLES.len(), 0..4),
        ) {
            let policy = model.policy();
            let names: Vec<RoleName> = roles.iter().map(|role| name(ROLES[*role])).collect();
            let effective = policy.effective(&names);
            let mut count = 0;
            for (number, permission) in PERMISSIONS.iter().enumerate() {
                let held = roles.iter().any(|role| model.holds(*role, number));
                count += usize::from(held);
                prop_assert_eq!(effective.allows(permission), held);
            }
            prop_assert_eq!(effective.len(), count);
            prop_assert_eq!(effective.is_empty(), count == 0);
            prop_assert!(!effective.allows("a:z") && !effective.allows("") && !effective.allows("a:*"));
        }
    }

    fn lasting(role: &str, expires_at: Option<i64>) -> RoleAssignment {
        RoleAssignment {
            role: name(role),
            tenant: None,
            valid_from: None,
            expires_at: expires_at.map(Timestamp::from_seconds),
            reason: None,
            assigned_by: "system".into(),
            assigned_at: Timestamp::from_seconds(0),
        }
    }

    fn small() -> Policy {
        let mut rules = PolicyBuilder::default();
        rules.permission(name("a:x")).permission(name("a:y"));
        rules.grant(name("low"), name("a:x"));
        rules.grant(name("wide"), name("a:*"));
        rules.inherit(name("high"), name("low"));
        rules.build().unwrap()
    }

    #[test]
    fn the_assignment_that_lasts_longest_is_named_and_then_the_shortest_way() {
        let wanted = name("a:x");
        let question = Question {
            need: Need::Permission(&wanted),
            tenant: None,
            at: Timestamp::from_seconds(1),
        };
        let by = |given: &[RoleAssignment]| match small().decide(given, &question) {
            Decision::Allowed(by) => by.assignment.role.to_string(),
            Decision::Denied(_) => "none".to_owned(),
        };
        assert_eq!(
            by(&[lasting("low", Some(9)), lasting("high", None)]),
            "high"
        );
        assert_eq!(by(&[lasting("high", None), lasting("low", None)]), "low");
        // whichever stands first
        assert_eq!(
            by(&[lasting("high", None), lasting("low", Some(9))]),
            "high"
        );
        assert_eq!(by(&[lasting("low", None), lasting("high", None)]), "low");
        assert_eq!(by(&[lasting("low", None), lasting("wide", None)]), "low");
        assert_eq!(by(&[lasting("wide", None), lasting("low", None)]), "wide");
        assert_eq!(by(&[]), "none");
    }

    #[test]
    fn a_denial_names_the_smallest_roles_first_and_none_that_only_inherits_them() {
        let wanted = name("a:x");
        assert_eq!(
            small().smallest_giving(&wanted, 5),
            [name("low"), name("wide")]
        );
        assert_eq!(small().smallest_giving(&wanted, 1), [name("low")]);
        assert_eq!(small().smallest_giving(&name("b:x"), 5), []);
    }

    #[test]
    fn a_denial_names_no_role_that_inherits_one_which_gives_as_much() {
        let mut rules = PolicyBuilder::default();
        rules.permission(name("a:x"));
        rules.grant(name("all"), name("a:x"));
        rules.grant(name("above"), name("a:x"));
        rules.inherit(name("above"), name("all"));
        let policy = rules.build().unwrap();
        assert_eq!(policy.smallest_giving(&name("a:x"), 5), [name("all")]);
    }

    #[test]
    fn a_role_can_be_needed_by_its_name() {
        let role = name("low");
        let question = Question {
            need: Need::Role(&role),
            tenant: None,
            at: Timestamp::from_seconds(1),
        };
        let given = [lasting("high", None)];
        let policy = small();
        let Decision::Allowed(by) = policy.decide(&given, &question) else {
            panic!("high inherits low");
        };
        assert_eq!((by.path.len(), by.grant), (2, None));
        let wide = [lasting("wide", None)];
        let Decision::Denied(none) = policy.decide(&wide, &question) else {
            panic!("wide does not");
        };
        assert_eq!(none.smallest_roles, [name("low")]);
    }
}
