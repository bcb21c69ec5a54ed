//! Who may give a role: a search that is bounded, whatever the policy and however many users.

use super::step::{Giver, Step};
use crate::{
    app::App,
    authority::{builtin, may},
    error::ApiError,
    roles::{assignment_store, ended_store},
    store::Conn,
};
use rolecall::PermissionName as _;
use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    AssignmentStatus, Authority, Permission, Policy, RoleAssignment, RoleName, TenantName,
};

/// How many who may give a role are listed.
const GIVERS_NAMED: usize = 10;
/// How many users are looked at to find those.
const GIVERS_TRIED: i64 = 50;
/// By how many roles somebody may have come to give roles, as far as it is looked at.
const GIVING_ROLES_TRIED: usize = 20;
/// How many queries one answer may cost to find those who may give roles, for all that is needed together.
const GIVER_QUERIES: usize = 120;

/// The search for those who may give a role: what it may still cost, and what it has read.
pub(super) struct Search {
    queries_left: usize,
    held: BTreeMap<String, Vec<RoleAssignment>>,
}

impl Search {
    pub(super) fn new() -> Self {
        Self {
            queries_left: GIVER_QUERIES,
            held: BTreeMap::new(),
        }
    }

    /// Whether one more query may be made.
    fn spend(&mut self) -> bool {
        let left = self.queries_left.checked_sub(1);
        self.queries_left = left.unwrap_or(0);
        left.is_some()
    }

    /// The assignments of a user; `None` if that would be one query too many.
    async fn held(
        &mut self,
        conn: &mut Conn,
        id: &str,
    ) -> Result<Option<&[RoleAssignment]>, ApiError> {
        if !self.held.contains_key(id) {
            if !self.spend() {
                return Ok(None);
            }
            let held = assignment_store::all_of(conn, id).await?;
            self.held.insert(id.to_owned(), held);
        }
        Ok(self.held.get(id).map(Vec::as_slice))
    }
}

/// Which users may give `role`, globally or in `tenant`: they hold the permission to give roles, and all that
/// the role holds. As far as `search` goes: the answer says where there may be more.
pub(super) async fn may_give(
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
    let mut giving: Vec<RoleName> = policy.roles_giving(&write).into_iter().collect();
    // whoever may give anything is found first
    giving.sort_by_key(|by| by.as_str() != builtin::ADMIN);
    let mut more = giving.len() > GIVING_ROLES_TRIED;
    'search: for by in giving.iter().take(GIVING_ROLES_TRIED) {
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
            let Some(held) = search.held(conn, &id).await? else {
                more = true;
                break 'search;
            };
            if !may_hand_on(app, policy, held, (role, tenant), &write) {
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

/// Whether whoever has `held` may hand `role` on, globally or in one tenant.
fn may_hand_on(
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
