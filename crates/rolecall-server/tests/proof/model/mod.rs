//! A second implementation of the model, as simple as possible: sets that are searched completely, and loops that
//! run until nothing changes. It follows the contract, not the code that it is compared with.

mod act;
mod approval;
mod document;
mod duties;
mod held;
mod limit;
mod outcome;
mod roles;
mod selection;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::builtin;

pub(crate) use approval::Request;
pub(crate) use duties::{Duty, SEPARATION};
pub(crate) use held::{Counted, covers, is_own};
pub(crate) use limit::Authority;
pub(crate) use outcome::{Outcome, Refusal};
pub(crate) use token::{Floor, FloorKey, Session, Token};

use crate::command::Name;

/// Names of roles, or of permissions and wildcards.
pub(crate) type Names = BTreeSet<Name>;

/// The whole state. Times are in seconds since the start of the script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    /// The number of changes.
    pub(crate) revision: i64,
    pub(crate) users: BTreeMap<Name, User>,
    /// The number of users ever created: no id is used again.
    pub(crate) ids: usize,
    pub(crate) permissions: Names,
    pub(crate) roles: Names,
    /// Role and pattern.
    pub(crate) grants: BTreeSet<(Name, Name)>,
    /// Senior and junior.
    pub(crate) juniors: BTreeSet<(Name, Name)>,
    pub(crate) assigned: BTreeMap<Key, Times>,
    /// When each assignment was made or last changed.
    pub(crate) since: BTreeMap<Key, i64>,
    pub(crate) constraints: BTreeMap<Name, Duty>,
    /// The roles that need approval.
    pub(crate) approval: Names,
    pub(crate) requests: BTreeMap<Key, Request>,
    pub(crate) floors: Vec<Floor>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) tokens: BTreeMap<Name, Token>,
}

/// An existing user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: usize,
    pub(crate) disabled: bool,
}

/// The key of an assignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) user: usize,
    pub(crate) role: Name,
    pub(crate) tenant: Option<Name>,
}

/// The validity of an assignment: from `from` to just before `until`.
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
/// The role of administrators.
pub(crate) const ADMIN: &str = "rolecall.admin";
/// The role of everybody who registers.
pub(crate) const USER: &str = "user";

impl Model {
    /// The initial state: the built-in roles and permissions, and `root`, who holds all of them.
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

    /// The assignments of a user, including those that do not count.
    pub(crate) fn assignments_of(&self, user: usize) -> impl Iterator<Item = (&Key, Times)> {
        let all = self
            .assigned
            .iter()
            .filter(move |(key, _)| key.user == user);
        all.map(|(key, times)| (key, *times))
    }

    /// The number of active users with a permanent, global `rolecall.admin`.
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
