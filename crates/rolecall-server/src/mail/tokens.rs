//! The links in mails: the mail has the secret, the database its keyed hash.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::token_store::{self as store, Link, Purpose};
use crate::{
    app::App,
    error::ApiError,
    invitations::retiming as invitations,
    login::secret::{self, Kind},
    store::{Change, Conn, StoreError},
};

/// Returns the kind of secret, which decides how it is hashed.
const fn kind_of(purpose: Purpose) -> Kind {
    match purpose {
        Purpose::Reset => Kind::ResetLink,
        Purpose::Verify => Kind::VerifyLink,
        Purpose::Change => Kind::ChangeLink,
    }
}

/// Makes the secret of a link, and ends earlier ones of its purpose for the user.
pub(crate) async fn issue(
    app: &App,
    conn: &mut Conn,
    purpose: Purpose,
    link: &Link,
    lifetime: Duration,
) -> Result<String, ApiError> {
    let token = secret::generate()?;
    let hash = secret::hash(app, kind_of(purpose), &token).unwrap_or_default();
    let now = app.database_now();
    store::replace(conn, (&hash, purpose), link, now, now.plus(lifetime)).await?;
    Ok(token)
}

/// Finds the link with this secret, and leaves it as it is.
pub(crate) async fn find(
    app: &App,
    conn: &mut Conn,
    purpose: Purpose,
    token: &str,
) -> Result<Option<Link>, StoreError> {
    match secret::hash(app, kind_of(purpose), token) {
        Some(hash) => store::find(conn, (&hash, purpose), app.database_now()).await,
        None => Ok(None),
    }
}

/// Takes the link with this secret, in the transaction that uses it.
pub(crate) async fn spend(
    app: &App,
    change: &mut Change<'_>,
    purpose: Purpose,
    token: &str,
) -> Result<Option<Link>, StoreError> {
    let now = app.database_now();
    match secret::hash(app, kind_of(purpose), token) {
        Some(hash) => store::spend(change.conn(), (&hash, purpose), now).await,
        None => Ok(None),
    }
}

/// Returns the number of passkeys that were tried with this link, if it works.
pub(crate) async fn tries(
    app: &App,
    conn: &mut Conn,
    purpose: Purpose,
    token: &str,
) -> Result<Option<i64>, StoreError> {
    match secret::hash(app, kind_of(purpose), token) {
        Some(hash) => store::tries(conn, (&hash, purpose), app.database_now()).await,
        None => Ok(None),
    }
}

/// Counts one more try; false if another one was faster.
pub(crate) async fn count_try(
    app: &App,
    conn: &mut Conn,
    purpose: Purpose,
    (token, tries): (&str, i64),
) -> Result<bool, StoreError> {
    match secret::hash(app, kind_of(purpose), token) {
        Some(hash) => store::count_try(conn, (&hash, purpose), tries).await,
        None => Ok(false),
    }
}

/// Lets the link with this secret begin now, if a clock ahead has made it. Only for a mail that waits: nobody knows the
/// secret yet. Returns the one that takes its place, if any.
pub(super) async fn retime(
    app: &App,
    conn: &mut Conn,
    token: &str,
    now: Timestamp,
) -> Result<Option<String>, ApiError> {
    for purpose in [Purpose::Reset, Purpose::Verify, Purpose::Change] {
        if let Some(hash) = secret::hash(app, kind_of(purpose), token) {
            store::retime(conn, &hash, now).await?;
        }
    }
    invitations::retime(app, conn, token, now).await
}
