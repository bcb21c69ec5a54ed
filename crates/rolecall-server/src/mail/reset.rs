//! A new password by a link that is sent to the verified address of a user.

use rolecall_core::{FloorKind, Timestamp};
use rolecall_passwords::Lane;
use serde_json::json;

use super::{
    notices::{self, Notice},
    outbox::{self, NewMail, RESET_REQUEST, Values},
    reset_error::ResetError,
    reset_factor::{self, Asked, Second},
    store::{self as mails, Due},
    token_store::{Link, Purpose},
    tokens,
};
use crate::{
    accounts::{
        email_store,
        registration::{hash_new, parse_email, parse_username},
        store::{self as accounts, User},
    },
    app::App,
    authority::{caller::Caller, subject::Status},
    error::ApiError,
    login::known,
    roles::request_ending,
    sessions,
    store::{Change, Conn, gate, outbox as hooks},
    throttle::network_lane,
    usernames::Username,
};

/// The kind of the mail.
pub(crate) const KIND: &str = "reset";
/// The kind and the sort of those that an administrator has asked for.
const KIND_BY_ADMINISTRATOR: &str = "reset-started";
const BY_ADMINISTRATOR: &str = "reset by an administrator";

/// Asks for a link for the user who is meant by what somebody typed as a name.
///
/// It writes the same row whoever is meant, and whether there is such a user or not: the sender looks them up. So neither
/// the answer nor its time tells strangers which accounts there are.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the address of the request, or all strangers together, have asked for too many.
pub(crate) async fn request(
    app: &App,
    typed: &str,
    language: &str,
    address: &str,
) -> Result<(), ApiError> {
    let typed = typed.trim();
    outbox::admit(app, address, typed.len())?;
    let Some(settings) = &app.settings().mail else {
        return Ok(());
    };
    // nobody has a longer name
    let typed = if typed.len() > outbox::MAX_TYPED {
        ""
    } else {
        typed
    };
    let values = Values {
        name: typed.to_owned(),
        ..Values::default()
    };
    let mail = NewMail {
        subject: None,
        kind: RESET_REQUEST,
        recipient: "",
        language: Some(language),
        values: &values,
        expires_at: app.database_now().plus(settings.lifetimes.reset),
    };
    app.store()
        .write(async |conn: &mut Conn| outbox::queue(app, conn, &mail).await)
        .await?;
    app.parts().mail_now.notify_one();
    Ok(())
}

/// Looks up the user of a request, and makes the link. `None` if there is nobody to send it to; the request is deleted then.
pub(super) async fn address(app: &App, conn: &mut Conn, due: Due) -> Result<Option<Due>, ApiError> {
    let (Some(typed), Some(settings)) = (
        outbox::open(&app.parts().masters, &due).map(|values| values.name),
        &app.settings().mail,
    ) else {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    };
    let Some((user, recipient)) = find_user(app, conn, &typed).await? else {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    };
    gate::hold(conn, &user.id).await?;
    // before the link is made, which would end the one before
    if !outbox::count(app, conn, KIND, &recipient).await? {
        mails::delete(conn, &due.id).await?;
        return Ok(None);
    }
    let link = Link {
        subject_id: user.id.clone(),
        address: recipient.clone(),
    };
    let lifetime = settings.lifetimes.reset;
    let token = tokens::issue(app, conn, Purpose::Reset, &link, lifetime).await?;
    let values = Values {
        name: user.username,
        token,
        page: "reset".to_owned(),
        ..Values::default()
    };
    let due = Due {
        kind: KIND.to_owned(),
        recipient,
        sealed: outbox::seal(&app.parts().masters, &due.id, &values)?,
        expires_at: app.database_now().plus(lifetime),
        ..due
    };
    mails::address(conn, Some(&user.id), &due).await?;
    Ok(Some(due))
}

/// Sends a link for a reset that an administrator has started, and returns when it expires; `None` if no mail is sent.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the user got three such mails in an hour.
pub(crate) async fn send(
    app: &App,
    conn: &mut Conn,
    user: &User,
    address: &str,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(settings) = &app.settings().mail else {
        return Ok(None);
    };
    // strangers who ask for links must not keep an administrator from helping
    if !outbox::count(app, conn, BY_ADMINISTRATOR, address).await? {
        return Err(ApiError::TooMany {
            retry_after: outbox::COUNTED,
        });
    }
    let link = Link {
        subject_id: user.id.clone(),
        address: address.to_owned(),
    };
    let lifetime = settings.lifetimes.reset;
    let values = Values {
        name: user.username.clone(),
        token: tokens::issue(app, conn, Purpose::Reset, &link, lifetime).await?,
        page: "reset".to_owned(),
        ..Values::default()
    };
    let expires_at = app.database_now().plus(lifetime);
    let mail = NewMail {
        subject: Some(&user.id),
        kind: KIND_BY_ADMINISTRATOR,
        recipient: address,
        // that of the user, and not of the administrator
        language: None,
        values: &values,
        expires_at,
    };
    outbox::queue(app, conn, &mail).await?;
    Ok(Some(expires_at))
}

/// Finds the user whom somebody means, with the proven address. Users who may not sign in get no link.
pub(super) async fn find_user(
    app: &App,
    conn: &mut Conn,
    typed: &str,
) -> Result<Option<(User, String)>, ApiError> {
    let name = Username::parse(typed).map(Username::into_string);
    let name = name.unwrap_or_default();
    let named = if parse_email(typed).is_ok() {
        email_store::find_named(conn, &name, typed).await?
    } else {
        Some(name)
    };
    let Some(named) = named else { return Ok(None) };
    let Some(found) = accounts::find_credentials(conn, &named).await? else {
        return Ok(None);
    };
    let user = accounts::find_user(conn, &found.id, app.now()).await?;
    let user = user.filter(|user| user.status != Status::Disabled);
    Ok(user.and_then(|user| {
        let address = user.proven_email()?.to_owned();
        Some((user, address))
    }))
}

/// Returns the user for whom a link works, and what its page asks for. It stays as it is: programs open links of mails, too.
///
/// # Errors
///
/// [`ResetError`] if it does not work.
pub(crate) async fn show(app: &App, token: &str) -> Result<(User, Asked), ResetError> {
    let user = find(app, token).await?;
    let asked = reset_factor::asked(app, token, &user).await?;
    Ok((user, asked))
}

async fn find(app: &App, token: &str) -> Result<User, ResetError> {
    let mut conn = app.store().read().await?;
    let link = tokens::find(app, &mut conn, Purpose::Reset, token).await?;
    let link = link.ok_or(ResetError::Ended)?;
    user_of(app, &mut conn, &link).await
}

/// Returns the user of a link, unless the account has changed since.
async fn user_of(app: &App, conn: &mut Conn, link: &Link) -> Result<User, ResetError> {
    let user = accounts::find_user(conn, &link.subject_id, app.now()).await?;
    let is_same = |user: &User| {
        user.status != Status::Disabled && user.proven_email() == Some(link.address.as_str())
    };
    user.filter(is_same).ok_or(ResetError::Ended)
}

/// Sets a password by a link, which is spent, and by a second factor if the account has one. Every session ends, and nobody
/// is signed in; factors stay.
///
/// # Errors
///
/// [`ResetError`]; the link stays if the password or the factor is refused.
pub(crate) async fn complete(
    app: &App,
    token: &str,
    password: &str,
    second: &Second<'_>,
) -> Result<(), ResetError> {
    let user = find(app, token).await?;
    let username = parse_username(&user.username)?;
    let lane = Lane {
        source: network_lane(second.origin.address),
        account: 0,
    };
    let proof = reset_factor::check(app, token, &user, second).await?;
    let hash = hash_new(app, lane, "new_password", password, &username).await?;
    // nobody is known to have done it but whoever reads the mail
    let changed = app.change_as(Caller::System, async |change| {
        let link = tokens::spend(app, change, Purpose::Reset, token).await?;
        let link = link.ok_or(ResetError::Ended)?;
        let user = user_of(app, change.conn(), &link).await?;
        proof.spend(app, change, &user, second).await?;
        replace_password(app, change, &user, &hash).await?;
        Ok(())
    });
    let changed = changed.await;
    if let Err(ResetError::WrongCode) = changed {
        proof.count_used(app, &user, second).await?;
    }
    changed
}

async fn replace_password(
    app: &App,
    change: &mut Change<'_>,
    user: &User,
    hash: &str,
) -> Result<(), ApiError> {
    let id = user.id.as_str();
    accounts::set_password(change, id, hash).await?;
    known::forget_failures(change.conn(), &app.account_of(&user.username)).await?;
    sessions::endings::end_all(change, id).await?;
    change.raise_floor(FloorKind::Subject, id);
    request_ending::end_for_subject(change, id).await?;
    change.record(json!({ "action": "user.password_changed", "subject": id, "means": "mail" }));
    change.notify(id, hooks::Notice::PasswordChanged).await?;
    notices::queue(app, change.conn(), id, Notice::PasswordChanged).await
}
