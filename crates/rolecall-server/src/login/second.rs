//! Checking a code that somebody typed as their second factor, with the same limits as a password: what is wrong counts on
//! the account, and delays both.

use super::{
    known::{Meant, Origin, Slot},
    password::{self, LoginError},
};
use crate::{
    app::App,
    error::ApiError,
    factors::{
        notices::{FactorNotice, notify},
        typed::{self, RightCode},
    },
    store::{Conn, StoreError, gate},
};

/// From so many wrong codes in a row, the owner of the account is told: somebody knows the password.
const MANY: i64 = 10;

/// A code, and who has typed it where.
#[derive(Clone, Copy)]
pub(crate) struct TypedCode<'a> {
    pub(crate) subject: &'a str,
    /// The name under which failures are counted.
    pub(crate) username: &'a str,
    pub(crate) code: &'a str,
    pub(crate) origin: Origin<'a>,
}

/// A code that is right, and is not used up yet.
pub(crate) struct Checked {
    slot: Slot,
    right: RightCode,
}

/// Checks a code without using it up.
///
/// # Errors
///
/// [`LoginError::Wrong`] for a wrong code, a code that was used before, and a locked account;
/// [`LoginError::TooMany`] where the caller must wait.
pub(crate) async fn check(app: &App, typed: &TypedCode<'_>) -> Result<Checked, LoginError> {
    let parts = app.parts();
    let account = app.account_of(typed.username);
    let slot = Slot::find(app, &account, Meant::Id(typed.subject), &typed.origin).await?;
    if !slot.is_known() {
        password::refuse_address(app, typed.origin.address)?;
    }
    // as for passwords: guesses that arrive together wait for the first to fail, and count while they run
    let turn = parts.turns.wait(&slot.key()).await;
    let _turn = turn.ok_or(LoginError::Busy)?;
    let in_flight = parts.in_flight.enter(&slot.key());
    let failed = slot.failures(&mut app.store().read().await?).await?;
    let is_open = password::admit(failed, &in_flight, app.now())?;
    let right = typed::check(app, typed.subject, typed.code).await?;
    match right.filter(|_| is_open) {
        Some(right) => Ok(Checked { slot, right }),
        None => Err(count(app, typed, &slot).await?),
    }
}

/// Checks a code, uses it up, and does `work` in the same transaction; then the failures of the account are forgiven.
///
/// # Errors
///
/// As [`check`], and those of `work`, after which the code can still be used.
pub(crate) async fn prove<E>(
    app: &App,
    typed: &TypedCode<'_>,
    work: impl AsyncFnOnce(&mut Conn, &Slot, &RightCode) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<LoginError> + From<ApiError> + From<StoreError>,
{
    let checked = check(app, typed).await?;
    let spent: Result<bool, E> = app
        .store()
        .write(async |conn: &mut Conn| {
            if !checked.spend(app, conn, typed).await? {
                return Ok(false);
            }
            work(conn, &checked.slot, &checked.right).await?;
            Ok(true)
        })
        .await;
    if !spent? {
        // another request with the same code was faster
        return Err(checked.count_used(app, typed).await?.into());
    }
    password::forgive_address(app, &checked.slot.account, typed.origin.address);
    Ok(())
}

impl Checked {
    /// Counts a code that another request has used meanwhile, and returns the error for it.
    pub(crate) async fn count_used(
        &self,
        app: &App,
        typed: &TypedCode<'_>,
    ) -> Result<LoginError, ApiError> {
        count(app, typed, &self.slot).await
    }

    /// Uses up the code, and forgives the failures of the account; false if the code was used meanwhile, or the account
    /// was locked: guesses that were under way elsewhere count.
    pub(crate) async fn spend(
        &self,
        app: &App,
        conn: &mut Conn,
        typed: &TypedCode<'_>,
    ) -> Result<bool, ApiError> {
        let now = app.now();
        gate::hold(conn, typed.subject).await?;
        if self.slot.failures(conn).await?.is_locked()
            || !self.right.spend(conn, typed.subject, now).await?
        {
            return Ok(false);
        }
        self.slot.succeed(app, conn, typed.subject).await?;
        if matches!(self.right, RightCode::Recovery { .. }) {
            let owner = (typed.subject, typed.origin.address);
            notify(conn, app, owner, FactorNotice::RecoveryCodeUsed, "").await?;
        }
        Ok(true)
    }
}

/// Counts a wrong code, and returns the error for it.
async fn count(app: &App, typed: &TypedCode<'_>, slot: &Slot) -> Result<LoginError, ApiError> {
    let (subject, address) = (typed.subject, typed.origin.address);
    let in_a_row = password::count_guess(app, slot, Some(subject), address).await?;
    if in_a_row == MANY {
        let notice = FactorNotice::ManyWrongCodes;
        let detail = format!("{in_a_row} in a row");
        app.store()
            .write(async |conn: &mut Conn| {
                notify(conn, app, (subject, address), notice, &detail).await
            })
            .await?;
    }
    Ok(LoginError::Wrong)
}
