use std::collections::BTreeMap;

use super::{Document, Expectation, Step, Who, times};
use crate::{
    Cause, Decision, Derivation, Need, Permission, Policy, Question, RoleAssignment, RoleName,
    Shortfall, Timestamp,
};

/// Who has which roles, by user name; a name that is missing is no user.
pub type Facts = BTreeMap<String, Vec<RoleAssignment>>;

/// An expectation that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where the expectation stands in the document.
    pub path: Vec<Step>,
    /// Who, can or cannot what, in which tenant and at what time.
    pub expected: String,
    /// Why it is otherwise.
    pub because: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, but {}", self.expected, self.because)
    }
}

/// Asks `policy` for everything that the tests of `document` expect; `facts` holds the users that they are
/// about, `now` is the time for tests that say none.
#[must_use]
pub fn run(document: &Document, policy: &Policy, facts: &Facts, now: Timestamp) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (at, test) in document.tests.iter().enumerate() {
        let assignments = match &test.who {
            Who::Role(role) => Some(vec![RoleAssignment::lasting(role)]),
            Who::User(user) => facts.get(user).cloned(),
        };
        for (list, permissions, wanted) in
            [("can", &test.can, true), ("cannot", &test.cannot, false)]
        {
            for (index, permission) in permissions.iter().enumerate() {
                let because = match &assignments {
                    None => Some("there is no such user".to_owned()),
                    Some(assignments) => {
                        contrary(policy, test, assignments, permission, wanted, now)
                    }
                };
                failures.extend(because.map(|because| Failure {
                    path: vec!["tests".into(), at.into(), list.into(), index.into()],
                    expected: sentence(test, permission, wanted),
                    because,
                }));
            }
        }
    }
    failures
}

fn sentence(test: &Expectation, permission: &Permission, wanted: bool) -> String {
    let who = match &test.who {
        Who::Role(role) => format!("role `{role}`"),
        Who::User(user) => format!("user `{user}`"),
    };
    let verb = if wanted { "can" } else { "cannot" };
    let tenant = test
        .tenant
        .as_ref()
        .map(|tenant| format!(" in tenant `{tenant}`"));
    let at = test.at.map(|at| format!(" at {}", times::format(at)));
    format!(
        "{who} {verb} `{permission}`{}{}",
        tenant.unwrap_or_default(),
        at.unwrap_or_default()
    )
}

/// Why it is not as wanted, if it is not.
fn contrary(
    policy: &Policy,
    test: &Expectation,
    assignments: &[RoleAssignment],
    permission: &Permission,
    wanted: bool,
    now: Timestamp,
) -> Option<String> {
    let question = Question {
        need: Need::Permission(permission),
        tenant: test.tenant.as_ref(),
        at: test.at.unwrap_or(now),
    };
    match policy.decide(assignments, &question) {
        Decision::Allowed(by) if !wanted => Some(format!("it is given by {}", way(&by))),
        Decision::Denied(shortfall) if wanted => Some(lack(&shortfall)),
        _ => None,
    }
}

/// `editor -> reader, which holds items:*`
fn way(by: &Derivation<'_>) -> String {
    let path: Vec<&str> = by.path.iter().map(RoleName::as_str).collect();
    let grant = by
        .grant
        .as_ref()
        .map(|held| format!(", which holds {held}"));
    let tenant = by.assignment.tenant.as_ref();
    let tenant = tenant.map(|tenant| format!(" (in tenant `{tenant}`)"));
    format!(
        "{}{}{}",
        path.join(" -> "),
        grant.unwrap_or_default(),
        tenant.unwrap_or_default()
    )
}

fn lack(shortfall: &Shortfall<'_>) -> String {
    if let Some(lost) = shortfall.lost.first() {
        let cause = match lost.cause {
            Cause::NotYetValid => "begins later",
            Cause::Expired => "is over",
            Cause::OtherTenant => "is for another tenant",
            Cause::GlobalOnly => "is for a tenant, and this comes from global ones alone",
        };
        return format!("the assignment of {} {cause}", way(&lost.by));
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
            "nothing gives it; it would come with {}",
            roles.join(" or ")
        )
    }
}
