//! Claims about the user of an access token (`OpenID` Connect Core section 5.3).

use rolecall::{Denial, Principal};
use rolecall_core::{Audience, SubjectKind};
use serde_json::{Map, Value, json};

use super::{
    identity::HeldRoles,
    known_token::{Known, look_up},
};
use crate::{
    accounts::store as accounts,
    app::App,
    clients::store as clients,
    error::ApiError,
    sessions::store as sessions,
    tokens::{
        claims::{self, UserFacts},
        identity::{Identity, IdentityScope},
    },
};

/// The parts of an access token on which the answer depends.
pub(crate) struct Presenter {
    subject: String,
    /// `None` for the token of a client.
    session: Option<String>,
    tenant: Option<String>,
    roles: Vec<String>,
    /// Those that are held without the tenant.
    global_roles: Vec<String>,
}

impl From<&Principal> for Presenter {
    fn from(caller: &Principal) -> Self {
        let session = caller.session();
        let session = session.filter(|_| caller.kind() == SubjectKind::User);
        Self {
            subject: caller.subject().to_owned(),
            session: session.map(str::to_owned),
            tenant: caller.tenant().map(str::to_owned),
            roles: caller.roles().map(str::to_owned).collect(),
            global_roles: caller
                .roles()
                .filter(|role| caller.has_global_role(role))
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Returns the caller of a request whose token came in the header (`caller`), or by POST in the form (RFC 6750
/// section 2.2).
///
/// # Errors
///
/// [`Denial::TwoCredentials`] for a token in two places, [`Denial::NotAuthenticated`] for none.
pub(crate) async fn presenter(
    app: &App,
    caller: Option<&Principal>,
    query: Option<&str>,
    form: Option<&[u8]>,
) -> Result<Presenter, ApiError> {
    let in_form = tokens_in(form.unwrap_or_default());
    // a token in the address is in logs and histories by now: it counts as a second one, and never alone
    let in_query = tokens_in(query.unwrap_or_default().as_bytes());
    let others = in_form.len() + in_query.len();
    match (caller, in_form.as_slice()) {
        (Some(caller), []) if others == 0 => Ok(caller.into()),
        (None, [token]) if others == 1 => in_form_token(app, token).await,
        (None, []) => Err(ApiError::Denied(Denial::NotAuthenticated)),
        _ => Err(ApiError::Denied(Denial::TwoCredentials)),
    }
}

/// Returns the values of `access_token`, without empty ones.
fn tokens_in(encoded: &[u8]) -> Vec<String> {
    let fields = form_urlencoded::parse(encoded);
    let tokens = fields.filter(|(name, value)| name == "access_token" && !value.is_empty());
    tokens.map(|(_, value)| value.into_owned()).collect()
}

/// Verifies a token for this server by the database, as the guard has not done it.
async fn in_form_token(app: &App, token: &str) -> Result<Presenter, ApiError> {
    let own = |aud: &Audience| aud.contains(&app.settings().issuer);
    match look_up(app, token).await? {
        Some(Known::Access(claims)) if own(&claims.aud) => Ok(Presenter {
            session: claims
                .sid
                .filter(|_| claims.subject_kind == SubjectKind::User),
            subject: claims.sub,
            tenant: claims.tenant,
            roles: claims.roles,
            global_roles: claims.global.map(|global| global.roles).unwrap_or_default(),
        }),
        _ => Err(ApiError::Denied(Denial::InvalidToken)),
    }
}

/// Returns the claims that the session of the token was granted.
///
/// # Errors
///
/// [`ApiError::NotOpenid`] for a token that was not issued for this: one of a client, one without `openid`, and one for
/// a resource that its client named.
pub(crate) async fn claims(app: &App, caller: &Presenter) -> Result<Map<String, Value>, ApiError> {
    let id = caller.session.as_deref().ok_or(ApiError::NotOpenid)?;
    let mut conn = app.store().read().await?;
    let session = sessions::find(&mut conn, id).await?;
    let session = session.filter(|session| session.subject_id == caller.subject);
    let identity = session
        .as_ref()
        .and_then(|session| session.identity.as_deref());
    let identity = Identity::read(identity.unwrap_or_default());
    let audience = session
        .as_ref()
        .and_then(|session| session.audience.as_deref());
    let is_elsewhere = identity.names_resource && audience != Some(app.settings().issuer.as_str());
    if !identity.scopes.contains(&IdentityScope::Openid) || is_elsewhere {
        return Err(ApiError::NotOpenid);
    }
    let user = accounts::find_user(&mut conn, &caller.subject, app.now()).await?;
    let user = user.ok_or(ApiError::NotOpenid)?;
    let client = match &session {
        Some(session) => clients::find(&mut conn, &session.client_id).await?,
        None => None,
    };
    let client = client.ok_or(ApiError::NotOpenid)?;
    let named = |roles: &[String]| roles.iter().filter_map(|role| role.parse().ok()).collect();
    let held = HeldRoles {
        tenant: caller.tenant.as_deref(),
        all: named(&caller.roles),
        global: Some(named(&caller.global_roles)),
    };
    let roles = held.shown_to(&client);
    let facts = UserFacts {
        username: &user.username,
        email: user.email.as_deref(),
        email_verified: user.email_verified_at.is_some(),
        updated_at: user.updated_at,
        roles: &roles,
    };
    let claims = claims::of_user(&facts, &identity.scopes, &identity.claims);
    let mut claims = held.with_tenant(claims);
    claims.insert("sub".to_owned(), json!(caller.subject));
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m038_tokens_are_read_as_form_fields() {
        for (form, tokens) in [
            (&b""[..], &[][..]),
            (b"access_token=", &[]),
            (b"access_token=a.b", &["a.b"]),
            (b"a=b&access_token=a%2Eb&c", &["a.b"]),
            (b"access_token=a&access_token=a", &["a", "a"]),
            (b"Access_Token=a&access_token%00=b&access_tokens=c", &[]),
        ] {
            assert_eq!(tokens_in(form), tokens);
        }
    }
}
