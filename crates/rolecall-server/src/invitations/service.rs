//! The rules for invitations.

use rolecall::PermissionName as _;
use rolecall_core::{RoleName, SubjectKind, TenantName};
use serde_json::json;

use super::{
    inviter::By,
    seal::{self, Delivery},
    store::{self, Invitation},
};
use crate::{
    accounts::{email_store, emails},
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    error::ApiError,
    ids,
    login::secret::{self, Kind},
    mail::{
        outbox::{self, NewMail, Values},
        recipients,
    },
    reasons::Reason,
    store::Change,
    usernames::folded,
};

/// The name of the page that a link leads to, and the kind of the mail.
const PAGE: &str = "invite";

/// An invitation to make, not yet checked.
#[derive(Clone, Debug)]
pub(crate) struct NewInvitation<'a> {
    pub(crate) address: &'a str,
    pub(crate) roles: &'a [RoleName],
    /// The tenant in which the roles are given.
    pub(crate) tenant: Option<&'a TenantName>,
    /// The language of the mail; `None` for the default.
    pub(crate) language: Option<&'a str>,
    /// The inviter gets the link to pass it on, if no mail is sent.
    pub(crate) shows_link: bool,
}

/// An invitation, and the link to it.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) invitation: Invitation,
    /// The path and query below the public URL. Whoever has it can accept the invitation.
    pub(crate) link: String,
}

impl Invitation {
    /// Returns the roles that the invitation names.
    ///
    /// # Errors
    ///
    /// If the row is not one that [`create`] has written.
    pub(crate) fn role_names(&self) -> Result<Vec<RoleName>, ApiError> {
        serde_json::from_str(&self.roles).map_err(ApiError::internal)
    }

    pub(super) fn tenant_name(&self) -> Result<Option<TenantName>, ApiError> {
        let tenant = Some(self.tenant.as_str()).filter(|tenant| !tenant.is_empty());
        tenant
            .map(str::parse)
            .transpose()
            .map_err(ApiError::internal)
    }
}

/// Invites the owner of an address, who gets a mail if mails are sent. Another invitation to the address ends.
///
/// # Errors
///
/// The delegation limit: the caller must hold all that the roles hold. Without mail, refused if the limit applies to the
/// caller at all, who would choose name and password by the link, or if the link is not shown. Refused for clients, since a
/// person has to answer for it when it is accepted.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    wanted: &NewInvitation<'_>,
) -> Result<Invited, ApiError> {
    if matches!(caller, Caller::Token(principal) if principal.kind() == SubjectKind::Client) {
        let detail = "a client cannot invite: a person must, whose rights count when the invitation is accepted";
        return Err(ApiError::rule("not_for_clients", detail, Vec::new()));
    }
    let address = recipients::parse(wanted.address)?;
    let lifetime = app.settings().mail.as_ref().map_or_else(
        || crate::config::Mail::default().invitation_ttl,
        |mail| mail.lifetimes.invitation,
    );
    let now = app.database_now();
    let invitation = Invitation {
        id: ids::new_id(app.now()).map_err(ApiError::internal)?,
        address,
        roles: json!(wanted.roles).to_string(),
        tenant: wanted.tenant.map(ToString::to_string).unwrap_or_default(),
        invited_by: caller.actor().to_string(),
        created_at: now,
        expires_at: now.plus(lifetime),
    };
    let delivery = Delivery::now(app);
    let token = seal::new_token(app, &invitation, delivery)?;
    let hash = secret::hash(app, Kind::Invitation, &token).unwrap_or_default();
    app.change(caller, async |change| {
        let rights = check_rights(app, change, By::Caller(caller), wanted).await?;
        delivery.require(&rights, wanted.shows_link)?;
        let address = invitation.address.as_str();
        if email_store::is_email_verified(change.conn(), address, "").await? {
            return Err(ApiError::because(Reason::EmailOfUser, Vec::new()));
        }
        // nobody could accept it
        if delivery == Delivery::Shown {
            emails::refuse_taken(app, change, Some(address), "").await?;
        }
        emails::refuse_verified(change, Some(address), Some(change.now()), "").await?;
        store::replace(change, (&hash, &folded(address)), &invitation).await?;
        send(app, change, &invitation, &token, wanted.language).await?;
        change.record(json!({
            "action": "invitation.created", "invitation": invitation.id,
            "roles": wanted.roles, "tenant": wanted.tenant,
        }));
        Ok(())
    })
    .await?;
    let link = format!("/{PAGE}?token={token}");
    Ok(Invited { invitation, link })
}

/// Requires that the caller may create users, and give the roles. Returns their rights to create users.
pub(super) async fn check_rights(
    app: &App,
    change: &mut Change<'_>,
    by: By<'_>,
    wanted: &NewInvitation<'_>,
) -> Result<Rights, ApiError> {
    let creating = by.rights(app, change, None, may::WriteUsers::NAME).await?;
    if wanted.roles.is_empty() {
        return Ok(creating);
    }
    let needed = may::WriteAssignments::NAME;
    let rights = by.rights(app, change, wanted.tenant, needed).await?;
    for role in wanted.roles {
        let known = rights.policy.policy.role(role.as_str());
        known.ok_or_else(|| ApiError::unknown("role", role))?;
    }
    rights.cover_in(wanted.tenant, wanted.roles)?;
    Ok(creating)
}

async fn send(
    app: &App,
    change: &mut Change<'_>,
    invitation: &Invitation,
    token: &str,
    language: Option<&str>,
) -> Result<(), ApiError> {
    if app.settings().mail.is_none() {
        return Ok(());
    }
    let address = invitation.address.as_str();
    if !outbox::count(app, change.conn(), PAGE, address).await? {
        return Err(ApiError::TooMany {
            retry_after: outbox::COUNTED,
        });
    }
    let values = Values {
        token: token.to_owned(),
        page: PAGE.to_owned(),
        ..Values::default()
    };
    let mail = NewMail {
        subject: None,
        kind: PAGE,
        recipient: address,
        language,
        values: &values,
        expires_at: invitation.expires_at,
    };
    outbox::queue(app, change.conn(), &mail).await
}

/// Returns up to `limit` invitations after the id `after` that were not accepted yet.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<Invitation>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(store::list(&mut conn, after, app.database_now(), limit).await?)
}

/// Returns an invitation that was not accepted yet.
///
/// # Errors
///
/// [`ApiError::Unknown`] also for one that was accepted, has expired or was withdrawn.
pub(crate) async fn get(app: &App, caller: Caller<'_>, id: &str) -> Result<Invitation, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    let found = store::find_by_id(&mut conn, id, app.database_now()).await?;
    found.ok_or_else(|| ApiError::unknown("invitation", &id))
}

/// Ends an invitation; returns false if there is none with this id.
pub(crate) async fn end(app: &App, caller: Caller<'_>, id: &str) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteUsers::NAME).await?;
        let is_ended = store::end(change, id).await?;
        if is_ended {
            change.record(json!({ "action": "invitation.ended", "invitation": id }));
        }
        Ok(is_ended)
    })
    .await
}
