//! Accepting an invitation: the account that its link makes.

use rolecall::PermissionName as _;
use rolecall_core::RoleName;
use rolecall_passwords::Lane;
use serde_json::json;

use super::{
    inviter::{By, Inviter, is_outgrown},
    seal::{self, Delivery},
    service::{self, NewInvitation, check_rights},
    sign_up,
    store::{self, Invitation},
};
use crate::{
    accounts::{
        email_store, language_store,
        registration::{create_in, hash_new, parse_email, parse_new_username},
        store::NewUser,
    },
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    ids,
    login::secret::{self, Kind},
    profile::stored::StoredProfile,
    roles::{
        assigning::{Assignee, Validity},
        assignments,
    },
    store::Change,
    throttle::network_lane,
    usernames::{Username, folded},
};

/// The reason why an invitation is not accepted.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// It was accepted, has expired or ended, or the inviter may no longer give the roles.
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
    app.admit_registration(address)?;
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
            tracing::warn!(invitation = invitation.id, %error, "an invitation ends: the inviter may no longer give its roles");
            service::end(app, Caller::System, &invitation.id).await?;
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
