use std::collections::BTreeMap;

use super::{
    model::{Document, Expectation, TestSubject},
    position::Step,
    times,
};
use crate::{
    Decision, Derivation, InactiveReason, Need, Permission, Policy, Question, RoleAssignment,
    RoleName, Shortfall, Timestamp,
};

/// The role assignments of users, by user name. A user who is missing does not exist.
pub type UserAssignments = BTreeMap<String, Vec<RoleAssignment>>;

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFailure {
    /// The path of the permission in the document.
    pub path: Vec<Step>,
    /// The expectation, such as "role `editor` should have `items:read`".
    pub expected: String,
    /// The reason why it is not met.
    pub reason: String,
}

impl std::fmt::Display for TestFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, but {}", self.expected, self.reason)
    }
}

/// Runs the tests of `document` against `policy` and returns those that fail.
///
/// `users` has the users that the tests name, `now` is the time for tests that do not state one.
///
/// ```
/// use rolecall_core::{Timestamp, document::{Document, UserAssignments, run_tests}};
///
/// let text = "[permissions]\n\"items:read\" = \"\"\n[roles.reader]\n\
///     [[tests]]\nrole = \"reader\"\ncan = [\"items:read\"]";
/// let document = Document::parse(text).unwrap().document;
/// let policy = document.policy()?;
/// let failures = run_tests(&document, &policy, &UserAssignments::new(), Timestamp::from_seconds(0));
/// assert_eq!(failures[0].to_string(), "role `reader` should have `items:read`, but no role gives it");
/// # Ok::<(), rolecall_core::PolicyError>(())
/// ```
#[must_use]
pub fn run_tests(
    document: &Document,
    policy: &Policy,
    users: &UserAssignments,
    now: Timestamp,
) -> Vec<TestFailure> {
    let mut failures = Vec::new();
    for (test_index, test) in document.tests.iter().enumerate() {
        let assignments = match &test.subject {
            TestSubject::Role(role) => Some(vec![RoleAssignment::permanent(role)]),
            TestSubject::User(user) => users.get(user).cloned(),
        };
        let reached = test.acr.map(|acr| policy.reached_by(acr));
        let policy = reached.as_ref().unwrap_or(policy);
        for (list, permissions, expected) in
            [("can", &test.can, true), ("cannot", &test.cannot, false)]
        {
            for (index, permission) in permissions.iter().enumerate() {
                let reason = match &assignments {
                    None => Some("this user does not exist".to_owned()),
                    Some(assignments) => {
                        failure_reason(policy, test, assignments, permission, expected, now)
                    }
                };
                failures.extend(reason.map(|reason| TestFailure {
                    path: vec!["tests".into(), test_index.into(), list.into(), index.into()],
                    expected: sentence(test, permission, expected),
                    reason,
                }));
            }
        }
    }
    failures
}

fn sentence(test: &Expectation, permission: &Permission, expected: bool) -> String {
    let subject = match &test.subject {
        TestSubject::Role(role) => format!("role `{role}`"),
        TestSubject::User(user) => format!("user `{user}`"),
    };
    let verb = if expected {
        "should have"
    } else {
        "should not have"
    };
    let tenant = test
        .tenant
        .as_ref()
        .map(|tenant| format!(" in tenant `{tenant}`"));
    let at = test.at.map(|at| format!(" at {}", times::format(at)));
    let acr = test.acr.map(|acr| format!(" in a session of {acr}"));
    format!(
        "{subject} {verb} `{permission}`{}{}{}",
        tenant.unwrap_or_default(),
        at.unwrap_or_default(),
        acr.unwrap_or_default()
    )
}

/// Returns the reason why the policy's decision is not as `expected`, or `None` if it is.
fn failure_reason(
    policy: &Policy,
    test: &Expectation,
    assignments: &[RoleAssignment],
    permission: &Permission,
    expected: bool,
    now: Timestamp,
) -> Option<String> {
    let question = Question {
        need: Need::Permission(permission),
        tenant: test.tenant.as_ref(),
        at: test.at.unwrap_or(now),
    };
    match policy.decide(assignments, &question) {
        Decision::Allowed(derivation) if !expected => {
            Some(format!("gets it from {}", describe_derivation(&derivation)))
        }
        Decision::Denied(shortfall) if expected => Some(describe_shortfall(&shortfall)),
        _ => None,
    }
}

/// Returns, for example, `editor -> reader, which holds items:*`.
fn describe_derivation(derivation: &Derivation<'_>) -> String {
    let path: Vec<&str> = derivation.path.iter().map(RoleName::as_str).collect();
    let grant = derivation
        .grant
        .as_ref()
        .map(|pattern| format!(", which holds {pattern}"));
    let tenant = derivation.assignment.tenant.as_ref();
    let tenant = tenant.map(|tenant| format!(" (in tenant `{tenant}`)"));
    format!(
        "{}{}{}",
        path.join(" -> "),
        grant.unwrap_or_default(),
        tenant.unwrap_or_default()
    )
}

fn describe_shortfall(shortfall: &Shortfall<'_>) -> String {
    if let Some(inactive) = shortfall.inactive.first() {
        let reason = match inactive.reason {
            InactiveReason::NotYetValid => "is not yet valid",
            InactiveReason::Expired => "has expired",
            InactiveReason::OtherTenant => "is for another tenant",
            InactiveReason::GlobalOnly => {
                "is for a tenant, and only a global one gives this permission"
            }
        };
        return format!(
            "the assignment of {} {reason}",
            describe_derivation(&inactive.derivation)
        );
    }
    let roles: Vec<&str> = shortfall
        .smallest_roles
        .iter()
        .map(RoleName::as_str)
        .collect();
    if roles.is_empty() {
        "no role gives it".to_owned()
    } else {
        format!(
            "no assigned role gives it; these would: {}",
            roles.join(", ")
        )
    }
}
