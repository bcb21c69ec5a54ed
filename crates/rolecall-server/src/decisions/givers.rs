//! The users who may assign a role: a search that is bounded for any policy and any number of users.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::PermissionName as _;
use rolecall_core::{
    AssignmentStatus, Authority, Permission, Policy, RoleAssignment, RoleName, TenantName,
};

use super::step::{Giver, Step};
use crate::{
    app::App,
    authority::{builtin, may},
    error::ApiError,
    roles::{assignment_store, ended_store},
    store::Conn,
};

/// The most users who may assign a role that are listed.
const GIVERS_NAMED: usize = 10;
/// The most users that are checked to find those.
const GIVERS_TRIED: i64 = 50;
/// The most roles with the permission to assign roles whose holders are checked.
const ASSIGNING_ROLES_TRIED: usize = 20;
/// The most queries that one answer may cost to find users who may assign roles, for all its needs together.
const GIVER_QUERIES: usize = 120;

/// The queries that are left for a search, and the assignments that it has read.
pub(super) struct Search {
    queries_left: usize,
    assignments: BTreeMap<String, Vec<RoleAssignment>>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self {
            queries_left: GIVER_QUERIES,
            assignments: BTreeMap::new(),
        }
    }

    /// Takes one query from those that are left; false if none was left.
    fn spend(&mut self) -> bool {
        let left = self.queries_left.checked_sub(1);
        self.queries_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Returns the assignments of a user; `None` if no query is left to read them.
    async fn assignments(
        &mut self,
        conn: &mut Conn,
        id: &str,
    ) -> Result<Option<&[RoleAssignment]>, ApiError> {
        if !self.assignments.contains_key(id) {
            if !self.spend() {
                return Ok(None);
            }
            let read = assignment_store::all_of(conn, id).await?;
            self.assignments.insert(id.to_owned(), read);
        }
        Ok(self.assignments.get(id).map(Vec::as_slice))
    }
}

/// Finds users who may assign `role`, globally or in `tenant`: they hold the permission to assign roles, and all that the
/// role holds. `more` is true in the answer if `search` was exhausted first.
pub(super) async fn find_givers(
    app: &App,
    conn: &mut Conn,
    policy: &Policy,
    role: &RoleName,
    tenant: Option<&TenantName>,
    search: &mut Search,
) -> Result<Step, ApiError> {
    let now = app.now();
    let write: Permission = may::WriteAssignments::NAME
        .parse()
        .map_err(ApiError::internal)?;
    let mut users: Vec<Giver> = Vec::new();
    let mut tried = BTreeSet::new();
    let mut assigning: Vec<RoleName> = policy.roles_giving(&write).into_iter().collect();
    // users who may assign every role come first
    assigning.sort_by_key(|by| by.as_str() != builtin::ADMIN);
    let mut more = assigning.len() > ASSIGNING_ROLES_TRIED;
    'search: for by in assigning.iter().take(ASSIGNING_ROLES_TRIED) {
        if !search.spend() {
            more = true;
            break;
        }
        let found = ended_store::holders(conn, by, tenant, now, GIVERS_TRIED).await?;
        more |= i64::try_from(found.len()).is_ok_and(|found| found == GIVERS_TRIED);
        for (id, username) in found {
            if !tried.insert(id.clone()) {
                continue;
            }
            let Some(held) = search.assignments(conn, &id).await? else {
                more = true;
                break 'search;
            };
            if !can_assign(app, policy, held, (role, tenant), &write) {
                continue;
            }
            if users.len() == GIVERS_NAMED {
                more = true;
                break 'search;
            }
            users.push(Giver { id, username });
        }
    }
    users.sort_by(|one, other| one.username.cmp(&other.username));
    Ok(Step::MayGive {
        role: role.to_string(),
        tenant: tenant.map(ToString::to_string),
        users,
        more,
    })
}

/// Returns true if a user with these assignments may assign `role`, globally or in one tenant.
fn can_assign(
    app: &App,
    policy: &Policy,
    held: &[RoleAssignment],
    (role, tenant): (&RoleName, Option<&TenantName>),
    write: &Permission,
) -> bool {
    let now = app.now();
    let roles = |in_tenant: bool| {
        let counts = move |given: &&RoleAssignment| {
            given.tenant.is_some() == in_tenant
                && given.status(tenant, now) == AssignmentStatus::InForce
        };
        held.iter().filter(counts).map(|given| &given.role)
    };
    let local = Authority::in_tenant(policy, roles(true), &builtin::ANY);
    let authority = Authority::of(policy, roles(false), &builtin::ANY).union(local);
    let open = &app.settings().registration_roles;
    let covers = match tenant {
        Some(_) => authority.covers_in_tenant(policy, [role], open),
        None => authority.covers(policy, [role], open),
    };
    authority.holds(write) && covers.is_ok()
}
