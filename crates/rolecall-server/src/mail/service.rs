//! The outbox as administrators see it, and a mail that tries the settings.

use rolecall::PermissionName as _;

use super::{
    outbox,
    store::{self, Listed},
    trial::{self, Taken, TrialError},
};
use crate::{
    accounts::registration::parse_email,
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    store::Conn,
};

/// The sort of mails that try the settings.
const TRIAL: &str = "test";

/// The numbers of mails in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) waiting: i64,
    pub(crate) given_up: i64,
}

/// Counts the mails that wait, and those that were given up.
///
/// # Errors
///
/// 403 without the permission to read users.
pub(crate) async fn counts(app: &App, caller: Caller<'_>) -> Result<Counts, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(Counts {
        waiting: store::backlog(&mut conn).await?,
        given_up: store::given_up(&mut conn).await?,
    })
}

/// Returns up to `limit` mails before the one with id `before`, newest first; with `failed`, only those that were tried in
/// vain.
///
/// # Errors
///
/// 403 without the permission to read users.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    failed: bool,
    before: &str,
    limit: i64,
) -> Result<Vec<Listed>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let mut conn = app.store().read().await?;
    // ids are hexadecimal, so `g` sorts after every id
    let before = if before.is_empty() { "g" } else { before };
    Ok(store::list(&mut conn, before, failed, limit).await?)
}

/// Sends a mail that tries the settings, in a language or the next best one.
///
/// # Errors
///
/// [`TrialError`]: 403 without the permission to change users, 422 for what is no address, 429 if the address has had three
/// such mails in an hour, or the answer of the server.
pub(crate) async fn try_out(
    app: &App,
    caller: Caller<'_>,
    address: &str,
    language: &str,
) -> Result<Taken, TrialError> {
    reads::require(app, caller, may::WriteUsers::NAME).await?;
    if app.settings().mail.is_none() {
        return Err(TrialError::NotConfigured);
    }
    let address = parse_email(address)?;
    let is_free = app
        .store()
        .write(async |conn: &mut Conn| outbox::count(app, conn, TRIAL, &address).await)
        .await?;
    if !is_free {
        return Err(TrialError::Failed(ApiError::TooMany {
            retry_after: outbox::COUNTED,
        }));
    }
    trial::send(app, &address, language).await
}
