//! The assurance that a sign-in needs for the roles of its user.

use rolecall_core::Acr;

use super::{choice::Bounds, request::AuthorizationRequest};
use crate::{
    app::App,
    authority::{
        assurance::highest_acr_within,
        subject::{self, Subject},
    },
    clients::store::{self as clients, Client},
    store::{Conn, StoreError},
    tokens::{
        error::TokenError,
        grant::{check_active, grant},
    },
};

/// Returns the least assurance of a sign-in that can give the user what the request names: its roles, its permissions and
/// its tenant. Where the client only wishes for an assurance, its user's roles say whether that is worth a factor.
///
/// It is the lowest if the request names nothing, since a token then carries what the session reaches, and if no sign-in
/// can give it, since more factors would be asked for in vain.
pub(super) async fn least_acr(
    app: &App,
    conn: &mut Conn,
    request: &AuthorizationRequest,
    user: &str,
) -> Result<Acr, StoreError> {
    if request.is_own() {
        return Ok(Acr::Aal1);
    }
    let now = app.now();
    let subject = subject::read(conn, user, request.tenant.as_ref(), now).await?;
    let client = clients::find(conn, &request.client_id).await?;
    let Some((subject, client)) = subject.filter(Subject::is_active_user).zip(client) else {
        return Ok(Acr::Aal1);
    };
    let by_wish = match request.wished_acr.iter().max() {
        Some(most) => {
            let policy = subject.policy(app.policy(), conn).await?;
            highest_acr_within(&policy, &subject.assigned, *most)
        }
        None => Acr::Aal1,
    };
    let by_names = least_for_names(app, conn, &client, request, &subject).await?;
    Ok(by_names.max(by_wish))
}

async fn least_for_names(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &Subject,
) -> Result<Acr, StoreError> {
    for acr in Acr::ALL {
        let beyond = first_beyond(app, conn, (client, request), (subject, acr)).await?;
        if beyond.is_none() {
            return Ok(acr);
        }
    }
    Ok(Acr::Aal1)
}

/// Returns what the request names and only a sign-in with a higher assurance than this one can give the user; `None` if
/// there is no such thing, and if the user may not sign in through the client.
pub(super) async fn first_beyond(
    app: &App,
    conn: &mut Conn,
    (client, request): (&Client, &AuthorizationRequest),
    (subject, acr): (&Subject, Acr),
) -> Result<Option<String>, StoreError> {
    let bounds = Bounds::read(app, conn, client, request, (subject, acr)).await?;
    let Some(bounds) = bounds else {
        return Ok(None);
    };
    let holder = bounds.holder(app, client, request, subject, app.now());
    let granted = grant(&holder, request.asked().as_ref());
    match granted.and_then(|granted| check_active(&holder, &granted)) {
        Err(TokenError::StepUp(name)) => Ok(Some(name)),
        _ => Ok(None),
    }
}
