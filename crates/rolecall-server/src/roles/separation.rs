//! Separation of duties: refuses changes by which a subject would break a constraint.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    Breach, Constraint, ConstraintKind, ConstraintName, ConstraintScope, FloorKind, Policy,
    RoleAssignment, RoleName, TenantName, Timestamp, first_breach,
};

use super::{
    assignment_store,
    holder_store::{Holder, each_holder},
    losses,
    transition::Transition,
};
use crate::{
    accounts::store as accounts,
    app::App,
    boxed::Boxed,
    clients::store as clients,
    error::ApiError,
    reasons::Reason,
    refusals::{Separation, ViolatingSubject},
    sessions::active::{self, Active},
    store::{Change, Conn, StoreError},
};

/// The most subjects that a refusal names.
const MAX_NAMED: usize = 20;

/// Collects breaches: the first in full, and the subjects of others of the same constraint.
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

/// Refuses an assignment by which `subject` would break a static constraint. `given` replaces the present assignment of
/// the same role and tenant, if there is one.
pub(crate) async fn check_assignment(
    change: &mut Change<'_>,
    policy: &Policy,
    subject: &str,
    given: &RoleAssignment,
) -> Result<(), ApiError> {
    if !has_constraint(policy, ConstraintKind::Static) {
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

/// Returns the static constraint that the roles of registration break, by the policy in force.
pub(crate) async fn registration_violation(app: &App) -> Result<Option<Breach>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    Ok(registration_breach(app, &policy, app.now()))
}

fn registration_breach(app: &App, policy: &Policy, now: Timestamp) -> Option<Breach> {
    let given = app.settings().registration_roles.iter();
    let given: Vec<RoleAssignment> = given.map(RoleAssignment::permanent).collect();
    policy.static_breach(&given, now)
}

/// Refuses a change of the policy by which the roles of registration come to break a static constraint.
pub(crate) fn check_registration(
    app: &App,
    transition: &Transition<'_>,
    now: Timestamp,
) -> Result<(), ApiError> {
    match registration_breach(app, transition.after, now) {
        Some(breach) if registration_breach(app, transition.before, now).is_none() => {
            let reason = Reason::given_together(&breach);
            let Breach { roles, path, .. } = breach;
            Err(ApiError::because_along(reason, roles, path))
        }
        _ => Ok(()),
    }
}

/// The assignments of a subject as a key, so that subjects with the same assignments are checked once.
type AssignmentKey = Vec<(
    RoleName,
    Option<TenantName>,
    Option<Timestamp>,
    Option<Timestamp>,
)>;

fn assignment_key(assignments: &[RoleAssignment]) -> AssignmentKey {
    let mut key: AssignmentKey = assignments
        .iter()
        .map(|one| {
            let (role, tenant) = (one.role.clone(), one.tenant.clone());
            (role, tenant, one.valid_from, one.expires_at)
        })
        .collect();
    key.sort();
    key
}

/// The most different lists of assignments whose breaches are remembered.
const MAX_KNOWN: usize = 10_000;

/// Finds the holders who break one of some constraints.
struct Violations<'p> {
    policy: &'p Policy,
    constraints: Vec<(&'p ConstraintName, &'p Constraint)>,
    now: Timestamp,
    known: BTreeMap<AssignmentKey, Option<Breach>>,
}

impl<'p> Violations<'p> {
    fn new(
        policy: &'p Policy,
        constraints: impl Iterator<Item = (&'p ConstraintName, &'p Constraint)>,
        now: Timestamp,
    ) -> Self {
        Self {
            policy,
            constraints: constraints.collect(),
            now,
            known: BTreeMap::new(),
        }
    }

    /// Returns the first breach of a holder.
    fn of(&mut self, holder: &Holder) -> Option<Breach> {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let (policy, constraints, now) = (self.policy, &self.constraints, self.now);
        let breach = || policy.breach_of(constraints, &holder.assignments, now);
        let known = self.known.entry(assignment_key(&holder.assignments));
        known.or_insert_with(breach).clone()
    }
}

/// Returns the roles whose holders a change of static constraints, or of the hierarchy above their roles, concerns.
pub(crate) fn static_roles(transition: &Transition<'_>) -> BTreeSet<RoleName> {
    let mut affected = transition.seniors_of(ConstraintKind::Static);
    let stricter = transition.stricter(ConstraintKind::Static);
    affected.extend(stricter.flat_map(|(_, one)| one.roles.iter().cloned()));
    transition.after.seniors_of(&affected)
}

/// Refuses a change of the policy by which a subject comes to have roles that a static constraint keeps apart: one that
/// is new or stricter, or any one through new edges of the hierarchy.
pub(crate) async fn check_static(
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    let statics = transition.after.constraints();
    let statics = statics.filter(|(_, one)| one.kind == ConstraintKind::Static);
    let mut violations = Violations::new(transition.after, statics, now);
    let mut breaches = Breaches::default();
    each_holder(conn, &static_roles(transition), |holder| {
        if !breaches.is_full()
            && let Some(breach) = violations.of(&holder)
        {
            breaches.add(breach, &holder.id, &holder.name);
        }
    })
    .await?;
    breaches.refuse()
}

/// A subject who has roles that a dynamic constraint keeps apart, and could have them active.
pub(crate) struct Suspect {
    id: String,
    name: String,
}

/// Returns the subjects who could violate a dynamic constraint that is new or stricter.
pub(crate) async fn suspects(
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<Vec<Suspect>, StoreError> {
    let stricter = || transition.stricter(ConstraintKind::Dynamic);
    let affected = transition
        .after
        .seniors_of(stricter().flat_map(|(_, one)| &one.roles));
    let mut violations = Violations::new(transition.after, stricter(), now);
    let mut found = Vec::new();
    // a subject without the roles cannot have them active
    each_holder(conn, &affected, |holder| {
        if violations.of(&holder).is_some() {
            let Holder { id, name, .. } = holder;
            found.push(Suspect { id, name });
        }
    })
    .await?;
    Ok(found)
}

/// Refuses a dynamic constraint that one of `suspects` violates in a live session.
pub(crate) fn check_sessions<'a>(
    app: &'a App,
    conn: &'a mut Conn,
    now: Timestamp,
    transition: &'a Transition<'a>,
    suspects: &'a [Suspect],
) -> Boxed<'a, Result<(), ApiError>> {
    Box::pin(async move {
        let stricter: Vec<_> = transition.stricter(ConstraintKind::Dynamic).collect();
        let mut breaches = Breaches::default();
        for holder in suspects {
            if breaches.is_full() {
                break;
            }
            let sessions =
                active::active_roles(app, conn, now, transition.before, &holder.id).await?;
            if let Some(breach) = breach_among(&sessions, &stricter) {
                breaches.add(breach, &holder.id, &holder.name);
            }
        }
        breaches.refuse()
    })
}

/// Returns the first breach of `constraints` by one of the sessions of a subject, or by several together.
fn breach_among(
    sessions: &[Active],
    constraints: &[(&ConstraintName, &Constraint)],
) -> Option<Breach> {
    let (subject, session): (Vec<_>, Vec<_>) = constraints
        .iter()
        .copied()
        .partition(|(_, one)| one.per == ConstraintScope::Subject);
    let mut together: BTreeMap<Option<&TenantName>, BTreeSet<RoleName>> = BTreeMap::new();
    sessions.iter().find_map(|active| {
        let tenant = active.tenant.as_ref();
        let beside = together
            .entry(tenant)
            .or_insert_with(|| active::roles_beside(sessions, tenant));
        let session = session.iter().copied();
        let breach = first_breach(session, |role| active.roles.contains(role))
            .or_else(|| first_breach(subject.iter().copied(), |role| beside.contains(role)))?;
        let tenant = active.tenant.clone();
        Some(Breach { tenant, ..breach })
    })
}

/// The most subjects whose tokens end one by one. A floor for each of more would fill the memory of every guard.
pub(crate) const MAX_ENDED: usize = 1000;

/// The tokens that a change of the policy ends.
pub(crate) enum Ended {
    Subjects(Vec<String>),
    Roles(BTreeSet<RoleName>),
}

impl Ended {
    /// Ends the tokens, and those with the roles `uncounted`, which were issued under the policy `before`.
    pub(crate) async fn end(
        &self,
        change: &mut Change<'_>,
        before: &Policy,
        mut uncounted: BTreeSet<RoleName>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Subjects(ids) => {
                for id in ids {
                    change.raise_floor(FloorKind::Subject, id);
                }
            }
            Self::Roles(roles) => uncounted.extend(roles.iter().cloned()),
        }
        // a role of which a token carries no permission does not count as active in it
        let given = before.permissions_of(&uncounted);
        losses::end_tokens(change, before, &uncounted, given).await
    }
}

/// Returns the roles whose holders could violate a dynamic constraint that is new or stricter, or one to whose roles new
/// edges lead.
pub(crate) fn dynamic_roles(transition: &Transition<'_>) -> BTreeSet<RoleName> {
    let mut affected = transition.seniors_of(ConstraintKind::Dynamic);
    let stricter = transition.stricter(ConstraintKind::Dynamic);
    affected.extend(stricter.flat_map(|(_, one)| one.roles.iter().cloned()));
    transition.after.seniors_of(&affected)
}

/// Returns the tokens of the subjects who can violate a dynamic constraint that is new or stricter, or one to whose roles
/// new edges lead: among them may be a token from a login that was not complete yet, or a client's, which has no session.
/// A guard may derive permissions from the roles in a token, so that new edges count too. Tokens of other subjects go on:
/// nobody can have roles active that are not assigned, and a constraint must be no means to end everybody's tokens.
pub(crate) async fn ended_tokens(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<Ended, StoreError> {
    let tightened = transition.tightened(ConstraintKind::Dynamic);
    let mut violations = Violations::new(transition.after, tightened, now);
    let mut found = Vec::new();
    each_holder(conn, &dynamic_roles(transition), |holder| {
        if found.len() <= MAX_ENDED && violations.of(&holder).is_some() {
            found.push(holder.id);
        }
    })
    .await?;
    if found.len() <= MAX_ENDED {
        return Ok(Ended::Subjects(found));
    }
    let open = &app.settings().registration_roles;
    let stricter = transition.stricter(ConstraintKind::Dynamic);
    let enough = stricter.flat_map(|(_, one)| roles_in_each_violation(one, open));
    let mut roles: BTreeSet<RoleName> = enough.cloned().collect();
    roles.extend(transition.seniors_of(ConstraintKind::Dynamic));
    Ok(Ended::Roles(roles))
}

/// Returns the roles whose tokens a constraint which is new or stricter, or to whose roles new edges lead, would have to
/// count beside others of their subject. They end: nothing shows what they have active, so that all get new ones, which are counted. Who can
/// violate the constraint only with a later assignment is among them.
pub(super) fn uncounted(transition: &Transition<'_>) -> BTreeSet<RoleName> {
    let per_subject = |one: &Constraint| one.per == ConstraintScope::Subject;
    let stricter = transition.stricter(ConstraintKind::Dynamic);
    let stricter = stricter.filter(|(_, one)| per_subject(one));
    let listed = stricter.flat_map(|(_, one)| one.roles.iter().cloned());
    let seniors = transition.seniors_that_lead_to(per_subject);
    listed.chain(seniors).collect()
}

/// Returns roles of which every violation of `constraint` has at least one, none of `open` as far as that is possible:
/// whoever has more than `at_most` of all roles has one of all but `at_most`.
fn roles_in_each_violation<'c>(
    constraint: &'c Constraint,
    open: &BTreeSet<RoleName>,
) -> impl Iterator<Item = &'c RoleName> {
    let mut roles: Vec<&RoleName> = constraint.roles.iter().collect();
    roles.sort_by_key(|role| open.contains(*role));
    let at_most = usize::try_from(constraint.at_most).unwrap_or(0);
    let needed = roles.len().saturating_sub(at_most);
    roles.into_iter().take(needed)
}

fn has_constraint(policy: &Policy, kind: ConstraintKind) -> bool {
    policy
        .constraints()
        .any(|(_, constraint)| constraint.kind == kind)
}
