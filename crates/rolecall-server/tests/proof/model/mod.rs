//! The model once more, as simple as it can be said: sets that are searched whole, loops that run until
//! nothing changes. Written after the contract, not after the code that it is the measure of.

mod act;
mod answer;
mod approval;
mod document;
mod duties;
mod held;
mod limit;
mod roles;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::builtin;

pub(crate) use answer::{Answer, Refusal};
pub(crate) use approval::Request;
pub(crate) use duties::{Duty, SEPARATION};
pub(crate) use held::{Counted, covers, is_own};
pub(crate) use limit::Authority;
pub(crate) use token::{Floor, Of, Session, Token};

use crate::command::Name;

/// Names of roles, or of permissions and wildcards.
pub(crate) type Names = BTreeSet<Name>;

/// Everything there is. Times are seconds since the script began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    /// How many changes there were.
    pub(crate) revision: i64,
    pub(crate) users: BTreeMap<Name, User>,
    /// How many users there ever were: an id is never used again.
    pub(crate) ids: usize,
    pub(crate) permissions: Names,
    pub(crate) roles: Names,
    /// Role and pattern.
    pub(crate) grants: BTreeSet<(Name, Name)>,
    /// Senior and junior.
    pub(crate) juniors: BTreeSet<(Name, Name)>,
    pub(crate) assigned: BTreeMap<Key, Times>,
    pub(crate) constraints: BTreeMap<Name, Duty>,
    /// The roles that need a second person.
    pub(crate) approval: Names,
    pub(crate) requests: BTreeMap<Key, Request>,
    pub(crate) floors: Vec<Floor>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) tokens: BTreeMap<Name, Token>,
}

/// A user that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: usize,
    pub(crate) disabled: bool,
}

/// User, role, tenant: what makes an assignment that one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) user: usize,
    pub(crate) role: Name,
    pub(crate) tenant: Option<Name>,
}

/// From when an assignment counts, and from when on no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
}

impl Times {
    pub(crate) fn has_begun(self, at: i64) -> bool {
        self.from.is_none_or(|from| from <= at)
    }

    pub(crate) fn is_over(self, at: i64) -> bool {
        self.until.is_some_and(|until| until <= at)
    }

    pub(crate) fn counts(self, at: i64) -> bool {
        self.has_begun(at) && !self.is_over(at)
    }
}

/// The permission that lifts the delegation limit.
pub(crate) const ANY: &str = "rolecall.assignments:any";
/// The role that owns the accounts.
pub(crate) const ADMIN: &str = "rolecall.admin";
/// The role that everybody gets who registers.
pub(crate) const USER: &str = "user";

impl Model {
    /// What there is before anything was done: rolecall's own, and `root`, who has all of it.
    pub(crate) fn new() -> Self {
        let mut model = Self::default();
        for (permission, _) in builtin::PERMISSIONS {
            model.permissions.insert((*permission).to_owned());
            let all = (ADMIN.to_owned(), (*permission).to_owned());
            model.grants.insert(all);
        }
        for permission in builtin::RESOURCE_SERVER_PERMISSIONS {
            let held = (
                builtin::RESOURCE_SERVER.to_owned(),
                (*permission).to_owned(),
            );
            model.grants.insert(held);
        }
        for (role, _) in builtin::ROLES {
            model.roles.insert((*role).to_owned());
        }
        let root = model.add_user("root");
        let admin = Key {
            user: root,
            role: ADMIN.to_owned(),
            tenant: None,
        };
        model.assigned.insert(admin, Times::default());
        model
    }

    fn add_user(&mut self, name: &str) -> usize {
        let id = self.ids;
        self.ids += 1;
        let user = User {
            id,
            disabled: false,
        };
        self.users.insert(name.to_owned(), user);
        id
    }

    pub(crate) fn id_of(&self, user: &str) -> Option<usize> {
        self.users.get(user).map(|user| user.id)
    }

    /// The assignments of a user, those that do not count too.
    pub(crate) fn assignments_of(&self, user: usize) -> impl Iterator<Item = (&Key, Times)> {
        let all = self
            .assigned
            .iter()
            .filter(move |(key, _)| key.user == user);
        all.map(|(key, times)| (key, *times))
    }

    /// How many active users have `rolecall.admin` for good.
    fn lasting_administrators(&self) -> usize {
        let is_lasting = |user: &User| {
            let all = self.assignments_of(user.id);
            let mut admin = all.filter(|(key, _)| key.role == ADMIN && key.tenant.is_none());
            admin.any(|(_, times)| times.until.is_none() && times.has_begun(self.now))
        };
        let active = self.users.values().filter(|user| !user.disabled);
        active.filter(|user| is_lasting(user)).count()
    }
}
