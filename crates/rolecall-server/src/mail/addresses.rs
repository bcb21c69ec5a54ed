//! Proves that an address is a user's, by a link that works only in a browser in which that user is signed in: whoever
//! merely reads the mail confirms no account that somebody else has made.

use serde_json::json;

use super::{
    notices::{self, Notice},
    outbox::{self, NewMail, Values},
    recipients,
    settings::MailSettings,
    token_store::{Link, Purpose},
    tokens,
};
use crate::{
    accounts::{
        emails, former,
        store::{self as accounts, User},
    },
    app::App,
    authority::caller::Caller,
    error::ApiError,
    login::account,
    roles::request_ending,
    store::{Conn, gate},
};

/// The sort of links to an address that is to be proven.
const TO_PROVE: &str = "to prove";
/// The sort of mails that one account asks for, to whatever addresses.
const OF_ACCOUNT: &str = "asked by";

/// The reason why a link does not verify an address.
#[derive(Debug)]
pub(crate) enum ConfirmError {
    /// It was used, has expired, a newer one was sent, or the account has changed since.
    Ended,
    /// The user of the link is not signed in with this browser.
    NotSignedIn,
    /// The address is the verified one of another user.
    Taken,
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for ConfirmError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Sends a link to an address that a user has or wants to have. Does nothing without mail.
///
/// Nobody learns here whether another user has the address: that shows only whoever can read its mail.
///
/// # Errors
///
/// [`ApiError::TooMany`] if the address or the account has had three such mails in an hour.
pub(crate) async fn send(
    app: &App,
    conn: &mut Conn,
    user: &User,
    address: &str,
    language: Option<&str>,
) -> Result<(), ApiError> {
    let Some(settings) = &app.settings().mail else {
        return Ok(());
    };
    gate::hold(conn, &user.id).await?;
    for (sort, key) in [(TO_PROVE, address), (OF_ACCOUNT, user.id.as_str())] {
        if !outbox::count(app, conn, sort, key).await? {
            return Err(ApiError::TooMany {
                retry_after: outbox::COUNTED,
            });
        }
    }
    let is_own = user.email.as_deref() == Some(address);
    let (purpose, kind) = if is_own {
        (Purpose::Verify, "verify")
    } else {
        (Purpose::Change, "change")
    };
    let link = Link {
        subject_id: user.id.clone(),
        address: address.to_owned(),
    };
    let lifetime = settings.lifetimes.verify;
    let token = tokens::issue(app, conn, purpose, &link, lifetime).await?;
    // without the name, which its user has chosen: nobody sends strangers a text of their own in our mails
    let values = Values {
        token,
        page: "verify".to_owned(),
        ..Values::default()
    };
    let mail = NewMail {
        subject: Some(&user.id),
        kind,
        recipient: address,
        language,
        values: &values,
        expires_at: app.database_now().plus(lifetime),
    };
    outbox::queue(app, conn, &mail).await
}

/// Sends a link to an address for a user who asks for it in a transaction of its own.
///
/// # Errors
///
/// As [`send`], for an address that mail cannot be sent to, and if another user has the address where addresses are unique.
pub(crate) async fn ask(
    app: &App,
    subject: &str,
    address: &str,
    language: Option<&str>,
) -> Result<(), ApiError> {
    let address = recipients::parse(address)?;
    app.store()
        .write(async |conn: &mut Conn| {
            let user = accounts::find_user(conn, subject, app.now()).await?;
            let user = user.ok_or_else(|| ApiError::unknown("user", &subject))?;
            emails::refuse_used(app, conn, Some(&address), subject).await?;
            send(app, conn, &user, &address, language).await
        })
        .await?;
    app.parts().mail_now.notify_one();
    Ok(())
}

/// Returns true if a user proves addresses by mail, so that a new one takes effect only then.
pub(crate) fn are_proven(settings: Option<&MailSettings>) -> bool {
    settings.is_some()
}

/// A link that works, and where it was opened.
pub(crate) struct Opened {
    pub(crate) username: String,
    pub(crate) address: String,
    /// The user of the link is signed in with this browser.
    pub(crate) is_signed_in: bool,
}

/// Returns what a link is about. It stays as it is.
///
/// # Errors
///
/// [`ConfirmError::Ended`] if it does not work.
pub(crate) async fn find(
    app: &App,
    token: &str,
    session: Option<&str>,
) -> Result<Opened, ConfirmError> {
    let current = account::current(app, session).await?;
    let mut conn = app.store().read().await?;
    for purpose in [Purpose::Verify, Purpose::Change] {
        let Some(link) = tokens::find(app, &mut conn, purpose, token).await? else {
            continue;
        };
        let user = accounts::find_user(&mut conn, &link.subject_id, app.now()).await?;
        let user = user.filter(|user| fits(purpose, user, &link));
        let user = user.ok_or(ConfirmError::Ended)?;
        let is_signed_in = current.is_some_and(|current| current.subject_id == user.id);
        return Ok(Opened {
            username: user.username,
            address: link.address,
            is_signed_in,
        });
    }
    Err(ConfirmError::Ended)
}

/// Returns false if the address of the account has changed since the link was sent.
fn fits(purpose: Purpose, user: &User, link: &Link) -> bool {
    purpose == Purpose::Change || user.email.as_deref() == Some(link.address.as_str())
}

/// Verifies the address of a link for the user who is signed in with the browser, and spends the link. The owner of the
/// address before hears of a change.
///
/// # Errors
///
/// [`ConfirmError`]; the link stays.
pub(crate) async fn confirm(
    app: &App,
    token: &str,
    session: Option<&str>,
) -> Result<(), ConfirmError> {
    // nothing is begun for a link that does not work
    let opened = find(app, token, session).await?;
    let current = account::current(app, session).await?;
    let current = current.filter(|_| opened.is_signed_in);
    let current = current.ok_or(ConfirmError::NotSignedIn)?;
    let caller = Caller::As {
        user_id: &current.subject_id,
    };
    app.change_as(caller, async |change| {
        let mut spent = None;
        for purpose in [Purpose::Verify, Purpose::Change] {
            if let Some(link) = tokens::spend(app, change, purpose, token).await? {
                spent = Some((purpose, link));
            }
        }
        let (purpose, link) = spent.ok_or(ConfirmError::Ended)?;
        let (now, id) = (change.now(), link.subject_id.as_str());
        let before = accounts::find_user(change.conn(), id, now).await?;
        let before =
            before.filter(|user| fits(purpose, user, &link) && user.id == current.subject_id);
        let before = before.ok_or(ConfirmError::Ended)?;
        let address = Some(link.address.as_str());
        let checked = emails::refuse_verified(change, address, Some(now), id).await;
        checked.map_err(|_| ConfirmError::Taken)?;
        let checked = emails::refuse_taken(app, change, address, id).await;
        checked.map_err(|_| ConfirmError::Taken)?;
        if purpose == Purpose::Change {
            // to the address before, while it still is the one that is stored
            notices::queue(app, change.conn(), id, Notice::AddressChanged).await?;
            former::remember(change.conn(), &before, now).await?;
            request_ending::end_for_subject(change, id).await?;
        }
        let after = User {
            email: Some(link.address.clone()),
            email_verified_at: Some(now),
            email_verified_by: None,
            ..before
        };
        accounts::update_user(change, &after).await?;
        change.record(json!({ "action": "user.email_verified", "subject": id, "means": "mail" }));
        Ok(())
    })
    .await
}
