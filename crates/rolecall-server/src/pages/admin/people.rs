//! The people of a tenant, for those who administrate it.

use axum::response::Response;
use rolecall::Public;
use rolecall_core::SubjectKind;

use super::{
    links::{Listing, cut, one_more},
    users::path_of,
    views::people::{People, Person},
    visit::Visit,
};
use crate::{
    error::ApiError,
    roles::{assignment_store::SubjectAssignment, review},
};

/// The page itself.
const PATH: &str = "/admin/people";
/// The assignments on a page.
const SHOWN: usize = 50;

/// The role assignments in the tenant in which the caller acts.
pub(crate) async fn get_people(_: Public, visit: Visit) -> Response {
    visit.answer(show(&visit).await).await
}

async fn show(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(PATH, &visit.query, &[], &["subject"]);
    let mut view = People {
        tenant: visit
            .tenant()
            .map(|tenant| tenant.to_string())
            .unwrap_or_default(),
        ..People::default()
    };
    if let Some(tenant) = visit.tenant() {
        let after = listing.after.split_once('~').unwrap_or((listing.after, ""));
        let mut found =
            review::in_tenant(&visit.app, visit.caller(), &tenant, after, one_more(SHOWN)).await?;
        let last = cut(&mut found, SHOWN);
        let last = last.map(|one| format!("{}~{}", one.subject, one.assignment.role));
        view.first = listing.first();
        view.next = listing.next(last.as_deref());
        view.rows = found.into_iter().map(person).collect();
    }
    Ok(visit.show("admin_people.html", &view))
}

fn person(held: SubjectAssignment) -> Person {
    Person {
        href: match held.kind {
            SubjectKind::User => path_of(&held.subject),
            SubjectKind::Client => String::new(),
        },
        role: held.assignment.role.to_string(),
        until: held.assignment.expires_at.map(Into::into),
        name: if held.name.is_empty() {
            held.subject
        } else {
            held.name
        },
    }
}
