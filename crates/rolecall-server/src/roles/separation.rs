//! Separation of duties: what is refused because somebody would have, or has active, what a constraint keeps apart.

use std::collections::BTreeSet;

use rolecall_core::{
    Breach, Constraint, ConstraintKind, ConstraintName, FloorKind, Policy, PolicyBuilder,
    RoleAssignment, RoleName, TenantName, Timestamp,
};
use serde::Serialize;

use super::{
    assignment_store,
    holder_store::{self, Holder},
};
use crate::{
    accounts::store as accounts,
    app::App,
    clients::store as clients,
    error::ApiError,
    oauth::activation,
    store::{Change, Conn, StoreError},
};

/// How many subjects a refusal names.
const MAX_NAMED: usize = 20;

/// Somebody who would have, or has active, too many roles of a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Breaker {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantName>,
}

/// A refusal by a constraint: the first breach, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Separation {
    pub(crate) breach: Breach,
    pub(crate) subjects: Vec<Breaker>,
    /// Whether there are more than are named.
    pub(crate) more: bool,
}

impl Separation {
    /// The same for a reader who may not know who has which role.
    pub(crate) fn without_names(mut self) -> Self {
        self.subjects.clear();
        self.more = false;
        self
    }
}

impl std::fmt::Display for Separation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let breach = &self.breach;
        let verb = match breach.kind {
            ConstraintKind::Static => "would have",
            ConstraintKind::Dynamic => "has active",
        };
        let names = self.subjects.iter().map(|one| match &one.tenant {
            Some(tenant) => format!("`{}` (in tenant `{tenant}`)", one.name),
            None => format!("`{}`", one.name),
        });
        let mut names = names.collect::<Vec<_>>().join(", ");
        if names.is_empty() {
            "somebody".clone_into(&mut names);
        }
        let more = if self.more { " and others" } else { "" };
        let roles: Vec<&str> = breach.roles.iter().map(RoleName::as_str).collect();
        write!(
            f,
            "constraint `{}` allows at most {} of its roles together: {names}{more} {verb} {}",
            breach.constraint,
            breach.at_most,
            roles.join(", ")
        )?;
        let path: Vec<&str> = breach.path.iter().map(RoleName::as_str).collect();
        if path.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", path.join(" -> "))
        }
    }
}

/// Collects breaches, the first with all that there is to say, the others by name.
#[derive(Default)]
struct Breaches(Option<Separation>);

impl Breaches {
    fn add(&mut self, breach: Breach, id: &str, name: &str) {
        let found = self.0.get_or_insert_with(|| Separation {
            breach: breach.clone(),
            subjects: Vec::new(),
            more: false,
        });
        if found.breach.constraint != breach.constraint {
            return;
        }
        if found.subjects.len() == MAX_NAMED {
            found.more = true;
            return;
        }
        found.subjects.push(Breaker {
            id: id.to_owned(),
            name: name.to_owned(),
            tenant: breach.tenant,
        });
    }

    fn refuse(self) -> Result<(), ApiError> {
        match self.0 {
            Some(found) => Err(ApiError::Separation(Box::new(found))),
            None => Ok(()),
        }
    }
}

/// Refuses the change if `subject` breaks a static constraint by being `given` a role, beside what it has or in
/// the place of the same with another validity.
pub(crate) async fn keep_apart(
    change: &mut Change<'_>,
    policy: &Policy,
    subject: &str,
    given: &RoleAssignment,
) -> Result<(), ApiError> {
    if !has(policy, ConstraintKind::Static) {
        return Ok(());
    }
    let now = change.now();
    let mut assignments = assignment_store::all_of(change.conn(), subject).await?;
    assignments.retain(|held| (&held.role, &held.tenant) != (&given.role, &given.tenant));
    assignments.push(given.clone());
    let Some(breach) = policy.static_breach(&assignments, now) else {
        return Ok(());
    };
    let mut breaches = Breaches::default();
    let name = name_of(change, subject).await?;
    breaches.add(breach, subject, &name);
    breaches.refuse()
}

async fn name_of(change: &mut Change<'_>, subject: &str) -> Result<String, StoreError> {
    let now = change.now();
    if let Some(user) = accounts::find_user(change.conn(), subject, now).await? {
        return Ok(user.username);
    }
    let client = clients::find(change.conn(), subject).await?;
    Ok(client.map(|client| client.name).unwrap_or_default())
}

/// Refuses the change if anybody who has one of `roles`, or a role that inherits one, breaks a static constraint
/// of `policy`, the one that is to be.
pub(crate) async fn keep_all_apart(
    conn: &mut Conn,
    now: Timestamp,
    policy: &Policy,
    roles: &BTreeSet<RoleName>,
) -> Result<(), ApiError> {
    if !has(policy, ConstraintKind::Static) {
        return Ok(());
    }
    let mut breaches = Breaches::default();
    for holder in holders(conn, policy, roles).await? {
        if let Some(breach) = policy.static_breach(&holder.assignments, now) {
            breaches.add(breach, &holder.id, &holder.name);
        }
    }
    breaches.refuse()
}

/// Refuses the change if a live session has too many roles of the dynamic constraint `name` active, which
/// `policy` has for the first time.
pub(crate) async fn demand_sessions_apart(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    (before, policy): (&Policy, &Policy),
    name: &ConstraintName,
) -> Result<(), ApiError> {
    let Some(constraint) = policy.constraint(name.as_str()) else {
        return Ok(());
    };
    let mut breaches = Breaches::default();
    // whoever does not have the roles cannot have them active
    let probe = as_static(policy, name, constraint)?;
    for holder in holders(conn, policy, &constraint.roles).await? {
        if probe.static_breach(&holder.assignments, now).is_none() {
            continue;
        }
        for active in activation::active_roles(app, conn, now, before, &holder.id).await? {
            if let Some(breach) = policy.dynamic_breach(&active.roles) {
                let tenant = active.tenant;
                breaches.add(Breach { tenant, ..breach }, &holder.id, &holder.name);
                break;
            }
        }
    }
    breaches.refuse()
}

/// Ends the tokens that carry a role of a dynamic constraint that is new or another one: among them may be one
/// whose log-in was under way and was not seen, or a client's, which has no session. Each is made anew at the next
/// refresh, and the constraint is asked then.
pub(crate) fn end_tokens(change: &mut Change<'_>, constraint: &Constraint) {
    if constraint.kind == ConstraintKind::Dynamic {
        for role in &constraint.roles {
            change.raise_floor(FloorKind::Role, role.as_str());
        }
    }
}

/// The policy with `constraint` alone, and that one static.
fn as_static(
    policy: &Policy,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Result<Policy, ApiError> {
    let mut rules = PolicyBuilder::from(policy);
    for (other, _) in policy.constraints() {
        rules.remove_constraint(other);
    }
    let constraint = Constraint {
        kind: ConstraintKind::Static,
        ..constraint.clone()
    };
    rules.constraint(name.clone(), constraint);
    rules.build().map_err(ApiError::internal)
}

async fn holders(
    conn: &mut Conn,
    policy: &Policy,
    roles: &BTreeSet<RoleName>,
) -> Result<Vec<Holder>, StoreError> {
    let roles = roles.iter().flat_map(|role| policy.seniors(role));
    let roles: BTreeSet<RoleName> = roles.collect();
    let found = holder_store::holders_of(conn, &roles).await?;
    Ok(found.into_values().collect())
}

fn has(policy: &Policy, kind: ConstraintKind) -> bool {
    policy
        .constraints()
        .any(|(_, constraint)| constraint.kind == kind)
}
