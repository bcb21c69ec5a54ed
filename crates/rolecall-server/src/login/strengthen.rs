//! A second factor that somebody has just added proves them in the browser in which they did so.

use super::{
    browser::store::{self as browsers, BrowserSession},
    flow::{
        conclude::SessionCookie,
        proof::{Proof, Proofs},
    },
    secret::{self, Kind},
};
use crate::{
    app::App,
    error::ApiError,
    factors::store as factors,
    store::{Conn, gate},
};

/// Adds an authenticator application, whose first code was right a moment ago, to the proofs of a browser session, which
/// gets another secret. `None` if the session has ended, or the factor is gone.
pub(crate) async fn with_totp(
    app: &App,
    session: &BrowserSession,
    factor: &str,
) -> Result<Option<SessionCookie>, ApiError> {
    let now = app.now();
    let mut proofs = Proofs::by(Proof::session(session));
    proofs.add(Proof::Totp {
        factor: factor.to_owned(),
        at_micros: now.micros(),
    });
    let credentials = format!("{} {factor}", session.credentials);
    let stronger = BrowserSession {
        amr: proofs.methods().join(" "),
        credentials: credentials.trim().to_owned(),
        last_used_at: now,
        ..session.clone()
    };
    let secret = secret::generate()?;
    let Some(hash) = secret::hash(app, Kind::BrowserSession, &secret) else {
        return Ok(None);
    };
    let renewed = app
        .store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, &session.subject_id).await?;
            let has_factor = factors::is_confirmed(conn, factor, &session.subject_id).await?;
            let before = browsers::find_by_id(conn, &session.id, now).await?;
            let is_same = before
                .is_some_and(|one| one.amr == session.amr && one.auth_time == session.auth_time);
            if !has_factor || !is_same {
                return Ok::<_, ApiError>(false);
            }
            Ok(browsers::renew(conn, &stronger, &hash).await?)
        })
        .await?;
    Ok(renewed.then(|| SessionCookie {
        secret,
        lifetime: session
            .stays
            .then(|| app.settings().browser.lifetime(session.stays)),
    }))
}
