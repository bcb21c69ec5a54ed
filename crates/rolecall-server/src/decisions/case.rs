//! The subject of a decision, and whether what it holds meets a need.

use std::{cmp::Reverse, sync::Arc};

use rolecall_core::{
    Acr, AssignmentStatus, Decision, Derivation, InactiveReason, RoleAssignment, RoleName,
    RoleRules, Shortfall, SubjectKind, TenantName, Timestamp, counts_in_tenant,
};

use super::{
    givers::{Search, find_givers},
    receipt::Need,
    step::Step,
};
use crate::{
    app::App,
    authority::{
        assurance,
        policy_cache::PolicyAt,
        subject::{self, Status, Subject},
    },
    error::ApiError,
    roles::{
        assigning::Assignee,
        assignment_store,
        ended_store::{self, EndedAssignment},
    },
    store::Conn,
    times::rfc3339,
};

/// The most roles for which an answer lists the users who may assign them.
const ROLES_WITH_GIVERS: usize = 2;
/// The most assignments that do not count, and the most removed ones, that are listed for one need.
const LOST_NAMED: usize = 10;
/// The most roles that hold a wildcard that are listed.
const WILDCARD_ROLES_NAMED: usize = 5;

/// The subject of a decision, with all that the decision depends on.
pub(super) struct Case {
    pub(super) subject: Subject,
    assignments: Vec<RoleAssignment>,
    ended: Vec<EndedAssignment>,
    pub(super) policy: Arc<PolicyAt>,
    /// The subject has to prove a second factor to be an administrator.
    is_admin_raised: bool,
}

/// The tenant, time and assurance for which a need is decided.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) tenant: Option<&'a TenantName>,
    pub(super) at: Timestamp,
    pub(super) acr: Option<Acr>,
}

impl Case {
    pub(super) async fn read(app: &App, conn: &mut Conn, id: &str) -> Result<Self, ApiError> {
        let subject = subject::read(conn, id, None, app.now()).await?;
        let subject = subject.ok_or_else(|| ApiError::unknown("subject", &id))?;
        let policy = subject.policy(app.policy(), conn).await?;
        let is_admin_raised = assurance::is_admin_raised(&policy, conn, &subject).await?;
        Ok(Self {
            is_admin_raised,
            assignments: assignment_store::all_of(conn, id).await?,
            ended: ended_store::ended_of(conn, id).await?,
            subject,
            policy,
        })
    }

    fn assignee(&self) -> Assignee<'_> {
        match self.subject.kind {
            SubjectKind::User => Assignee::User(&self.subject.id),
            SubjectKind::Client => Assignee::Client(&self.subject.id),
        }
    }

    pub(super) fn status_step(&self) -> Option<Step> {
        let status = self.subject.status;
        (status != Status::Active).then(|| Step::Status {
            status: status.as_str().to_owned(),
        })
    }

    /// Returns true if the assignments meet a need, and the steps that explain it.
    pub(super) async fn explain(
        &self,
        app: &App,
        conn: &mut Conn,
        need: &Need,
        circumstances: Circumstances<'_>,
        search: &mut Search,
    ) -> Result<(bool, Vec<Step>), ApiError> {
        let policy = &self.policy;
        let Circumstances { tenant, at, .. } = circumstances;
        let Some(decidable) = need.decidable() else {
            return self
                .explain_wildcard(app, conn, need, tenant, at, search)
                .await;
        };
        // nobody proves a second factor for a client
        let present = match self.subject.kind {
            SubjectKind::Client => Some(Acr::Aal1),
            SubjectKind::User => circumstances.acr,
        };
        let question = rolecall_core::Question {
            need: decidable,
            tenant,
            at,
        };
        for acr in Acr::ALL {
            let reached = policy.reach(acr, self.is_admin_raised).policy;
            if let Decision::Allowed(by) = reached.decide(&self.assignments, &question) {
                let met = present.is_none_or(|present| present >= acr);
                let mut steps = Step::of(self.assignee(), &by);
                steps.extend(self.assurance_step(&by, acr, present));
                return Ok((met, steps));
            }
        }
        match policy.decide(&self.assignments, &question) {
            Decision::Allowed(by) => Ok((true, Step::of(self.assignee(), &by))),
            Decision::Denied(mut shortfall) => {
                let mut steps = self.shortfall_steps(need, tenant, &mut shortfall);
                let named = shortfall.smallest_roles.iter().take(ROLES_WITH_GIVERS);
                let tenant = tenant.filter(|_| need.counts_in_tenant());
                for role in named {
                    steps.push(find_givers(app, conn, policy, role, tenant, search).await?);
                }
                Ok((false, steps))
            }
        }
    }

    /// Returns the step for the role of a derivation that needs `needed`, if that is more than every session has.
    fn assurance_step(
        &self,
        by: &Derivation<'_>,
        needed: Acr,
        present: Option<Acr>,
    ) -> Option<Step> {
        let acr_of = |role: &RoleName| self.policy.role(role.as_str()).map(|rules| rules.acr);
        let is_it = |role: &&RoleName| acr_of(role) == Some(needed);
        let role = by.path.iter().find(is_it).or(by.path.last())?;
        (needed > Acr::Aal1).then(|| Step::Assurance {
            role: role.to_string(),
            needed,
            present,
        })
    }

    /// As [`explain`](Self::explain), for a wildcard. A caller who grants a wildcard must hold the wildcard itself: to
    /// hold today's permissions of its object is not enough.
    async fn explain_wildcard(
        &self,
        app: &App,
        conn: &mut Conn,
        need: &Need,
        tenant: Option<&TenantName>,
        at: Timestamp,
        search: &mut Search,
    ) -> Result<(bool, Vec<Step>), ApiError> {
        let policy = &self.policy;
        let text = need.to_string();
        let holds = |rules: &RoleRules| rules.permissions.iter().any(|held| held.as_str() == text);
        let holding = policy.roles().filter(|(_, rules)| holds(rules));
        let roles: Vec<&RoleName> = holding.map(|(role, _)| role).collect();
        let counts = |given: &&RoleAssignment| {
            given.status(tenant, at) == AssignmentStatus::InForce
                && (given.tenant.is_none() || need.counts_in_tenant())
        };
        for given in self.assignments.iter().filter(counts) {
            for role in &roles {
                if let Some(path) = policy.path(&given.role, role) {
                    let grant = text.parse().map_err(ApiError::internal)?;
                    let by = Derivation {
                        assignment: given,
                        path,
                        grant: Some(grant),
                    };
                    return Ok((true, Step::of(self.assignee(), &by)));
                }
            }
        }
        let mut steps = vec![Step::Missing {
            need: text.clone(),
            exists: !roles.is_empty(),
        }];
        if !roles.is_empty() {
            let named = roles.iter().take(WILDCARD_ROLES_NAMED);
            let roles = named.map(ToString::to_string).collect();
            steps.push(Step::WouldGive { roles });
        }
        let tenant = tenant.filter(|_| need.counts_in_tenant());
        for role in roles.into_iter().take(ROLES_WITH_GIVERS) {
            steps.push(find_givers(app, conn, policy, role, tenant, search).await?);
        }
        Ok((false, steps))
    }

    fn shortfall_steps(
        &self,
        need: &Need,
        tenant: Option<&TenantName>,
        shortfall: &mut Shortfall<'_>,
    ) -> Vec<Step> {
        let mut steps = vec![Step::Missing {
            need: need.to_string(),
            exists: shortfall.is_known,
        }];
        // the latest to expire come first, and those for other tenants last: there may be thousands
        let lost = &mut shortfall.inactive;
        lost.sort_by_key(|lost| {
            let end = lost.derivation.assignment.expires_at;
            (rank(lost.reason), Reverse(end))
        });
        let listed = lost.iter().take(LOST_NAMED);
        steps.extend(listed.map(|lost| Step::lost(self.assignee(), lost)));
        let mut unassigned = self.unassigned(need, tenant);
        let left_out =
            lost.len().saturating_sub(LOST_NAMED) + unassigned.len().saturating_sub(LOST_NAMED);
        unassigned.truncate(LOST_NAMED);
        steps.extend(unassigned);
        if left_out > 0 {
            steps.push(Step::NotListed { lost: left_out });
        }
        if !shortfall.smallest_roles.is_empty() {
            let roles = shortfall.smallest_roles.iter().map(ToString::to_string);
            steps.push(Step::WouldGive {
                roles: roles.collect(),
            });
        }
        steps
    }

    /// Returns a step for each removed assignment that would have met the need.
    fn unassigned(&self, need: &Need, tenant: Option<&TenantName>) -> Vec<Step> {
        let policy = &self.policy;
        let path_to = |ended: &EndedAssignment| match need {
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
            Need::Wildcard(_) => None,
        };
        let concerns =
            |ended: &&EndedAssignment| ended.tenant.is_none() || ended.tenant.as_ref() == tenant;
        let taken = self.ended.iter().filter(concerns);
        let step = |ended: &EndedAssignment| {
            path_to(ended).map(|path| Step::Lost {
                cause: "unassigned",
                assignment: None,
                path: path.iter().map(ToString::to_string).collect(),
                at: Some(rfc3339(ended.ended_at)),
                by: Some(ended.ended_by.clone()),
            })
        };
        taken.filter_map(step).collect()
    }
}

/// Returns the place of a cause in the list.
fn rank(reason: InactiveReason) -> u8 {
    match reason {
        InactiveReason::Expired => 0,
        InactiveReason::NotYetValid => 1,
        InactiveReason::GlobalOnly => 2,
        InactiveReason::OtherTenant => 3,
    }
}
