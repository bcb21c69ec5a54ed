//! Checks that each step of an explanation is true and that nothing is missing.

use crate::{
    command::Name,
    model::{Key, Model, Times, covers, is_own},
};

/// A decision that a script requests.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) user: usize,
    /// A permission, or `role:NAME`.
    pub(crate) need: &'a str,
    pub(crate) tenant: Option<&'a str>,
}

/// The path from an assignment to what is needed, whether the assignment counts or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GrantPath {
    pub(crate) role: Name,
    pub(crate) tenant: Option<Name>,
    pub(crate) times: Times,
    pub(crate) path: Vec<Name>,
    /// The permission or wildcard of the last role; `None` if a role is needed.
    pub(crate) grant: Option<Name>,
}

/// The explanation of a denial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DenialReasons {
    pub(crate) exists: bool,
    pub(crate) sufficient_roles: Vec<Name>,
    /// Cause and path; without a grant where the explanation omits it.
    pub(crate) lost: Vec<(Name, GrantPath)>,
}

type Check = Result<(), String>;

fn ensure(is_true: bool, what: impl FnOnce() -> String) -> Check {
    if is_true { Ok(()) } else { Err(what()) }
}

impl Model {
    /// Checks an allowed decision: an assignment that counts, existing edges, and an existing grant.
    pub(crate) fn check_allowed(&self, question: Question<'_>, grant_path: &GrantPath) -> Check {
        self.check_steps(question, grant_path)?;
        let counts = self.cause_for_path(question, grant_path).is_none();
        ensure(counts, || format!("it does not count: {grant_path:?}"))?;
        // of several assignments, the one that lasts longest is named
        let ends = |times: Times| times.until.unwrap_or(i64::MAX);
        let all = self.assignments_of(question.user);
        let better = all.filter(|(key, times)| {
            ends(*times) > ends(grant_path.times)
                && self.gives(&key.role, question.need)
                && self.cause(question, key, *times).is_none()
        });
        ensure(better.count() == 0, || {
            format!("another lasts longer: {grant_path:?}")
        })
    }

    fn check_steps(&self, question: Question<'_>, grant_path: &GrantPath) -> Check {
        let key = Key {
            user: question.user,
            role: grant_path.role.clone(),
            tenant: grant_path.tenant.clone(),
        };
        let exists = self.assigned.get(&key) == Some(&grant_path.times);
        ensure(exists, || {
            format!("there is no such assignment: {grant_path:?}")
        })?;
        self.check_path(&grant_path.role, &grant_path.path)?;
        let last = grant_path.path.last().cloned().unwrap_or_default();
        let arrives = match (question.need.strip_prefix("role:"), &grant_path.grant) {
            (Some(role), None) => last == role,
            (None, Some(grant)) => {
                let held = (last, grant.clone());
                covers(grant, question.need) && self.grants.contains(&held)
            }
            // where the explanation omits the grant, the last role must hold one that covers the need
            (None, None) => {
                let mut held = self.grants.iter().filter(|(role, _)| *role == last);
                held.any(|(_, pattern)| covers(pattern, question.need))
            }
            (Some(_), Some(_)) => false,
        };
        ensure(arrives, || {
            format!("it does not lead to the need: {grant_path:?}")
        })
    }

    /// Checks that a path begins with a role and each of its roles inherits the next.
    pub(crate) fn check_path(&self, from: &Name, path: &[Name]) -> Check {
        let begins = path.first() == Some(from) && self.roles.contains(from);
        let steps = path.windows(2).all(|pair| match pair {
            [senior, junior] => self.juniors.contains(&(senior.clone(), junior.clone())),
            _ => false,
        });
        ensure(begins && steps, || {
            format!("{path:?} is not a path from {from}")
        })
    }

    fn cause_for_path(
        &self,
        question: Question<'_>,
        grant_path: &GrantPath,
    ) -> Option<&'static str> {
        let key = Key {
            user: question.user,
            role: grant_path.role.clone(),
            tenant: grant_path.tenant.clone(),
        };
        self.cause(question, &key, grant_path.times)
    }

    /// The reason why an assignment does not count, or `None` if it does.
    fn cause(&self, question: Question<'_>, key: &Key, times: Times) -> Option<&'static str> {
        let global_only = match question.need.strip_prefix("role:") {
            Some(role) => is_own(role),
            None => is_own(question.need) && !question.need.starts_with("rolecall.assignments:"),
        };
        if key.tenant.is_some() && global_only {
            Some("global_only")
        } else if key.tenant.is_some() && key.tenant.as_deref() != question.tenant {
            Some("other_tenant")
        } else if !times.has_begun(self.now) {
            Some("not_yet_valid")
        } else if times.is_over(self.now) {
            Some("expired")
        } else {
            None
        }
    }

    /// Checks a denial: it must be true and complete.
    pub(crate) fn check_denied(&self, question: Question<'_>, denial: &DenialReasons) -> Check {
        let exists = self.knows(question.need);
        ensure(denial.exists == exists, || {
            format!("exists: {}", denial.exists)
        })?;
        for (cause, grant_path) in &denial.lost {
            self.check_steps(question, grant_path)?;
            let expected = self.cause_for_path(question, grant_path);
            ensure(expected == Some(cause.as_str()), || {
                format!("{cause} should be {expected:?}: {grant_path:?}")
            })?;
        }
        let leading = self.assignments_of(question.user);
        let leading = leading.filter(|(key, _)| self.gives(&key.role, question.need));
        let leading = leading.count();
        ensure(denial.lost.len() == leading.min(10), || {
            format!("{leading} assignments lead there, and {:?}", denial.lost)
        })?;
        self.check_sufficient_roles(question.need, &denial.sufficient_roles)
    }

    fn check_sufficient_roles(&self, need: &str, named: &[Name]) -> Check {
        let smallest = |role: &Name| {
            let mut below = self.closure([role]).into_iter();
            self.gives(role, need) && !below.any(|one| one != *role && self.gives(&one, need))
        };
        // a role is sufficient for itself, whatever it inherits
        let expected: Vec<&Name> = match need.strip_prefix("role:") {
            Some(target) => self.roles.iter().filter(|role| *role == target).collect(),
            None => self.roles.iter().filter(|role| smallest(role)).collect(),
        };
        let whole = named.iter().all(|role| expected.contains(&role));
        ensure(whole && named.len() == expected.len().min(5), || {
            format!("sufficient roles are {named:?}, expected {expected:?}")
        })
    }

    /// The users who may assign a role: all who are active and hold everything needed.
    pub(crate) fn possible_assigners(&self, role: &Name, tenant: Option<&str>) -> Vec<Name> {
        let active = self.users.iter().filter(|(_, user)| !user.disabled);
        let may = active.filter(|(_, user)| self.may_assign(user.id, role, tenant));
        may.map(|(name, _)| name.clone()).collect()
    }
}
