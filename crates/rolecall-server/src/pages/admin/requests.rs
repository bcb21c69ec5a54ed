//! Requests for roles that a second person has to confirm: asked, confirmed and ended.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::{RoleName, SubjectKind, Timestamp};

use super::{
    super::submitted::Submitted,
    assign::require_fresh_for,
    faults::Faults,
    links::{Listing, cut, one_more},
    names::{self, Names},
    views::requests::{Form, Request, Requests},
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    roles::{
        assigning::{Assignee, Outcome, Validity},
        assignments,
        request_store::AssignmentRequest,
        requests,
    },
    times::parse_rfc3339,
};

const REQUESTS: &str = "/admin/requests";
/// The requests on a page.
const ON_PAGE: usize = 50;

/// The requests that wait, and the form of a new one, which the query can fill.
pub(crate) async fn get_requests(_: Public, visit: Visit) -> Response {
    let form = form_of(&visit.query);
    visit
        .answer(list(&visit, form, &Faults::default()).await)
        .await
}

async fn list(visit: &Visit, form: Form, faults: &Faults) -> Result<Response, ApiError> {
    let (pages, tenant) = (Listing::unsorted(REQUESTS, &visit.query), visit.tenant());
    let (app, caller, limit) = (&visit.app, visit.caller(), one_more(ON_PAGE));
    let mut found = requests::list(app, caller, pages.after, tenant.as_ref(), limit).await?;
    let last = cut(&mut found, ON_PAGE).map(|one| one.id.clone());
    let names = names_of(visit, &found).await?;
    let shown: Vec<Request> = found
        .iter()
        .map(|one| described(visit, &names, one))
        .collect();
    let view = Requests {
        requests: shown,
        first: pages.first(),
        next: pages.next(last.as_deref()),
        may_ask: visit.may(may::WriteAssignments::NAME),
        form,
    };
    Ok(visit.show_with("admin_requests.html", &view, faults))
}

/// Returns the names of those who asked.
async fn names_of(visit: &Visit, found: &[AssignmentRequest]) -> Result<Names, ApiError> {
    let actors = found.iter().map(AssignmentRequest::requested_by);
    names::of_actors(visit, actors).await
}

fn described(visit: &Visit, names: &Names, request: &AssignmentRequest) -> Request {
    let assigned = &request.assignment;
    let own = visit.caller().actor().to_string();
    Request {
        id: request.id.clone(),
        name: request.shown_name().to_owned(),
        href: match request.kind {
            SubjectKind::User => format!("/admin/users/{}", request.subject),
            SubjectKind::Client => String::new(),
        },
        role: assigned.role.to_string(),
        tenant: assigned
            .tenant
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        from: assigned.valid_from.map(Into::into),
        until: assigned.expires_at.map(Into::into),
        reason: assigned.reason.clone().unwrap_or_default(),
        by: names::shown(names, request.requested_by()),
        at: assigned.assigned_at.into(),
        is_own: own == request.requested_by(),
        may_end: own == request.requested_by() || visit.may(may::WriteAssignments::NAME),
    }
}

fn form_of(form: &Submitted) -> Form {
    let text = |name: &str| form.get(name).trim().to_owned();
    Form {
        user: text("user"),
        role: text("role"),
        until: text("until"),
        reason: text("reason"),
    }
}

/// Asks for a role. One that needs nobody else is assigned at once.
pub(crate) async fn post_requests(_: Public, visit: Visit, form: Submitted) -> Response {
    let form = form_of(&form);
    let faults = match ask(&visit, &form).await {
        Ok(Ok(Outcome::Requested(_))) => return visit.done(REQUESTS, "requested"),
        Ok(Ok(Outcome::Assigned)) => return visit.done(REQUESTS, "assigned"),
        Ok(Err(faults)) => faults,
        Err(error) => match Faults::read(error) {
            Ok(mut faults) => {
                faults.rename("expires_at", "until");
                faults
            }
            Err(error) => return visit.refuse(error).await,
        },
    };
    visit.answer(list(&visit, form, &faults).await).await
}

async fn ask(visit: &Visit, form: &Form) -> Result<Result<Outcome, Faults>, ApiError> {
    let Ok(role) = form.role.parse::<RoleName>() else {
        return Ok(Err(Faults::of("role", "admin-no-role")));
    };
    let Some(expires_at) = until(&form.until) else {
        return Ok(Err(Faults::of("until", "admin-no-time")));
    };
    let Some(user) = names::find(visit, &form.user).await? else {
        return Ok(Err(Faults::of("user", "admin-no-user")));
    };
    require_fresh_for(visit, &role).await?;
    let validity = Validity {
        valid_from: None,
        expires_at,
        reason: Some(form.reason.clone()).filter(|reason| !reason.is_empty()),
    };
    let (tenant, assignee) = (visit.tenant(), Assignee::User(&user));
    let caller = visit.caller();
    let outcome = assignments::assign(
        &visit.app,
        caller,
        assignee,
        &role,
        tenant.as_ref(),
        &validity,
    );
    Ok(Ok(outcome.await?))
}

/// Reads the end of an assignment: a time in UTC as browsers send it, or with a zone; empty for none.
#[expect(
    clippy::option_option,
    reason = "no end, a wrong one, and one are three things"
)]
pub(super) fn until(text: &str) -> Option<Option<Timestamp>> {
    if text.is_empty() {
        return Some(None);
    }
    let seconds = if text.len() == "2030-01-01T00:00".len() {
        ":00Z"
    } else {
        "Z"
    };
    let time = parse_rfc3339(text).or_else(|| parse_rfc3339(&format!("{text}{seconds}")));
    time.map(Some)
}

/// One request.
pub(crate) async fn get_request(_: Public, visit: Visit) -> Response {
    visit.answer(one(&visit, &Faults::default()).await).await
}

fn id(visit: &Visit) -> &str {
    visit.path.rsplit('/').next().unwrap_or_default()
}

async fn one(visit: &Visit, faults: &Faults) -> Result<Response, ApiError> {
    let found = requests::get(&visit.app, visit.caller(), id(visit)).await?;
    let names = names_of(visit, std::slice::from_ref(&found)).await?;
    let view = described(visit, &names, &found);
    Ok(visit.show_with("admin_request.html", &view, faults))
}

/// Confirms a request, or ends it (`step`).
pub(crate) async fn post_request(_: Public, visit: Visit, form: Submitted) -> Response {
    let done = match form.get("step") {
        "confirm" => confirm(&visit).await.map(|()| "request-confirmed"),
        "end" => end(&visit).await.map(|()| "request-ended"),
        _ => return visit.answer(one(&visit, &Faults::default()).await).await,
    };
    let error = match done {
        Ok(done) => return visit.done(REQUESTS, done),
        Err(error) => error,
    };
    match Faults::read(error) {
        Ok(faults) => visit.answer(one(&visit, &faults).await).await,
        Err(error) => visit.refuse(error).await,
    }
}

async fn confirm(visit: &Visit) -> Result<(), ApiError> {
    let found = requests::get(&visit.app, visit.caller(), id(visit)).await?;
    require_fresh_for(visit, &found.assignment.role).await?;
    requests::confirm(&visit.app, visit.caller(), &found.id).await?;
    Ok(())
}

async fn end(visit: &Visit) -> Result<(), ApiError> {
    let ended = requests::end(&visit.app, visit.caller(), id(visit)).await?;
    ended
        .map(drop)
        .ok_or_else(|| ApiError::unknown("request", &id(visit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_of_a_browser_or_with_a_zone_or_none() {
        assert_eq!(until(""), Some(None));
        let expected = parse_rfc3339("2030-03-17T17:46:00Z");
        assert!(expected.is_some());
        for text in [
            "2030-03-17T17:46",
            "2030-03-17T17:46:00",
            "2030-03-17T18:46:00+01:00",
        ] {
            assert_eq!(until(text), Some(expected), "{text}");
        }
        for text in ["tomorrow", "2030-03-17", "2030-13-17T17:46"] {
            assert_eq!(until(text), None, "{text}");
        }
    }
}
