//! Leaving out of a token what would make it too long.

use super::{
    access_token::{self, Basis, Issued},
    error::TokenError,
    grant::{SessionScope, grant, regrant},
    holder::{Grant, TokenSubject},
    requested::RequestedScope,
    selection::{self, Asked},
};
use crate::{app::App, store::Conn};

/// The scopes that a token is made from.
#[derive(Clone, Copy)]
pub(crate) enum Wish<'a> {
    /// At a login: the requested scope.
    Grant(Option<&'a RequestedScope>),
    /// At a refresh: the scope of the session, and the requested one.
    Refresh(&'a SessionScope, Option<&'a RequestedScope>),
}

impl Wish<'_> {
    /// Returns what a token of `holder` may carry; see [`grant`] and [`regrant`].
    pub(crate) fn grant(self, holder: &TokenSubject<'_>) -> Result<Grant, TokenError> {
        match self {
            Self::Grant(asked) => grant(holder, asked),
            Self::Refresh(session, requested) => regrant(holder, session, requested),
        }
    }

    fn asked(&self) -> Asked<'_> {
        let scopes = match self {
            Self::Grant(asked) => [*asked, None],
            Self::Refresh(session, requested) => [session.asked.as_ref(), *requested],
        };
        Asked::of(scopes.into_iter().flatten())
    }
}

/// Makes and signs an access token of the grant in `basis`, which is that of `wish`. If the token would be too long,
/// leaves out the roles that were assigned last and that nothing in `wish` needs, until it fits, and returns what is
/// granted then.
///
/// Other people assign roles: they must not block a login with them. What was checked for the whole grant holds for a
/// part of it.
///
/// # Errors
///
/// [`TokenError::TooLong`] if what was asked for is too long by itself.
pub(crate) async fn access_token(
    app: &App,
    conn: &mut Conn,
    basis: &Basis<'_>,
    holder: &TokenSubject<'_>,
    wish: Wish<'_>,
) -> Result<(Issued, Option<Grant>), TokenError> {
    match access_token::access_token(app, conn, basis).await {
        Err(TokenError::TooLong) => {}
        issued => return Ok((issued?, None)),
    }
    let (assigned, needed) = selection::by_need(holder, &wish.asked());
    let mut best = None;
    let (mut least, mut too_many) = (needed, assigned.len());
    while least < too_many {
        let count = usize::midpoint(least, too_many);
        let granted = wish.grant(&holder.resting_on(assigned.get(..count).unwrap_or_default()))?;
        let smaller = Basis {
            granted: &granted,
            ..*basis
        };
        match access_token::access_token(app, conn, &smaller).await {
            Ok(issued) => {
                best = Some((issued, granted, assigned.len() - count));
                least = count + 1;
            }
            Err(TokenError::TooLong) => too_many = count,
            Err(error) => return Err(error),
        }
    }
    let (issued, granted, left_out) = best.ok_or(TokenError::TooLong)?;
    tracing::warn!(
        subject = %basis.subject.id,
        left_out,
        "a token would be too long: the roles that were assigned last are left out of it"
    );
    Ok((issued, Some(granted)))
}
