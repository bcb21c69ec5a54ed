//! The list of users.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    links::{Listing, below, cut, one_more},
    views::{
        Time,
        users::{ACTIONS, Row, Users},
    },
    visit::Visit,
};
use crate::{
    accounts::{
        search::{self, Found},
        search_store::{InTenant, Order, Search},
        store::User,
    },
    authority::{may, subject::Status},
    error::ApiError,
};

/// The page itself.
pub(super) const PATH: &str = "/admin/users";
/// The users on a page.
const SHOWN: usize = 50;
/// The roles of a user on a page.
const SHOWN_ROLES: usize = 5;
/// What can be filtered by.
const FILTERS: [&str; 5] = ["q", "status", "role", "tenant", "without_factor"];

/// The list of users.
pub(crate) async fn get_users(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(PATH, &visit.query, &FILTERS, &["name", "created"]);
    let may_filter_roles = visit.may_globally(may::ReadAssignments::NAME);
    let (time, id) = listing.after.split_once('~').unwrap_or(("", listing.after));
    let wanted = Search {
        text: listing.filter("q").trim(),
        status: listing.filter("status").parse::<Status>().ok(),
        role: listing.filter("role").trim(),
        tenant: listing.filter("tenant").trim(),
        without_factor: listing.filter("without_factor") == "on",
        order: if listing.sort == "created" {
            Order::Creation
        } else {
            Order::Name
        },
        is_descending: listing.is_descending,
        after: (id, time.parse().unwrap_or_default()),
    };
    let mut found = search::search(&visit.app, visit.caller(), &wanted, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    let last = last.map(|one| match wanted.order {
        Order::Name => one.more.folded_username.clone(),
        Order::Creation => format!("{}~{}", one.more.created_at.micros(), one.more.id),
    });
    let in_tenants = in_tenants(visit, &found).await?;
    let users = Users {
        q: wanted.text.to_owned(),
        status: wanted.status.map_or("", Status::as_str).to_owned(),
        role: wanted.role.to_owned(),
        tenant: wanted.tenant.to_owned(),
        without_factor: wanted.without_factor,
        is_filtered: FILTERS.iter().any(|name| !listing.filter(name).is_empty()),
        may_filter_roles,
        may_create: visit.may_globally(may::WriteUsers::NAME),
        actions: actions(visit),
        columns: listing.columns(&[
            ("admin-user-name", "name"),
            ("admin-status", ""),
            ("admin-roles", ""),
            ("admin-factors", ""),
            ("admin-last-sign-in", ""),
            ("admin-created", "created"),
        ]),
        first: listing.first(),
        next: listing.next(last.as_deref()),
        rows: found.into_iter().map(|one| row(one, &in_tenants)).collect(),
    };
    Ok(visit.show("admin_users.html", &users))
}

/// Returns the roles that users have in tenants, as far as the caller may read them: everywhere, or in the tenant in which
/// the caller acts.
async fn in_tenants(visit: &Visit, found: &[Found]) -> Result<Vec<InTenant>, ApiError> {
    let sees_all = visit.may_globally(may::ReadAssignments::NAME);
    let tenant = visit.tenant().filter(|_| !sees_all);
    let sees_tenant = tenant.is_some() && visit.may(may::ReadAssignments::NAME);
    if !sees_all && !sees_tenant {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = found.iter().map(|one| one.user.id.as_str()).collect();
    let most = i64::try_from(SHOWN_ROLES).unwrap_or(i64::MAX);
    search::roles_in_tenants(&visit.app, visit.caller(), &ids, tenant.as_ref(), most).await
}

/// Returns what the caller may do with a selection.
fn actions(visit: &Visit) -> Vec<&'static str> {
    let may = |action: &&&str| match **action {
        "disable" => visit.may_globally(may::WriteUsers::NAME),
        _ => visit.may(may::WriteAssignments::NAME),
    };
    ACTIONS.iter().filter(may).copied().collect()
}

/// Returns the key of a status.
pub(super) fn status_key(status: Status) -> &'static str {
    match status {
        Status::Active => "admin-status-active",
        Status::Disabled => "admin-status-disabled",
        Status::PasswordChangeRequired => "admin-status-password_change_required",
    }
}

/// Returns the address of a user's page.
pub(super) fn path_of(id: &str) -> String {
    below(PATH, id)
}

fn row(found: Found, in_tenants: &[InTenant]) -> Row {
    let Found { user, more } = found;
    let (roles, more_roles) = roles_of(&user, in_tenants);
    Row {
        href: path_of(&user.id),
        id: user.id,
        username: user.username,
        email: user.email.unwrap_or_default(),
        is_verified: user.email_verified_at.is_some(),
        status: status_key(user.status),
        roles,
        more_roles,
        factors: more.factors,
        last_sign_in: more.last_sign_in.map(Time::from),
        created: user.created_at.into(),
    }
}

/// Returns the first roles of a user, those without a tenant before those in tenants, and the number of the others.
fn roles_of(user: &User, in_tenants: &[InTenant]) -> (Vec<String>, usize) {
    let own = in_tenants.iter().filter(|one| one.subject == user.id);
    let total = own.clone().next().map_or(0, |one| one.total);
    let total = user.roles.len() + usize::try_from(total).unwrap_or_default();
    let global = user.roles.iter().map(ToString::to_string);
    let shown = global.chain(own.map(|one| format!("{} @ {}", one.role, one.tenant)));
    let shown: Vec<String> = shown.take(SHOWN_ROLES).collect();
    let others = total.saturating_sub(shown.len());
    (shown, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_others_have_chosen_stays_one_segment_of_the_path() {
        assert_eq!(path_of("0197a3c8-5d52"), "/admin/users/0197a3c8-5d52");
        assert_eq!(path_of("a/b?c d"), "/admin/users/a%2Fb%3Fc%20d");
    }
}
