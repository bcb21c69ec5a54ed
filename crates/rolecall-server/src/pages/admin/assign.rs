//! Giving a user or client a role, and taking it away.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{RoleName, TenantName, Timestamp};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    undo,
    views::{
        confirm::{Confirm, Effect},
        user::AssignForm,
    },
    visit::Visit,
    whose::{name_of, path_of},
};
use crate::{
    authority::may,
    error::ApiError,
    roles::{
        assigning::{Assignee, Outcome, Validity},
        assignments, hierarchy, service as roles,
    },
    times::parse_rfc3339,
    web::params::Segment,
};

/// The most roles that a form offers.
const OFFERED: i64 = 500;

/// What a form says about an assignment.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) role: RoleName,
    pub(super) tenant: Option<TenantName>,
    pub(super) validity: Validity,
}

/// Reads a role, a tenant and the times of an assignment, or says which of them is wrong.
pub(super) fn read(visit: &Visit, form: &Submitted) -> Result<Wanted, Faults> {
    let role = form.get("role").trim();
    let role: RoleName = role
        .parse()
        .map_err(|_| Faults::of("role", "admin-wrong-role"))?;
    // somebody who acts in a tenant gives roles there alone, unless they hold the permission globally
    let tenant = match (visit.tenant(), is_tenant_fixed(visit)) {
        (Some(tenant), true) => Some(tenant),
        _ => match form.get("tenant").trim() {
            "" => None,
            name => {
                let parsed = name.parse();
                Some(parsed.map_err(|_| Faults::of("tenant", "admin-wrong-tenant"))?)
            }
        },
    };
    let time = |field: &'static str| match form.get(field).trim() {
        "" => Ok(None),
        text => match parse_time(text) {
            Some(time) => Ok(Some(time)),
            None => Err(Faults::of(field, "admin-wrong-time")),
        },
    };
    let (valid_from, expires_at) = (time("from")?, time("until")?);
    let reason = Some(form.get("reason").trim()).filter(|reason| !reason.is_empty());
    Ok(Wanted {
        role,
        tenant,
        validity: Validity {
            valid_from,
            expires_at,
            reason: reason.map(str::to_owned),
        },
    })
}

/// Returns true if the caller can give roles only in the tenant in which they act.
fn is_tenant_fixed(visit: &Visit) -> bool {
    visit.tenant().is_some() && !visit.may_globally(may::WriteAssignments::NAME)
}

/// Reads a time to the minute or second in UTC, as browsers send it, or an RFC 3339 time.
fn parse_time(text: &str) -> Option<Timestamp> {
    let ends = [":00Z", "Z", ""];
    ends.iter()
        .find_map(|end| parse_rfc3339(&format!("{text}{end}")))
}

/// Requires a fresh proof if a role gives something of rolecall itself.
///
/// # Errors
///
/// [`ApiError::StepUp`].
pub(super) async fn require_fresh_for(visit: &Visit, role: &RoleName) -> Result<(), ApiError> {
    if hierarchy::gives_own(&visit.app, role).await? {
        visit.require_fresh().await?;
    }
    Ok(())
}

/// The form that gives a user a role.
pub(crate) async fn get_assign(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    let user = Assignee::User(&id);
    visit
        .answer(show(&visit, user, &visit.query, &Faults::default()).await)
        .await
}

/// The form that gives a client a role.
pub(crate) async fn get_client_assign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    let client = Assignee::Client(&id);
    visit
        .answer(show(&visit, client, &visit.query, &Faults::default()).await)
        .await
}

/// Gives a user a role (`role`, `tenant`, `from`, `until`, `reason`).
pub(crate) async fn post_assign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    assign(&visit, Assignee::User(&id), &form).await
}

/// Gives a client a role (`role`, `tenant`, `from`, `until`, `reason`).
pub(crate) async fn post_client_assign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    assign(&visit, Assignee::Client(&id), &form).await
}

async fn assign(visit: &Visit, whose: Assignee<'_>, form: &Submitted) -> Response {
    let wanted = match read(visit, form) {
        Ok(wanted) => wanted,
        Err(faults) => return visit.answer(show(visit, whose, form, &faults).await).await,
    };
    let path = path_of(whose);
    let given = async {
        let named = (&wanted.role, wanted.tenant.as_ref());
        let before = undo::assignment_before(visit, whose, named.0, named.1).await?;
        let outcome = give(visit, whose, &wanted).await?;
        Ok((outcome, undo::of_assigned(whose, named, before.as_ref())))
    };
    match given.await.map_err(Faults::read) {
        Ok((Outcome::Assigned, undo)) => visit.done_and_undo(&path, "assigned", Some(&undo)),
        Ok((Outcome::Requested(_), _)) => visit.done(&path, "requested"),
        Err(Ok(mut faults)) => {
            faults.rename("valid_from", "from");
            faults.rename("expires_at", "until");
            visit.answer(show(visit, whose, form, &faults).await).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

/// Gives a role to a user or client.
pub(super) async fn give(
    visit: &Visit,
    whose: Assignee<'_>,
    wanted: &Wanted,
) -> Result<Outcome, ApiError> {
    let role = &wanted.role;
    require_fresh_for(visit, role).await?;
    let tenant = wanted.tenant.as_ref();
    assignments::assign(
        &visit.app,
        visit.caller(),
        whose,
        role,
        tenant,
        &wanted.validity,
    )
    .await
}

async fn show(
    visit: &Visit,
    whose: Assignee<'_>,
    entered: &Submitted,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let path = path_of(whose);
    let tenant = visit.tenant().map(|tenant| tenant.to_string());
    let typed = entered.get("tenant");
    let view = AssignForm {
        user: name_of(visit, whose).await?,
        action: format!("{path}/assign"),
        back: path,
        role: entered.get("role").to_owned(),
        tenant: if typed.is_empty() || is_tenant_fixed(visit) {
            tenant.unwrap_or_default()
        } else {
            typed.to_owned()
        },
        is_tenant_fixed: is_tenant_fixed(visit),
        from: entered.get("from").to_owned(),
        until: entered.get("until").to_owned(),
        reason: entered.get("reason").to_owned(),
        roles: offered_roles(visit).await?,
    };
    Ok(visit.show_with("admin_assign.html", &view, faults))
}

/// Returns the names of roles to choose from; none for those who may not read roles.
pub(super) async fn offered_roles(visit: &Visit) -> Result<Vec<String>, ApiError> {
    if !visit.may_globally(may::ReadRoles::NAME) {
        return Ok(Vec::new());
    }
    let found = roles::list(&visit.app, visit.caller(), "", OFFERED).await?;
    Ok(found
        .into_iter()
        .map(|one| one.role.name.to_string())
        .collect())
}

/// Asks whether to take a role from a user (`role`, `tenant`).
pub(crate) async fn get_unassign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    let user = Assignee::User(&id);
    visit
        .answer(ask(&visit, user, &visit.query, &Faults::default()).await)
        .await
}

/// Asks whether to take a role from a client (`role`, `tenant`).
pub(crate) async fn get_client_unassign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    let client = Assignee::Client(&id);
    visit
        .answer(ask(&visit, client, &visit.query, &Faults::default()).await)
        .await
}

/// Takes a role from a user (`role`, `tenant`).
pub(crate) async fn post_unassign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    unassign(&visit, Assignee::User(&id), &form).await
}

/// Takes a role from a client (`role`, `tenant`).
pub(crate) async fn post_client_unassign(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    unassign(&visit, Assignee::Client(&id), &form).await
}

async fn unassign(visit: &Visit, whose: Assignee<'_>, form: &Submitted) -> Response {
    let taken = async {
        let (role, tenant) = named(form)?;
        let before = undo::assignment_before(visit, whose, &role, tenant.as_ref()).await?;
        assignments::unassign(&visit.app, visit.caller(), whose, &role, tenant.as_ref()).await?;
        Ok(before.map(|before| undo::of_unassigned(whose, &before)))
    };
    match taken.await.map_err(Faults::read) {
        Ok(undo) => visit.done_and_undo(&path_of(whose), "unassigned", undo.as_deref()),
        Err(Ok(faults)) => visit.answer(ask(visit, whose, form, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

/// Reads the role and tenant that an address or form names.
fn named(from: &Submitted) -> Result<(RoleName, Option<TenantName>), ApiError> {
    let role = from.get("role");
    let role = role.parse().map_err(|_| ApiError::unknown("role", &role))?;
    let tenant = match from.get("tenant") {
        "" => None,
        name => Some(
            name.parse()
                .map_err(|_| ApiError::unknown("tenant", &name))?,
        ),
    };
    Ok((role, tenant))
}

async fn ask(
    visit: &Visit,
    whose: Assignee<'_>,
    named_by: &Submitted,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let (role, tenant) = named(named_by)?;
    let path = path_of(whose);
    let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    let what = if tenant.is_empty() {
        role.to_string()
    } else {
        format!("{role} ({tenant})")
    };
    let view = Confirm {
        title: "admin-unassign-role",
        name: what.clone(),
        effects: vec![
            Effect::of("admin-effect-loses-role", name_of(visit, whose).await?),
            Effect::of("admin-effect-tokens-refused", ""),
            Effect::of("admin-effect-can-undo", ""),
        ],
        is_final: false,
        action: format!("{path}/unassign"),
        fields: vec![("role", role.to_string()), ("tenant", tenant)],
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_browsers_and_clients_write_it() {
        let noon = parse_rfc3339("2030-01-02T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(parse_time("2030-01-02T12:00"), noon);
        assert_eq!(parse_time("2030-01-02T12:00:00"), noon);
        assert_eq!(parse_time("2030-01-02T12:00:00Z"), noon);
        for wrong in ["tomorrow", "2030-01-02", "12:00", "2030-13-02T12:00"] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }
}
