//! Making an access token (RFC 9068) of what was granted.

use std::time::Duration;

use rolecall::token::SignError;
use rolecall_core::{AccessClaims, Audience, GlobalClaims, SubjectKind, TenantName, Timestamp};
use serde_json::{Map, Value};

use super::{effective::joined, error::TokenError, holder::Grant};
use crate::{
    app::App,
    authority::{assurance::acr_of, subject::Subject},
    error::ApiError,
    ids, profile,
    store::Conn,
    times::CLOCKS_APART,
};

/// An issued token, as the token endpoint answers it.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) lifetime: Duration,
    pub(crate) scope: String,
    pub(crate) tenant: Option<TenantName>,
    pub(crate) refresh_token: Option<String>,
    /// Says who the user is, if that was asked for.
    pub(crate) id_token: Option<String>,
    /// Proves, at the next log-in, that this client is known.
    pub(crate) device_token: Option<String>,
}

/// What limits a token beside what is granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The end of what lets the subject have the token at all.
    pub(crate) until: Timestamp,
    /// The token is for less than the whole account, whatever was granted: an application of somebody else has it.
    pub(crate) for_others: bool,
    /// The token must state its permissions: guards cannot derive all of them, and roles are left out before that.
    pub(crate) needs_scope: bool,
}

impl Limits {
    pub(crate) const NONE: Self = Self {
        until: Timestamp::MAX,
        for_others: false,
        needs_scope: false,
    };
}

/// Whom and what a token is made for.
#[derive(Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) client_id: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) granted: &'a Grant,
    pub(crate) limits: Limits,
    /// Not for a client that acts for itself.
    pub(crate) session: Option<InSession<'a>>,
    pub(crate) now: Timestamp,
}

/// The session that a token belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InSession<'a> {
    pub(crate) id: &'a str,
    /// The time at which the user authenticated.
    pub(crate) auth_time: Timestamp,
    /// The methods by which the user authenticated, separated by spaces.
    pub(crate) amr: &'a str,
}

/// Makes and signs an access token; `conn` is where its subject was read.
///
/// # Errors
///
/// [`TokenError::TooLong`].
pub(crate) async fn access_token(
    app: &App,
    conn: &mut Conn,
    basis: &Basis<'_>,
) -> Result<Issued, TokenError> {
    app.catch_up_keys(conn, &basis.subject.head).await?;
    // the guards of this process need not ask for the revision of the token
    app.parts().live.note_revision(basis.subject.head.revision);
    let other = profile_claims(app, conn, basis.subject).await?;
    let now = issued_at(app, conn, basis.now).await?;
    let claims = claims(app, &Basis { now, ..*basis }, other)?;
    let lifetime = Duration::from_secs(u64::try_from(claims.exp - claims.iat).unwrap_or(0));
    Ok(Issued {
        access_token: sign(app, claims, basis.limits)?,
        lifetime,
        scope: basis.granted.answer.clone(),
        tenant: basis.granted.tenant.clone(),
        refresh_token: None,
        id_token: None,
        device_token: None,
    })
}

/// Returns the time at which a token is issued: that of this node, unless its clock is far ahead of the database's. A token
/// of the future would outlive the floor that ends it.
async fn issued_at(app: &App, conn: &mut Conn, now: Timestamp) -> Result<Timestamp, ApiError> {
    let mut latest = app.database_now().plus(CLOCKS_APART);
    if now > latest {
        // what is known of the database's time may be old, as after a sleep of the machine
        latest = app.read_database_time(conn).await?.plus(CLOCKS_APART);
    }
    let now = now.min(latest);
    app.parts().known_time.note(now);
    Ok(now)
}

/// Returns the claims that the application declared for its users, with their present values.
///
/// They are read after the subject: a change in between gives a newer value below an older revision, so that a floor of
/// that change ends the token.
async fn profile_claims(
    app: &App,
    conn: &mut Conn,
    subject: &Subject,
) -> Result<Map<String, Value>, ApiError> {
    let fields = &app.settings().profile;
    if subject.kind != SubjectKind::User || !fields.has_claims() {
        return Ok(Map::new());
    }
    Ok(fields.claims_of(profile::store::read_claimed(conn, &subject.id).await?))
}

fn claims(
    app: &App,
    basis: &Basis<'_>,
    other: Map<String, Value>,
) -> Result<AccessClaims, ApiError> {
    let settings = app.settings();
    let (now, granted) = (basis.now, basis.granted);
    let latest = now.plus(settings.access_ttl).min(basis.limits.until);
    let exp = granted
        .ends_at
        .map_or(latest, |ends| ends.min(latest))
        .seconds();
    // elsewhere it says nothing, and a token that is too long may leave out its scope
    let for_others = basis.limits.for_others && basis.audience == settings.issuer;
    let global = granted.global.as_ref().map(|global| GlobalClaims {
        roles: global.roles.iter().map(ToString::to_string).collect(),
        scope: Some(joined(&global.permissions)),
    });
    Ok(AccessClaims {
        iss: settings.issuer.clone(),
        sub: basis.subject.id.clone(),
        subject_kind: basis.subject.kind,
        aud: Audience::One(basis.audience.to_owned()),
        client_id: basis.client_id.to_owned(),
        iat: now.seconds(),
        exp,
        jti: ids::random_token(160).map_err(ApiError::internal)?,
        sid: basis.session.map(|session| session.id.to_owned()),
        auth_time: basis.session.map(|session| session.auth_time.seconds()),
        acr: basis.session.map(|session| acr_of(session.amr)),
        amr: basis.session.map_or_else(Vec::new, |session| {
            session.amr.split(' ').map(str::to_owned).collect()
        }),
        // a client has nobody who could sign in again
        step_up: basis.session.map_or_else(Vec::new, |_| {
            granted.step_up.iter().map(ToString::to_string).collect()
        }),
        username: match basis.subject.kind {
            SubjectKind::User => basis.subject.username.clone(),
            // a client could have the name of a user
            SubjectKind::Client => String::new(),
        },
        roles: granted.roles.iter().map(ToString::to_string).collect(),
        scope: Some(joined(&granted.permissions)),
        tenant: granted.tenant.as_ref().map(ToString::to_string),
        global,
        narrowed: granted.narrowed || for_others,
        rev: basis.subject.head.revision,
        era: basis.subject.head.era.clone(),
        other,
    })
}

/// Signs; a token that would be too long loses its `scope`, if none was asked for, and guards derive it
/// from the roles.
fn sign(app: &App, mut claims: AccessClaims, limits: Limits) -> Result<String, TokenError> {
    let signing = app.parts().keys.signing();
    let longest = app.settings().max_token_bytes;
    // far too long a token is not even signed
    let fitting = |claims: &AccessClaims| match signing.key.sign(claims) {
        Ok(token) => Ok(Some(token).filter(|token| token.len() <= longest)),
        Err(SignError::TooLong) => Ok(None),
        Err(error) => Err(ApiError::internal(error)),
    };
    if let Some(token) = fitting(&claims)? {
        return Ok(token);
    }
    if claims.narrowed || limits.needs_scope {
        return Err(TokenError::TooLong);
    }
    claims.scope = None;
    if let Some(global) = &mut claims.global {
        global.scope = None;
    }
    fitting(&claims)?.ok_or(TokenError::TooLong)
}
