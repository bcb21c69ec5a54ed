//! Roles: the list, and the page of one.

use axum::response::Response;
use http::StatusCode;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{RoleName, SubjectKind};

use super::{
    clients,
    faults::Faults,
    links::{Listing, cut, one_more},
    users,
    views::roles::{Holder, RolePage, Roles, Row},
    visit::Visit,
};
use crate::{
    authority::{builtin, may},
    error::ApiError,
    roles::{
        assignment_store::SubjectAssignment,
        details::RoleDetails,
        review::{self, After},
        service,
    },
    web::params::Segment,
};

/// The page itself.
pub(super) const PATH: &str = "/admin/roles";
/// The roles, and the holders, on a page.
const SHOWN: usize = 50;

/// The list of roles.
pub(crate) async fn get_roles(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(PATH, &visit.query, &["q"], &["name"]);
    let (app, caller, q) = (&visit.app, visit.caller(), listing.filter("q").trim());
    let mut found = service::search(app, caller, q, listing.after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    let last = last.map(|role| role.role.name.to_string());
    let view = Roles {
        q: q.to_owned(),
        may_create: visit.may_globally(may::WriteRoles::NAME),
        first: listing.first(),
        next: listing.next(last.as_deref()),
        rows: found.iter().map(row).collect(),
    };
    Ok(visit.show("admin_roles.html", &view))
}

fn row(role: &RoleDetails) -> Row {
    Row {
        href: path_of(&role.role.name),
        name: role.role.name.to_string(),
        description: role.role.description.clone(),
        permissions: role.permissions.iter().map(ToString::to_string).collect(),
        juniors: role.juniors.iter().map(ToString::to_string).collect(),
        approval: role.approval,
        acr: role.acr.as_str(),
    }
}

/// Returns the address of a role's page.
pub(super) fn path_of(role: &RoleName) -> String {
    format!("{PATH}/{role}")
}

/// Reads the role that an address names; what is no name names none.
///
/// # Errors
///
/// [`ApiError::Unknown`].
pub(super) fn named(role: &str) -> Result<RoleName, ApiError> {
    role.parse().map_err(|_| ApiError::unknown("role", &role))
}

/// The page of a role.
pub(crate) async fn get_role(_: Public, visit: Visit, Segment(role): Segment<String>) -> Response {
    let made = show_role(&visit, &role, &Faults::default()).await;
    visit.answer(made).await
}

/// Answers what would change or delete a role that stays: with the page of the role, which says why (`key`).
pub(super) async fn show_staying(
    visit: &Visit,
    role: &str,
    key: &'static str,
) -> Result<Response, ApiError> {
    let faults = Faults {
        status: StatusCode::CONFLICT,
        ..Faults::of("", key)
    };
    show_role(visit, role, &faults).await
}

async fn show_role(visit: &Visit, role: &str, faults: &Faults) -> Result<Response, ApiError> {
    let (app, caller, name) = (&visit.app, visit.caller(), named(role)?);
    let details = service::get(app, caller, &name).await?;
    let reach = review::reach(app, caller, &name).await?;
    let path = path_of(&name);
    let listing = Listing::read(&path, &visit.query, &[], &["name"]);
    let sees_holders = visit.may_globally(may::ReadAssignments::NAME);
    let may_write = visit.may_globally(may::WriteRoles::NAME);
    let mut holders = Vec::new();
    if sees_holders {
        let mut places = listing.after.splitn(3, '~');
        let mut place = || places.next().unwrap_or_default();
        let after = After {
            role: place(),
            subject: place(),
            tenant: place(),
        };
        holders = review::holders(app, caller, &name, true, after, one_more(SHOWN)).await?;
    }
    let last = cut(&mut holders, SHOWN).map(place_of);
    let names = |roles: &[RoleName]| roles.iter().map(ToString::to_string).collect();
    let view = RolePage {
        description: details.role.description.clone(),
        approval: details.approval,
        by_name: details.by_name,
        acr: details.acr.as_str(),
        updated: Some(details.role.updated_at.into()),
        permissions: details
            .permissions
            .iter()
            .map(ToString::to_string)
            .collect(),
        juniors: names(&details.juniors),
        reach: reach.permissions.iter().map(ToString::to_string).collect(),
        all_juniors: names(&reach.juniors),
        seniors: names(&reach.seniors),
        holders: holders.iter().map(|one| holder(visit, one)).collect(),
        first: listing.first(),
        next: listing.next(last.as_deref()),
        sees_holders,
        // what is always refused is not offered
        may_edit: may_write && !builtin::is_fixed(&name),
        may_delete: may_write && !builtin::is_builtin(&name),
        is_fixed: builtin::is_fixed(&name),
        name: role.to_owned(),
        path: path.clone(),
    };
    Ok(visit.show_with("admin_role.html", &view, faults))
}

fn place_of(held: &SubjectAssignment) -> String {
    let tenant = held.assignment.tenant.as_ref();
    let tenant = tenant.map(ToString::to_string).unwrap_or_default();
    format!("{}~{}~{tenant}", held.assignment.role, held.subject)
}

fn holder(visit: &Visit, held: &SubjectAssignment) -> Holder {
    let tenant = held.assignment.tenant.as_ref();
    let is_client = held.kind == SubjectKind::Client;
    Holder {
        name: held.name.clone(),
        is_client,
        href: match held.kind {
            SubjectKind::User => users::path_of(&held.subject),
            SubjectKind::Client if visit.may_globally(may::ReadClients::NAME) => {
                clients::path_of(&held.subject)
            }
            // it would lead to a page that they may not see
            SubjectKind::Client => String::new(),
        },
        role: held.assignment.role.to_string(),
        tenant: tenant.map(ToString::to_string).unwrap_or_default(),
        until: held.assignment.expires_at.map(Into::into),
    }
}
