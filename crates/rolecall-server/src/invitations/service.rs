//! The rules for invitations.

use rolecall::PermissionName as _;
use rolecall_core::{RoleName, SubjectKind, TenantName};
use rolecall_passwords::Lane;
use serde_json::json;

use super::{
    inviter::{By, Inviter, is_outgrown},
    seal::{self, Delivery},
    sign_up,
    store::{self, Invitation},
};
use crate::{
    accounts::{
        email_store, emails, language_store,
        registration::{create_in, hash_new, parse_email, parse_new_username},
        store::NewUser,
    },
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    error::{ApiError, FieldError},
    ids,
    login::secret::{self, Kind},
    mail::{
        outbox::{self, NewMail, Values},
        recipients,
    },
    profile::stored::StoredProfile,
    roles::{
        assigning::{Assignee, Validity},
        assignments,
    },
    store::Change,
    throttle::network_lane,
    usernames::{Username, folded},
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

    fn tenant_name(&self) -> Result<Option<TenantName>, ApiError> {
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
            let detail = "a user has this verified e-mail address: assign the roles to that user";
            return Err(ApiError::rule("email_taken", detail, Vec::new()));
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
async fn check_rights(
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

/// The reason why an invitation is not accepted.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// It was accepted, has expired or ended, or whoever invited may not give the roles any more.
    Ended,
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for AcceptError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Returns the invitation that a link leads to. It stays as it is: programs open links of mails, too.
///
/// # Errors
///
/// [`AcceptError::Ended`] if it cannot be accepted.
pub(crate) async fn find(app: &App, token: &str) -> Result<Invitation, AcceptError> {
    let (invitation, _) = find_sealed(app, token).await?;
    Ok(invitation)
}

/// As [`find`], with the way that the link has taken.
async fn find_sealed(app: &App, token: &str) -> Result<(Invitation, Delivery), AcceptError> {
    let hash = secret::hash(app, Kind::Invitation, token).ok_or(AcceptError::Ended)?;
    let mut conn = app.store().read().await?;
    let found = store::find(&mut conn, &hash, app.database_now()).await?;
    sealed(app, found, token)
}

/// Returns an invitation for which a link is sealed, with the way that the link has taken.
fn sealed(
    app: &App,
    found: Option<Invitation>,
    token: &str,
) -> Result<(Invitation, Delivery), AcceptError> {
    let invitation = found.ok_or(AcceptError::Ended)?;
    let delivery = seal::delivery(app, &invitation, token).ok_or(AcceptError::Ended)?;
    Ok((invitation, delivery))
}

/// Makes the account of an invitation, which is spent: with its address, which is verified if the link went there by mail,
/// and with its roles, as far as the inviter may give them now. `language` is the language of the page; mails to the user
/// will be in it.
///
/// # Errors
///
/// [`AcceptError`]; the invitation stays if name or password are refused.
pub(crate) async fn accept(
    app: &App,
    token: &str,
    (username, password): (&str, &str),
    (address, language): (&str, &str),
) -> Result<(), AcceptError> {
    // as for registrations: the answer says whether a name is taken
    let parts = app.parts();
    let wait = parts
        .registering_addresses
        .take(address, parts.clock.monotonic());
    if let Some(retry_after) = wait {
        return Err(ApiError::TooMany { retry_after }.into());
    }
    let (invitation, delivery) = find_sealed(app, token).await?;
    let username = parse_new_username(username)?;
    refuse_foreign_address(&username, &invitation.address)?;
    let lane = Lane {
        source: network_lane(address),
        account: 0,
    };
    let hash = hash_new(app, lane, "password", password, &username).await?;
    let id = ids::new_id(app.now()).map_err(ApiError::internal)?;
    let profile = StoredProfile::default();
    let user = NewUser {
        id: &id,
        username: username.as_str(),
        email: Some(&invitation.address),
        email_verified_at: (delivery == Delivery::Mailed).then(|| app.now()),
        email_verified_by: None,
        password_hash: Some(&hash),
        reset_code_hash: None,
        reset_expires_at: None,
        must_change_password: false,
        profile: &profile,
    };
    let inviter = Inviter::of(&invitation.invited_by);
    let caller = inviter.caller();
    let roles = match inviter {
        Inviter::SignUp => {
            let roles = sign_up::roles(app).await?.ok_or(AcceptError::Ended)?;
            roles.into_iter().collect()
        }
        _ => invitation.role_names()?,
    };
    let done = app
        .change_as(caller, async |change| {
            accept_in(app, change, token, (&user, &roles), caller).await?;
            language_store::keep(change.conn(), user.id, language).await?;
            Ok(())
        })
        .await;
    match done {
        Err(AcceptError::Failed(error)) if is_outgrown(&error) => {
            tracing::warn!(invitation = invitation.id, %error, "an invitation ends: whoever invited may not give its roles any more");
            end(app, Caller::System, &invitation.id).await?;
            Err(AcceptError::Ended)
        }
        done => done,
    }
}

/// Refuses a name that is an address, but not the one that was proven: names are looked up first, so that the owner of the
/// address could not sign in with it any more.
fn refuse_foreign_address(username: &Username, proven: &str) -> Result<(), ApiError> {
    let name = username.as_str();
    if parse_email(name).is_err() || folded(name) == folded(proven) {
        return Ok(());
    }
    let msg = format!(
        "username: an address can be the name of its owner only; use `{proven}` or another name"
    );
    Err(ApiError::Invalid(FieldError::body(
        "username",
        "foreign_address",
        msg,
    )))
}

async fn accept_in(
    app: &App,
    change: &mut Change<'_>,
    token: &str,
    (user, roles): (&NewUser<'_>, &[RoleName]),
    caller: Caller<'_>,
) -> Result<(), AcceptError> {
    let hash = secret::hash(app, Kind::Invitation, token).ok_or(AcceptError::Ended)?;
    let spent = store::spend(change, &hash, app.database_now()).await?;
    let (invitation, delivery) = sealed(app, spent, token)?;
    let tenant = invitation.tenant_name()?;
    let wanted = NewInvitation {
        address: &invitation.address,
        roles,
        tenant: tenant.as_ref(),
        language: None,
        shows_link: true,
    };
    let by = By::of_invitation(caller);
    let rights = check_rights(app, change, by, &wanted).await?;
    delivery.require(&rights, wanted.shows_link)?;
    if email_store::is_email_verified(change.conn(), &invitation.address, "").await? {
        return Err(AcceptError::Ended);
    }
    let address = &invitation.address;
    delivery.claim_address(app, change, address).await?;
    create_in(change, &rights, caller, user, &[]).await?;
    for role in roles {
        let needed = may::WriteAssignments::NAME;
        let rights = by.rights(app, change, tenant.as_ref(), needed).await?;
        let (assignee, validity) = (Assignee::User(user.id), Validity::default());
        assignments::assign_in(
            change,
            &rights,
            caller,
            assignee,
            role,
            tenant.as_ref(),
            &validity,
        )
        .await?;
    }
    change.record(json!({
        "action": "invitation.accepted", "invitation": invitation.id, "subject": user.id,
    }));
    Ok(())
}
