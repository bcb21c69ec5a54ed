//! The client of a sign-in that has ended, where it can begin again.

use super::{handle, kept::find_of_any_age, step::Visitor};
use crate::{
    app::App,
    backchannel::store as backchannel,
    clients::{redirect, store as clients},
    error::ApiError,
    login::browser::service as browsers,
};

/// A place where a sign-in begins again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The name of the client.
    pub(crate) client: String,
    /// Its address for a sign-in that another site starts (`OpenID` Connect Core section 4).
    pub(crate) uri: String,
}

/// Returns where a sign-in of this browser that has ended can begin again; `None` if its client is unknown, or has no address
/// for that.
pub(crate) async fn beginning(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
) -> Result<Option<Beginning>, ApiError> {
    let session = browsers::find(app, visitor.session).await?;
    let flow = find_of_any_age(app, id, visitor).await?;
    let mut conn = app.store().read().await?;
    let client = match flow {
        Some(flow) => Some(flow.request.client_id),
        // one that has come to its end is not kept: its id shows if it was for one of the clients of this browser
        None => match session {
            Some(session) => {
                let clients = backchannel::clients_of(&mut conn, &session.id).await?;
                let mut clients = clients.into_iter();
                clients.find(|client| handle::is_for(app, id, client))
            }
            None => None,
        },
    };
    let Some(client) = client else {
        return Ok(None);
    };
    let client = clients::find(&mut conn, &client).await?;
    Ok(client.and_then(|client| {
        let start = client.sign_in.initiate_login_uri?;
        let issuer = app.settings().issuer.as_str();
        Some(Beginning {
            client: client.name,
            uri: redirect::with_parameters(&start, [("iss", issuer)]),
        })
    }))
}
