//! Separation of duties: what is refused because somebody would have, or has active, what a constraint keeps apart.

use super::{
    assignment_store,
    holder_store::{self, Holder},
    transition::Transition,
};
use crate::{
    accounts::store as accounts,
    app::App,
    clients::store as clients,
    error::ApiError,
    refusals::{SEPARATION_OF_DUTIES, Separation, ViolatingSubject},
    sessions::active,
    store::{Change, Conn, StoreError},
};
use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    Breach, Constraint, ConstraintKind, ConstraintName, FloorKind, Policy, RoleAssignment,
    RoleName, TenantName, Timestamp, first_breach,
};

/// How many subjects a refusal names.
const MAX_NAMED: usize = 20;

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
        found.subjects.push(ViolatingSubject {
            id: id.to_owned(),
            name: name.to_owned(),
            tenant: breach.tenant,
        });
    }

    fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|found| found.more)
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

/// Refuses a change of the policy by which somebody comes to break a constraint: one that is new or stricter, or any
/// by what roles inherit from now on.
///
/// For a static one that is who has the roles; for a dynamic one, who has a live session with them active.
pub(crate) async fn demand_apart(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    demand_registration(app, transition, now)?;
    demand_held_apart(conn, now, transition).await?;
    demand_active_apart(app, conn, now, transition).await
}

/// What the policy in force keeps apart of what registration gives.
pub(crate) async fn registration_violation(app: &App) -> Result<Option<Breach>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    Ok(breach_of_registration(app, &policy, app.now()))
}

fn breach_of_registration(app: &App, policy: &Policy, now: Timestamp) -> Option<Breach> {
    let given = app.settings().registration_roles.iter();
    let given: Vec<RoleAssignment> = given.map(RoleAssignment::permanent).collect();
    policy.static_breach(&given, now)
}

/// Whoever registers must be able to get what registration gives.
fn demand_registration(
    app: &App,
    transition: &Transition<'_>,
    now: Timestamp,
) -> Result<(), ApiError> {
    match breach_of_registration(app, transition.after, now) {
        Some(breach) if breach_of_registration(app, transition.before, now).is_none() => {
            let detail = format!("{breach}, and `registration.roles` gives them to everybody");
            Err(ApiError::Rule {
                rule: SEPARATION_OF_DUTIES,
                detail,
                roles: breach.roles,
                path: breach.path,
            })
        }
        _ => Ok(()),
    }
}

/// So many are looked at before others have their turn.
const AT_A_TIME: usize = 200;

/// People with the same assignments are looked at once.
type Same = Vec<(
    RoleName,
    Option<TenantName>,
    Option<Timestamp>,
    Option<Timestamp>,
)>;

fn same(assignments: &[RoleAssignment]) -> Same {
    let mut all: Same = assignments
        .iter()
        .map(|one| {
            let (role, tenant) = (one.role.clone(), one.tenant.clone());
            (role, tenant, one.valid_from, one.expires_at)
        })
        .collect();
    all.sort();
    all
}

/// Those of `holders` who have too many roles of one of `constraints` by `policy`.
async fn breaking<'h>(
    policy: &Policy,
    constraints: &[(&ConstraintName, &Constraint)],
    holders: &'h [Holder],
    now: Timestamp,
) -> Vec<(&'h Holder, Breach)> {
    let mut known: BTreeMap<Same, Option<Breach>> = BTreeMap::new();
    let mut found = Vec::new();
    for (at, holder) in holders.iter().enumerate() {
        if at % AT_A_TIME == 0 {
            tokio::task::yield_now().await;
        }
        let breach = known
            .entry(same(&holder.assignments))
            .or_insert_with(|| policy.breach_of(constraints, &holder.assignments, now));
        found.extend(breach.clone().map(|breach| (holder, breach)));
    }
    found
}

async fn demand_held_apart(
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    let mut concerned = transition.seniors_of(ConstraintKind::Static);
    let stricter = transition.stricter(ConstraintKind::Static);
    concerned.extend(stricter.flat_map(|(_, one)| one.roles.iter().cloned()));
    let holders = holders(conn, transition.after, &concerned).await?;
    let mut breaches = Breaches::default();
    let statics = transition.after.constraints();
    let statics: Vec<_> = statics
        .filter(|(_, one)| one.kind == ConstraintKind::Static)
        .collect();
    for (holder, breach) in breaking(transition.after, &statics, &holders, now).await {
        breaches.add(breach, &holder.id, &holder.name);
    }
    breaches.refuse()
}

async fn demand_active_apart(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    let stricter: Vec<_> = transition.stricter(ConstraintKind::Dynamic).collect();
    if stricter.is_empty() {
        return Ok(());
    }
    let concerned = stricter.iter().flat_map(|(_, one)| one.roles.clone());
    let holders = holders(conn, transition.after, &concerned.collect()).await?;
    let mut breaches = Breaches::default();
    // whoever does not have the roles cannot have them active
    for (holder, _) in breaking(transition.after, &stricter, &holders, now).await {
        if breaches.is_full() {
            break;
        }
        let sessions = active::active_roles(app, conn, now, transition.before, &holder.id);
        let mut sessions = sessions.await?.into_iter();
        let found = sessions.find_map(|active| {
            let breach =
                first_breach(stricter.iter().copied(), |role| active.roles.contains(role))?;
            let tenant = active.tenant;
            Some(Breach { tenant, ..breach })
        });
        if let Some(breach) = found {
            breaches.add(breach, &holder.id, &holder.name);
        }
    }
    breaches.refuse()
}

/// Ends the tokens that a dynamic constraint concerns which is new or stricter: among them may be one whose log-in
/// was under way and was not seen, or a client's, which has no session. And those that carry a role which leads to
/// such roles from now on: a guard may read what they permit from the roles. What is asked for anew is asked again.
pub(crate) fn end_tokens(change: &mut Change<'_>, transition: &Transition<'_>) {
    let mut concerned = transition.seniors_of(ConstraintKind::Dynamic);
    let stricter = transition.stricter(ConstraintKind::Dynamic);
    concerned.extend(stricter.flat_map(|(_, one)| one.roles.iter().cloned()));
    for role in &concerned {
        change.raise_floor(FloorKind::Role, role.as_str());
    }
}

/// Whoever has one of `roles`, or a role that inherits one.
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
