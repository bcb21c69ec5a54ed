//! Whether each step of an explanation is true, and nothing is left out.

use crate::{
    command::Name,
    model::{Key, Model, Times, covers, is_own},
};

/// A question, as a script asks it.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) user: usize,
    /// A permission, or `role:NAME`.
    pub(crate) need: &'a str,
    pub(crate) tenant: Option<&'a str>,
}

/// How an assignment leads, or would lead, to what is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) role: Name,
    pub(crate) tenant: Option<Name>,
    pub(crate) times: Times,
    pub(crate) path: Vec<Name>,
    /// What the last role of the path holds; none where a role is needed.
    pub(crate) grant: Option<Name>,
}

/// What an explanation of a no says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) exists: bool,
    pub(crate) would_give: Vec<Name>,
    /// Cause and way; without a grant where it is not told.
    pub(crate) lost: Vec<(Name, Way)>,
}

type Truth = Result<(), String>;

fn demand(is_true: bool, what: impl FnOnce() -> String) -> Truth {
    if is_true { Ok(()) } else { Err(what()) }
}

impl Model {
    /// A yes must be one, by an assignment that counts, along edges that are there, to a grant that is there.
    pub(crate) fn check_way(&self, question: Question<'_>, way: &Way) -> Truth {
        self.check_steps(question, way)?;
        let counts = self.cause_against(question, way).is_none();
        demand(counts, || format!("it does not count: {way:?}"))?;
        // of several the one that lasts longest is named
        let ends = |times: Times| times.until.unwrap_or(i64::MAX);
        let all = self.assignments_of(question.user);
        let better = all.filter(|(key, times)| {
            ends(*times) > ends(way.times)
                && self.gives(&key.role, question.need)
                && self.cause(question, key, *times).is_none()
        });
        demand(better.count() == 0, || {
            format!("another lasts longer: {way:?}")
        })
    }

    fn check_steps(&self, question: Question<'_>, way: &Way) -> Truth {
        let key = Key {
            user: question.user,
            role: way.role.clone(),
            tenant: way.tenant.clone(),
        };
        let given = self.assigned.get(&key) == Some(&way.times);
        demand(given, || format!("there is no such assignment: {way:?}"))?;
        self.check_path(&way.role, &way.path)?;
        let last = way.path.last().cloned().unwrap_or_default();
        let arrives = match (question.need.strip_prefix("role:"), &way.grant) {
            (Some(role), None) => last == role,
            (None, Some(grant)) => {
                let held = (last, grant.clone());
                covers(grant, question.need) && self.grants.contains(&held)
            }
            // where the grant is not told, the last role must hold something that covers it
            (None, None) => {
                let mut held = self.grants.iter().filter(|(role, _)| *role == last);
                held.any(|(_, pattern)| covers(pattern, question.need))
            }
            (Some(_), Some(_)) => false,
        };
        demand(arrives, || format!("it does not lead there: {way:?}"))
    }

    /// Whether a path begins with a role and each of its roles inherits the next.
    pub(crate) fn check_path(&self, from: &Name, path: &[Name]) -> Truth {
        let begins = path.first() == Some(from) && self.roles.contains(from);
        let steps = path.windows(2).all(|pair| match pair {
            [senior, junior] => self.juniors.contains(&(senior.clone(), junior.clone())),
            _ => false,
        });
        demand(begins && steps, || {
            format!("{path:?} is no way from {from}")
        })
    }

    fn cause_against(&self, question: Question<'_>, way: &Way) -> Option<&'static str> {
        let key = Key {
            user: question.user,
            role: way.role.clone(),
            tenant: way.tenant.clone(),
        };
        self.cause(question, &key, way.times)
    }

    /// Why an assignment that leads there does not count.
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

    /// A no must be one, and all that it says true and whole.
    pub(crate) fn check_lack(&self, question: Question<'_>, lack: &Lack) -> Truth {
        let exists = self.knows(question.need);
        demand(lack.exists == exists, || format!("exists: {}", lack.exists))?;
        for (cause, way) in &lack.lost {
            self.check_steps(question, way)?;
            let right = self.cause_against(question, way);
            demand(right == Some(cause.as_str()), || {
                format!("{cause} should be {right:?}: {way:?}")
            })?;
        }
        let leading = self.assignments_of(question.user);
        let leading = leading.filter(|(key, _)| self.gives(&key.role, question.need));
        let leading = leading.count();
        demand(lack.lost.len() == leading.min(10), || {
            format!("{leading} assignments lead there, and {:?}", lack.lost)
        })?;
        self.check_would_give(question.need, &lack.would_give)
    }

    fn check_would_give(&self, need: &str, named: &[Name]) -> Truth {
        let smallest = |role: &Name| {
            let mut below = self.below([role]).into_iter();
            self.gives(role, need) && !below.any(|one| one != *role && self.gives(&one, need))
        };
        // a role gives itself, whatever it inherits
        let right: Vec<&Name> = match need.strip_prefix("role:") {
            Some(wanted) => self.roles.iter().filter(|role| *role == wanted).collect(),
            None => self.roles.iter().filter(|role| smallest(role)).collect(),
        };
        let whole = named.iter().all(|role| right.contains(&role));
        demand(whole && named.len() == right.len().min(5), || {
            format!("{named:?} would give it, and should be {right:?}")
        })
    }

    /// Who may give a role: all who are active and hold all that is needed.
    pub(crate) fn givers(&self, role: &Name, tenant: Option<&str>) -> Vec<Name> {
        let active = self.users.iter().filter(|(_, user)| !user.disabled);
        let may = active.filter(|(_, user)| self.may_give(user.id, role, tenant));
        may.map(|(name, _)| name.clone()).collect()
    }
}
