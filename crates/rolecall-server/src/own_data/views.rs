//! The data of a user as a document.

use serde::Serialize;
use utoipa::ToSchema;

use super::service::OwnData;
use crate::{
    accounts::views::UserView,
    audit::store::Event,
    consents::handlers::ConsentView,
    factors::{remembered_store::RememberedDevice, views::FactorView},
    invitations::store::Invitation,
    login::browser::store::BrowserSession,
    mail::{store::MailOf, token_store::LinkOf},
    roles::{
        assigning::Assignee,
        ended_store::EndedAssignment,
        views::{AssignmentView, RequestView},
    },
    sessions::handlers::SessionView,
    times::rfc3339,
};

/// Everything that is stored about a user and is no secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnData)]
pub(crate) struct OwnDataView {
    account: UserView,
    /// When it became known that the e-mail address is the user's.
    #[schema(required, format = DateTime)]
    email_verified_at: Option<String>,
    /// The language of mails to the user: that of the page on which the user last signed in.
    #[schema(required)]
    language: Option<String>,
    role_assignments: Vec<AssignmentView>,
    /// Roles that a second person has to confirm.
    requested_roles: Vec<RequestView>,
    /// Roles that were taken away; the last 200.
    ended_roles: Vec<EndedRoleView>,
    factors: Vec<FactorView>,
    /// The recovery codes that are left.
    recovery_codes: i64,
    /// Devices on which a sign-in asks for no second factor.
    remembered_devices: Vec<OwnDeviceView>,
    /// Mails to the user that wait, or that could not be sent.
    mails: Vec<OwnMailView>,
    /// Links in mails to the user that were not followed yet.
    mailed_links: Vec<MailedLinkView>,
    /// Invitations to the user's address that nobody has accepted.
    invitations: Vec<OwnInvitationView>,
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
    /// The browser and the system, such as `Firefox on Linux`; left out if they are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
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
            agent: session.agent,
            amr: session.amr.split_whitespace().map(str::to_owned).collect(),
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            expires_at: rfc3339(session.expires_at),
        }
    }
}

/// A role that was taken away.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndedRole)]
pub(crate) struct EndedRoleView {
    role: String,
    /// null for a global assignment.
    #[schema(required)]
    tenant: Option<String>,
    #[schema(format = DateTime)]
    ended_at: String,
}

impl From<EndedAssignment> for EndedRoleView {
    fn from(ended: EndedAssignment) -> Self {
        Self {
            role: ended.role.to_string(),
            tenant: ended.tenant.map(|tenant| tenant.to_string()),
            ended_at: rfc3339(ended.ended_at),
        }
    }
}

/// A mail to the user, without its text, which may hold a link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnMail)]
pub(crate) struct OwnMailView {
    /// Such as `reset`.
    kind: String,
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When sending it was given up.
    #[schema(required, format = DateTime)]
    failed_at: Option<String>,
}

impl From<MailOf> for OwnMailView {
    fn from(mail: MailOf) -> Self {
        Self {
            kind: mail.kind,
            address: mail.recipient,
            created_at: rfc3339(mail.created_at),
            failed_at: mail.failed_at.map(rfc3339),
        }
    }
}

/// A link that was sent to the user, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailedLink)]
pub(crate) struct MailedLinkView {
    /// `reset`, `verify` or `change`.
    purpose: String,
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<LinkOf> for MailedLinkView {
    fn from(link: LinkOf) -> Self {
        Self {
            purpose: link.purpose,
            address: link.address,
            created_at: rfc3339(link.created_at),
            expires_at: rfc3339(link.expires_at),
        }
    }
}

/// A device on which a sign-in asks for no second factor for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RememberedDevice)]
pub(crate) struct OwnDeviceView {
    /// The address at which it was remembered.
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
}

impl From<RememberedDevice> for OwnDeviceView {
    fn from(device: RememberedDevice) -> Self {
        Self {
            address: device.address,
            created_at: rfc3339(device.created_at),
            last_used_at: rfc3339(device.last_used_at),
        }
    }
}

/// An invitation to the address of the user. The roles in it are for administrators until it is accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnInvitation)]
pub(crate) struct OwnInvitationView {
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Invitation> for OwnInvitationView {
    fn from(invitation: Invitation) -> Self {
        Self {
            address: invitation.address,
            created_at: rfc3339(invitation.created_at),
            expires_at: rfc3339(invitation.expires_at),
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
            email_verified_at: data.email_verified_at.map(rfc3339),
            language: data.language,
            role_assignments: assignments
                .map(|one| AssignmentView::new(Assignee::User(&id), one))
                .collect(),
            requested_roles: data.roles.requested.into_iter().map(Into::into).collect(),
            ended_roles: data.roles.ended.into_iter().map(Into::into).collect(),
            factors: data.factors.factors.iter().map(Into::into).collect(),
            recovery_codes: data.factors.codes_left,
            remembered_devices: data.devices.into_iter().map(Into::into).collect(),
            mails: data.mail.mails.into_iter().map(Into::into).collect(),
            mailed_links: data.mail.links.into_iter().map(Into::into).collect(),
            invitations: data.mail.invitations.into_iter().map(Into::into).collect(),
            sessions: sessions.map(|one| SessionView::new(one, current)).collect(),
            browser_sessions: data.browsers.into_iter().map(Into::into).collect(),
            consents: data.allowed.into_iter().map(Into::into).collect(),
            events: data.events.into_iter().map(Into::into).collect(),
            exported_at: rfc3339(now),
        }
    }
}
