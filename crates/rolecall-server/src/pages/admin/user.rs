//! A user's page.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{AssignmentStatus, RoleAssignment, TenantName, Timestamp};

use super::{
    super::agents,
    events,
    links::link,
    names,
    users::{path_of, status_key},
    views::user::{
        Account, Allowed, Assignment, Factor, Held, MayDo, Sees, Session, SignedIn, UserPage,
    },
    visit::Visit,
};
use crate::{
    accounts::service as accounts,
    authority::{may, subject::Status},
    consents::service as consents,
    error::ApiError,
    factors::{service as factors, store::FactorKind},
    login::browser::others as browsers,
    roles::{
        assigning::Assignee,
        assignments,
        standing::{self, HeldPermission, HeldRole},
    },
    sessions::service as sessions,
    web::params::Segment,
};

/// The most rows of each part.
const SHOWN: i64 = 200;
const SHOWN_BROWSERS: usize = 200;

/// The page of a user.
pub(crate) async fn get_user(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit.answer(show(&visit, &id).await).await
}

async fn show(visit: &Visit, id: &str) -> Result<Response, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    let mut page = UserPage {
        id: id.to_owned(),
        path: path_of(id),
        name: id.to_owned(),
        sees: Sees {
            account: visit.may_globally(may::ReadUsers::NAME),
            assignments: visit.may(may::ReadAssignments::NAME),
            standing: visit.may(may::ReadAssignments::NAME)
                && visit.may_globally(may::ReadRoles::NAME),
            events: visit.may_globally(may::ReadAudit::NAME),
        },
        may: MayDo {
            write: visit.may_globally(may::WriteUsers::NAME),
            assign: visit.may(may::WriteAssignments::NAME),
            end: visit.may_globally(may::RevokeSessions::NAME),
        },
        ..UserPage::default()
    };
    if page.sees.account {
        add_account(visit, &mut page).await?;
    }
    if page.sees.assignments {
        let tenant = visit.tenant();
        let user = Assignee::User(id);
        let given = assignments::list(app, caller, user, ("", ""), tenant.as_ref(), SHOWN).await?;
        let givers = given.iter().map(|one| one.assigned_by.as_str());
        let names = names::of_actors(visit, givers).await?;
        let now = visit.now();
        page.assignments = given
            .iter()
            .map(|one| assignment(&page.path, one, &names, now))
            .collect();
    }
    if !visit.may_globally(may::ReadRoles::NAME) {
        // it would lead to a page that they may not see
        page.assignments.iter_mut().for_each(|one| one.href.clear());
    }
    if page.sees.standing {
        let found = standing::standing(app, caller, id, visit.tenant().as_ref()).await?;
        page.roles = found.roles.iter().map(held_role).collect();
        page.permissions = found.permissions.iter().map(held_permission).collect();
    }
    if page.sees.events {
        (page.events, page.older_events) = events::of(visit, id, &page.path).await?;
    }
    Ok(visit.show("admin_user.html", &page))
}

async fn add_account(visit: &Visit, page: &mut UserPage) -> Result<(), ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    let user = accounts::get(app, caller, &page.id).await?;
    page.name.clone_from(&user.username);
    page.account = Some(Account {
        email: user.email.clone().unwrap_or_default(),
        is_verified: user.email_verified_at.is_some(),
        status: status_key(user.status),
        is_disabled: user.status == Status::Disabled,
        created: user.created_at.into(),
        updated: user.updated_at.into(),
    });
    let own = factors::list_of(app, caller, &page.id).await?;
    page.codes_left = own.codes_left;
    let factors = own.factors.iter().map(|factor| Factor {
        name: factor.name.clone(),
        is_passkey: factor.kind == FactorKind::Passkey,
        since: factor.created_at.into(),
        last: factor.last_used_at.map(Into::into),
        remove: link(&format!("{}/factors", page.path), &[("factor", &factor.id)]),
    });
    page.factors = factors.collect();
    let agent = |described: Option<&str>| {
        let languages = &app.parts().look.languages;
        agents::words(languages, visit.language, described.unwrap_or_default())
    };
    let found = sessions::list(app, caller, &page.id, "", SHOWN).await?;
    let found = found.into_iter().map(|session| Session {
        end: link(
            &format!("{}/sessions", page.path),
            &[("session", &session.id)],
        ),
        client: session.client_id,
        agent: agent(session.agent.as_deref()),
        address: session.address,
        since: session.created_at.into(),
        last: session.last_used_at.into(),
    });
    page.sessions = found.collect();
    page.browsers = signed_in(visit, &page.id).await?;
    let allowed = consents::list_of(app, caller, &page.id, "", SHOWN).await?;
    let allowed = allowed.into_iter().map(|client| {
        let mut scopes: Vec<String> = client
            .scopes
            .into_iter()
            .flat_map(|one| one.scopes)
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        Allowed {
            name: client.client_name,
            scopes: scopes.join(" "),
            since: client.created_at.into(),
            last: client.last_used_at.into(),
        }
    });
    page.clients = allowed.collect();
    Ok(())
}

/// Returns the browsers in which a user is signed in.
async fn signed_in(visit: &Visit, id: &str) -> Result<Vec<SignedIn>, ApiError> {
    let found = browsers::list_of(&visit.app, visit.caller(), id).await?;
    let sessions = format!("{}/sessions", path_of(id));
    let found = found.into_iter().take(SHOWN_BROWSERS);
    let found = found.map(|one| SignedIn {
        is_own: one.id == visit.session.id,
        end: link(&sessions, &[("browser", &one.id)]),
        address: one.address,
        since: one.created_at.into(),
        last: one.last_used_at.into(),
    });
    Ok(found.collect())
}

/// Describes an assignment on the page at `path`, which takes it away.
pub(super) fn assignment(
    path: &str,
    given: &RoleAssignment,
    names: &names::Names,
    now: Timestamp,
) -> Assignment {
    let (role, tenant) = (given.role.as_str(), tenant_text(given.tenant.as_ref()));
    Assignment {
        role: role.to_owned(),
        from: given.valid_from.map(Into::into),
        until: given.expires_at.map(Into::into),
        state: match given.status(given.tenant.as_ref(), now) {
            AssignmentStatus::NotYetValid => "admin-not-yet",
            AssignmentStatus::Expired => "admin-expired",
            _ => "admin-in-force",
        },
        reason: given.reason.clone().unwrap_or_default(),
        by: names::shown(names, &given.assigned_by),
        at: given.assigned_at.into(),
        href: format!("/admin/roles/{role}"),
        unassign: link(
            &format!("{path}/unassign"),
            &[("role", role), ("tenant", &tenant)],
        ),
        tenant,
    }
}

fn tenant_text(tenant: Option<&TenantName>) -> String {
    tenant.map(ToString::to_string).unwrap_or_default()
}

fn held_role(held: &HeldRole) -> Held {
    Held {
        name: held.role.to_string(),
        tenant: tenant_text(held.tenant.as_ref()),
        path: held.path.iter().map(ToString::to_string).collect(),
        by: String::new(),
    }
}

fn held_permission(held: &HeldPermission) -> Held {
    let (name, by) = (held.permission.to_string(), held.grant.to_string());
    Held {
        tenant: tenant_text(held.tenant.as_ref()),
        path: held.path.iter().map(ToString::to_string).collect(),
        by: if by == name { String::new() } else { by },
        name,
    }
}
