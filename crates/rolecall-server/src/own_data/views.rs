//! The data of a user as a document.

use serde::Serialize;
use utoipa::ToSchema;

use super::service::OwnData;
use crate::{
    accounts::views::UserView,
    audit::store::Event,
    consents::handlers::ConsentView,
    login::browser::store::BrowserSession,
    roles::{assigning::Assignee, views::AssignmentView},
    sessions::handlers::SessionView,
    times::rfc3339,
};

/// Everything that is stored about a user and is no secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnData)]
pub(crate) struct OwnDataView {
    account: UserView,
    role_assignments: Vec<AssignmentView>,
    sessions: Vec<SessionView>,
    browser_sessions: Vec<BrowserSessionView>,
    consents: Vec<ConsentView>,
    /// The newest first; at most 10000.
    events: Vec<OwnEventView>,
    #[schema(format = DateTime)]
    exported_at: String,
}

/// A browser in which the user is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BrowserSession)]
pub(crate) struct BrowserSessionView {
    id: String,
    /// Where it was used from last.
    address: String,
    /// The methods by which the user signed in (RFC 8176).
    amr: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<BrowserSession> for BrowserSessionView {
    fn from(session: BrowserSession) -> Self {
        Self {
            id: session.id,
            address: session.address,
            amr: session.amr.split_whitespace().map(str::to_owned).collect(),
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            expires_at: rfc3339(session.expires_at),
        }
    }
}

/// Something that happened in the user's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnEvent)]
pub(crate) struct OwnEventView {
    id: String,
    /// Such as `log_in`.
    kind: String,
    address: String,
    #[schema(format = DateTime)]
    at: String,
}

impl From<Event> for OwnEventView {
    /// Leaves out the detail, which is for administrators and may name one.
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            address: event.address,
            at: rfc3339(event.at),
        }
    }
}

impl OwnDataView {
    /// The data as of `now`; `current` is the session of the request.
    pub(crate) fn new(data: OwnData, current: Option<&str>, now: rolecall_core::Timestamp) -> Self {
        let id = data.user.id.clone();
        let assignments = data.assignments.into_iter();
        let sessions = data.sessions.into_iter();
        Self {
            account: data.user.into(),
            role_assignments: assignments
                .map(|one| AssignmentView::new(Assignee::User(&id), one))
                .collect(),
            sessions: sessions.map(|one| SessionView::new(one, current)).collect(),
            browser_sessions: data.browsers.into_iter().map(Into::into).collect(),
            consents: data.allowed.into_iter().map(Into::into).collect(),
            events: data.events.into_iter().map(Into::into).collect(),
            exported_at: rfc3339(now),
        }
    }
}
