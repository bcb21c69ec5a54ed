//! Invitations that were not accepted yet: listed and withdrawn. The form that creates a user also invites one.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    super::submitted::Submitted,
    links::{Listing, below, cut, one_more},
    names::{self, Names},
    views::invitations::{Invitations, Row},
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    invitations::{service, store::Invitation},
    web::params::Segment,
};

/// The list.
pub(super) const PATH: &str = "/admin/invitations";
/// The invitations on a page.
const SHOWN: usize = 50;

/// The list of invitations.
pub(crate) async fn get_invitations(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let pages = Listing::unsorted(PATH, &visit.query);
    let (app, caller) = (&visit.app, visit.caller());
    let mut found = service::list(app, caller, pages.after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN).map(|one| one.id.clone());
    let names = names_of(visit, &found).await?;
    let rows: Result<Vec<Row>, ApiError> = found.iter().map(|one| row(&names, one)).collect();
    let view = Invitations {
        rows: rows?,
        first: pages.first(),
        next: pages.next(last.as_deref()),
        may_invite: visit.may_globally(may::WriteUsers::NAME),
    };
    Ok(visit.show("admin_invitations.html", &view))
}

/// Returns the names of the inviters.
async fn names_of(visit: &Visit, found: &[Invitation]) -> Result<Names, ApiError> {
    names::of_actors(visit, found.iter().map(|one| one.invited_by.as_str())).await
}

fn row(names: &Names, invitation: &Invitation) -> Result<Row, ApiError> {
    let roles = invitation.role_names()?;
    Ok(Row {
        href: below(PATH, &invitation.id),
        address: invitation.address.clone(),
        roles: roles.iter().map(ToString::to_string).collect(),
        tenant: invitation.tenant.clone(),
        by: names::shown(names, &invitation.invited_by),
        at: invitation.created_at.into(),
        until: invitation.expires_at.into(),
        may_withdraw: false,
    })
}

/// One invitation, with the button that withdraws it.
pub(crate) async fn get_invitation(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    visit.answer(show(&visit, &id).await).await
}

async fn show(visit: &Visit, id: &str) -> Result<Response, ApiError> {
    let found = service::get(&visit.app, visit.caller(), id).await?;
    let names = names_of(visit, std::slice::from_ref(&found)).await?;
    let view = Row {
        may_withdraw: visit.may_globally(may::WriteUsers::NAME),
        ..row(&names, &found)?
    };
    Ok(visit.show("admin_invitation.html", &view))
}

/// Withdraws an invitation (`step=withdraw`).
pub(crate) async fn post_invitation(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    if form.get("step") != "withdraw" {
        return visit.answer(show(&visit, &id).await).await;
    }
    match service::end(&visit.app, visit.caller(), &id).await {
        Ok(true) => visit.done(PATH, "invitation-withdrawn"),
        // it was accepted or withdrawn meanwhile
        Ok(false) => visit.refuse(ApiError::unknown("invitation", &id)).await,
        Err(error) => visit.refuse(error).await,
    }
}
