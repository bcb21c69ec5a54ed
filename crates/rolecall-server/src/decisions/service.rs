//! Decisions by the database as it is now, and their explanation.

use rolecall_core::{
    Authority, Decision, Permission, Policy, Question, Revision, RoleAssignment, RoleName,
    Shortfall, Standing, SubjectKind, TenantName, Timestamp, counts_in_tenant,
};

use super::{
    receipt::{self, Need, Needs, Note},
    step::{Giver, Step},
    store::{self, Ended},
};
use crate::{
    accounts::{
        store::Status,
        subject::{self, Subject},
        views::rfc3339,
    },
    app::App,
    error::ApiError,
    roles::{assignment_store, assignments, builtin},
    store::Conn,
};

/// For how many of the roles that would do the answer says who may give them.
const ROLES_WITH_GIVERS: usize = 2;
/// How many who may give a role are listed.
const GIVERS_NAMED: usize = 10;
/// How many users are looked at to find those.
const GIVERS_TRIED: i64 = 50;
/// By how many roles somebody may have come to give roles, as far as it is looked at.
const GIVING_ROLES_TRIED: usize = 20;

/// What is asked.
pub(crate) struct Asked<'a> {
    /// The id of a user or client.
    pub(crate) subject: &'a str,
    pub(crate) need: &'a Need,
    pub(crate) tenant: Option<&'a TenantName>,
    /// Now, if it is not said.
    pub(crate) at: Option<Timestamp>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) because: Vec<Step>,
    /// The policy that it was decided by.
    pub(crate) policy_revision: Revision,
    pub(crate) at: Timestamp,
}

/// Whoever a decision is about, read once.
struct Case {
    subject: Subject,
    /// Their address in the API.
    base: String,
    assignments: Vec<RoleAssignment>,
    ended: Vec<Ended>,
    policy: std::sync::Arc<(Revision, std::sync::Arc<Policy>)>,
}

/// Decides, and says why.
///
/// # Errors
///
/// 404 if there is no such subject.
pub(crate) async fn decide(app: &App, asked: &Asked<'_>) -> Result<Answer, ApiError> {
    let mut conn = app.store().read().await?;
    let at = asked.at.unwrap_or_else(|| app.now());
    let case = Case::read(app, &mut conn, asked.subject).await?;
    let (met, mut because) = case
        .explain(app, &mut conn, asked.need, asked.tenant, at)
        .await?;
    let status = case.status_step();
    let allowed = met && status.is_none();
    because.splice(0..0, status);
    Ok(Answer {
        allowed,
        because,
        policy_revision: case.policy.0,
        at,
    })
}

/// What a receipt tells, and how it would be decided by what is known now.
pub(crate) struct Explained {
    pub(crate) note: Note,
    pub(crate) answer: Answer,
}

/// Explains the refusal that a receipt was written for.
///
/// # Errors
///
/// 404 for what is no receipt of this server, and where the subject is gone.
pub(crate) async fn explain_receipt(app: &App, sealed: &str) -> Result<Explained, ApiError> {
    let unknown = || ApiError::unknown("receipt", &sealed);
    let note = receipt::open(app, sealed).ok_or_else(unknown)?;
    let needs = Needs::read(&note.needs).ok_or_else(unknown)?;
    let mut conn = app.store().read().await?;
    let case = Case::read(app, &mut conn, &note.subject).await?;
    let mut because: Vec<Step> = case.status_step().into_iter().collect();
    let active = because.is_empty();
    let each = needs.each();
    let several = each.len() > 1;
    let mut held = Vec::new();
    for need in each {
        let tenant = note.tenant.as_ref();
        let (met, steps) = case.explain(app, &mut conn, need, tenant, note.at).await?;
        if several {
            let need = need.to_string();
            because.push(Step::Need { need, met });
        }
        because.extend(steps);
        if met {
            held.push(need);
        }
    }
    let allowed = active && needs.met(&|need| held.contains(&need));
    if allowed {
        // the database has no objection: it was the token that did not carry it
        because.push(Step::not_in_token(if note.narrowed {
            "narrowed"
        } else {
            "token_is_older"
        }));
    }
    let answer = Answer {
        allowed,
        because,
        policy_revision: case.policy.0,
        at: note.at,
    };
    Ok(Explained { note, answer })
}

impl Case {
    async fn read(app: &App, conn: &mut Conn, id: &str) -> Result<Self, ApiError> {
        let subject = subject::read(conn, id, None, app.now()).await?;
        let subject = subject.ok_or_else(|| ApiError::unknown("subject", &id))?;
        let policy = subject.policy(app, conn).await?;
        let kind = match subject.kind {
            SubjectKind::User => "users",
            SubjectKind::Client => "clients",
        };
        Ok(Self {
            base: format!("/api/{kind}/{id}"),
            assignments: assignment_store::all_of(conn, id).await?,
            ended: store::ended_of(conn, id).await?,
            subject,
            policy,
        })
    }

    fn status_step(&self) -> Option<Step> {
        let status = self.subject.status;
        (status != Status::Active).then(|| Step::Status {
            status: status.as_str().to_owned(),
        })
    }

    /// Whether the assignments meet a need, and the steps that show it.
    async fn explain(
        &self,
        app: &App,
        conn: &mut Conn,
        need: &Need,
        tenant: Option<&TenantName>,
        at: Timestamp,
    ) -> Result<(bool, Vec<Step>), ApiError> {
        let question = Question {
            need: need.asked(),
            tenant,
            at,
        };
        match self.policy.1.decide(&self.assignments, &question) {
            Decision::Allowed(by) => Ok((true, Step::of(&self.base, &by))),
            Decision::Denied(shortfall) => {
                let mut steps = self.shortfall_steps(need, tenant, &shortfall);
                let named = shortfall.smallest_roles.iter().take(ROLES_WITH_GIVERS);
                for role in named {
                    steps.push(may_give(app, conn, &self.policy.1, role, tenant).await?);
                }
                Ok((false, steps))
            }
        }
    }

    fn shortfall_steps(
        &self,
        need: &Need,
        tenant: Option<&TenantName>,
        shortfall: &Shortfall<'_>,
    ) -> Vec<Step> {
        let mut steps = vec![Step::Missing {
            need: need.to_string(),
            exists: shortfall.is_known,
        }];
        steps.extend(
            shortfall
                .lost
                .iter()
                .map(|lost| Step::lost(&self.base, lost)),
        );
        steps.extend(self.unassigned(need, tenant));
        if !shortfall.smallest_roles.is_empty() {
            let roles = shortfall.smallest_roles.iter().map(ToString::to_string);
            steps.push(Step::WouldGive {
                roles: roles.collect(),
            });
        }
        steps
    }

    /// What was taken away and would have met the need.
    fn unassigned(&self, need: &Need, tenant: Option<&TenantName>) -> Vec<Step> {
        let policy = &self.policy.1;
        let path_to = |ended: &Ended| match need {
            Need::Role(role) if ended.tenant.is_some() && role.is_reserved() => None,
            Need::Permission(permission)
                if ended.tenant.is_some() && !counts_in_tenant(permission) =>
            {
                None
            }
            Need::Role(role) => policy.path(&ended.role, role),
            Need::Permission(permission) => policy
                .derivation(&ended.role, permission)
                .map(|(path, _)| path),
        };
        let concerns = |ended: &&Ended| ended.tenant.is_none() || ended.tenant.as_ref() == tenant;
        let taken = self.ended.iter().filter(concerns);
        let step = |ended: &Ended| {
            path_to(ended).map(|path| Step::Lost {
                cause: "unassigned",
                assignment: None,
                path: path.iter().map(ToString::to_string).collect(),
                at: Some(rfc3339(ended.at)),
                by: Some(ended.by.clone()),
            })
        };
        taken.filter_map(step).collect()
    }
}

/// Which users may give `role`, globally or in `tenant`: they hold the permission to give roles, and all that
/// the role holds.
async fn may_give(
    app: &App,
    conn: &mut Conn,
    policy: &Policy,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Step, ApiError> {
    let now = app.now();
    let write: Permission = assignments::WRITE.parse().map_err(ApiError::internal)?;
    let mut users: Vec<Giver> = Vec::new();
    let mut tried = std::collections::BTreeSet::new();
    let giving = policy.all_giving(&write);
    for by in giving.iter().take(GIVING_ROLES_TRIED) {
        for (id, username) in store::holders(conn, by, tenant, now, GIVERS_TRIED).await? {
            if users.len() > GIVERS_NAMED || !tried.insert(id.clone()) {
                continue;
            }
            let held = assignment_store::all_of(conn, &id).await?;
            if may_hand_on(app, policy, &held, (role, tenant), &write) {
                users.push(Giver { id, username });
            }
        }
    }
    let more = users.len() > GIVERS_NAMED;
    users.truncate(GIVERS_NAMED);
    users.sort_by(|one, other| one.username.cmp(&other.username));
    Ok(Step::MayGive {
        role: role.to_string(),
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
            given.tenant.is_some() == in_tenant && given.standing(tenant, now) == Standing::InForce
        };
        held.iter().filter(counts).map(|given| &given.role)
    };
    let local = Authority::in_tenant(policy, roles(true), &builtin::ANY);
    let authority = Authority::of(policy, roles(false), &builtin::ANY).and(local);
    let open = &app.settings().registration_roles;
    let covers = match tenant {
        Some(_) => authority.covers_in_tenant(policy, [role], open),
        None => authority.covers(policy, [role], open),
    };
    authority.holds(write) && covers.is_ok()
}
