//! Looking up a token that a client sent: an access token or a refresh token of ours that is still valid.

use rolecall::token::{MAX_TOKEN_BYTES, VerifiedClaims, Verifier, dangerous};
use rolecall_core::{Floors, TokenFacts};

use crate::{
    app::App,
    error::ApiError,
    sessions::{store as sessions, store::Session},
    store::{read_floors_of, read_head},
    tokens::refresh_token::RefreshToken,
};

/// A token of this server.
pub(crate) enum Known {
    Access(Box<VerifiedClaims>),
    Refresh(Box<Session>),
}

/// Finds out what `token` is, whatever the caller takes it for: hints can be wrong (RFC 7009 section 2.1).
/// `None` for what is not ours or has ended.
pub(crate) async fn look_up(app: &App, token: &str) -> Result<Option<Known>, ApiError> {
    if let Some(refresh) = RefreshToken::parse(token) {
        let session = live_session(app, &refresh).await?;
        return Ok(session.map(|session| Known::Refresh(Box::new(session))));
    }
    let claims = live_claims(app, token).await?;
    Ok(claims.map(|claims| Known::Access(Box::new(claims))))
}

/// The session of a refresh token that is genuine, of whatever generation.
async fn live_session(app: &App, token: &RefreshToken) -> Result<Option<Session>, ApiError> {
    let session = sessions::find(&mut app.store().read().await?, &token.session()).await?;
    Ok(session.filter(|session| {
        let salt = session.salt.as_deref();
        let signing = app.parts().keys.signing();
        salt.is_some_and(|salt| signing.refresh.verify(token, salt, &session.era))
    }))
}

/// Returns the claims of an access token that is still valid by the database itself, since
/// this node may not have heard yet of what another took away.
async fn live_claims(app: &App, token: &str) -> Result<Option<VerifiedClaims>, ApiError> {
    let parts = app.parts();
    if token.len() > MAX_TOKEN_BYTES {
        return Ok(None);
    }
    // which audience it claims to be for; the signature is verified right below
    let Some(audience) = dangerous::decode_unverified(token)
        .ok()
        .and_then(|unverified| Some(unverified.claims.get("aud")?.as_str()?.to_owned()))
    else {
        return Ok(None);
    };
    let verifier = Verifier::new(&app.settings().issuer, audience);
    let Ok(claims) = verifier.verify(&parts.live.keys(), token, app.now()) else {
        return Ok(None);
    };
    let mut conn = app.store().read().await?;
    let head = read_head(&mut conn).await?;
    let mut floors = Floors::default();
    for floor in read_floors_of(&mut conn, &claims).await? {
        floors.raise(&floor);
    }
    let facts = TokenFacts {
        subject: &claims.sub,
        client: &claims.client_id,
        roles: claims.roles.iter(),
        sid: claims.sid.as_deref(),
        jti: &claims.jti,
        tenant: claims.tenant.as_deref(),
        rev: claims.rev,
    };
    let alive =
        head.era == claims.era && claims.rev <= head.revision && floors.refuses(&facts).is_none();
    Ok(alive.then_some(claims))
}
