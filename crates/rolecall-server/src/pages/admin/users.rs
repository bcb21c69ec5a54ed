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
        search_store::{Order, Search},
    },
    authority::{may, subject::Status},
    error::ApiError,
};

/// The page itself.
pub(super) const PATH: &str = "/admin/users";
/// The users on a page.
const SHOWN: usize = 50;
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
        rows: found.into_iter().map(row).collect(),
    };
    Ok(visit.show("admin_users.html", &users))
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

fn row(found: Found) -> Row {
    let Found { user, more } = found;
    Row {
        href: path_of(&user.id),
        id: user.id,
        username: user.username,
        email: user.email.unwrap_or_default(),
        is_verified: user.email_verified_at.is_some(),
        status: status_key(user.status),
        roles: user.roles.iter().map(ToString::to_string).collect(),
        factors: more.factors,
        last_sign_in: more.last_sign_in.map(Time::from),
        created: user.created_at.into(),
    }
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
