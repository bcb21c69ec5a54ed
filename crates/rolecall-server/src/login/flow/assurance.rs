//! The assurance that a sign-in needs for what its request names.

use rolecall_core::Acr;

use super::{
    choice::{Bounds, Choice},
    request::AuthorizationRequest,
};
use crate::{
    app::App,
    authority::subject::{self, Subject},
    clients::store::Client,
    store::{Conn, StoreError},
    tokens::{
        error::TokenError,
        grant::{check_active, grant},
    },
};

/// Returns the least assurance of a sign-in that can give the user what the request names: its roles, its permissions and
/// its tenant.
///
/// That is the lowest if the request names nothing, since a token then carries what the session reaches, and if no sign-in
/// can give it, since more factors would be asked for in vain.
pub(crate) async fn least_acr(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    (request, choice): (&AuthorizationRequest, &Choice),
    user: &str,
) -> Result<Acr, StoreError> {
    let request = choice.apply(request);
    let now = app.now();
    let subject = subject::read(conn, user, request.tenant.as_ref(), now).await?;
    let Some(subject) = subject.filter(Subject::is_active_user) else {
        return Ok(Acr::Aal1);
    };
    let asked = request.asked();
    for acr in Acr::ALL {
        let bounds = Bounds::read(app, conn, client, &request, (&subject, acr)).await?;
        let Some(bounds) = bounds else {
            break;
        };
        let holder = bounds.holder(app, client, &request, &subject, now);
        let granted = grant(&holder, asked.as_ref());
        match granted.and_then(|granted| check_active(&holder, &granted)) {
            Err(TokenError::StepUp(_)) => {}
            _ => return Ok(acr),
        }
    }
    Ok(Acr::Aal1)
}
