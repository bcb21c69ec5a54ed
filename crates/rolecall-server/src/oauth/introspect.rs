//! Token introspection (RFC 7662).

use http::HeaderMap;
use rolecall::PermissionName as _;
use rolecall::token::VerifiedClaims;
use rolecall_core::{Acr, Audience, Permission, RoleName, SubjectKind};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    client_auth::{self, RequestingClient},
    error::OAuthError,
    form::Form,
    known_token::{Known, look_up},
};
use crate::{
    app::App,
    authority::{may, reads::holds_now},
    clients::store::Client,
    error::ApiError,
    legacy,
    tokens::effective::joined,
};

/// The answer to an introspection request (RFC 7662 section 2.2).
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<IntrospectedToken>,
}

/// The claims of an active token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntrospectedToken {
    token_type: &'static str,
    /// The permissions.
    scope: String,
    client_id: String,
    /// The user name; absent in the token of a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    sub: String,
    /// `user` or `client`.
    subject_kind: &'static str,
    aud: String,
    iss: String,
    exp: i64,
    iat: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// The time at which the user authenticated, in seconds since the epoch (RFC 9470).
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    /// The assurance of the session: `aal1`, `aal2` or `phr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    acr: Option<Acr>,
    /// The methods by which the user authenticated (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    roles: Vec<String>,
    /// The tenant that the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The part that is held without the tenant; absent if the token is for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<IntrospectedGlobal>,
    /// The claims that the application declared. INVARIANT: none has the name of a member above.
    #[serde(flatten)]
    #[schema(ignore)]
    claims: Map<String, Value>,
}

/// The roles and permissions that the subject of a token for a tenant holds without the tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntrospectedGlobal {
    roles: Vec<String>,
    /// The permissions.
    scope: String,
}

impl IntrospectedToken {
    fn new(app: &App, claims: VerifiedClaims) -> Self {
        let (scope, global) = scopes(app, &claims);
        let mut other = claims.other;
        let declared = app.settings().profile.claim_names();
        let declared = declared.filter_map(|name| other.remove_entry(name));
        let declared = declared.collect();
        Self {
            token_type: "Bearer",
            scope,
            global,
            client_id: claims.client_id,
            username: match claims.subject_kind {
                SubjectKind::User => Some(claims.username),
                SubjectKind::Client => None,
            },
            sub: claims.sub,
            subject_kind: match claims.subject_kind {
                SubjectKind::User => "user",
                SubjectKind::Client => "client",
            },
            aud: match claims.aud {
                Audience::One(one) => one,
                Audience::Many(many) => many.join(" "),
            },
            iss: claims.iss,
            exp: claims.exp,
            iat: claims.iat,
            jti: claims.jti,
            sid: claims.sid,
            auth_time: claims.auth_time,
            acr: claims.acr,
            amr: claims.amr,
            roles: claims.roles,
            tenant: claims.tenant,
            claims: declared,
        }
    }
}

/// Returns the permissions of a token, and what of them is held without its tenant. For one that was too long to carry
/// permissions they are derived from the roles, as a guard does.
fn scopes(app: &App, claims: &VerifiedClaims) -> (String, Option<IntrospectedGlobal>) {
    let acr = claims.acr.unwrap_or_default();
    let derive = |roles: &[String]| {
        let roles: Vec<RoleName> = roles.iter().filter_map(|role| role.parse().ok()).collect();
        let policy = app.policy().latest();
        let permissions = policy.map(|policy| policy.permissions_in_token(&roles, acr));
        let mut permissions = permissions.unwrap_or_default();
        permissions.retain(|permission| claims.tenant.is_none() || !permission.is_reserved());
        joined(&permissions)
    };
    let global = claims.tenant.as_ref().map(|_| {
        let global = claims.global.clone().unwrap_or_default();
        IntrospectedGlobal {
            scope: global.scope.unwrap_or_else(|| derive(&global.roles)),
            roles: global.roles,
        }
    });
    if claims.has_scope {
        (claims.scope.clone(), global)
    } else {
        (derive(&claims.roles), global)
    }
}

/// Says whether the token in the form is active for the client that asks.
pub(crate) async fn introspect(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    address: &str,
) -> Result<Introspection, OAuthError> {
    let client = client_auth::authenticate(app, headers, form, address).await?;
    let RequestingClient::Client(client) = client else {
        return Err(OAuthError::InvalidClient { basic: true });
    };
    demand_permission(app, &client).await?;
    let token = form
        .get("token")
        .ok_or(OAuthError::InvalidRequest("token is missing"))?;
    let mut found = look_up(app, token).await?;
    if found.is_none()
        && let Some(stand_in) = legacy::stand_in(app, token).await?
    {
        found = look_up(app, &stand_in).await?;
    }
    let claims = match found {
        Some(Known::Access(claims)) if is_for(app, &client, &claims) => claims,
        // a resource server has no business with refresh tokens
        _ => return Ok(Introspection::default()),
    };
    Ok(Introspection {
        active: true,
        token: Some(IntrospectedToken::new(app, *claims)),
    })
}

/// Returns true if the token is for an audience of the client; for the issuer, if the client has none of its own.
pub(crate) fn is_for(app: &App, client: &Client, claims: &VerifiedClaims) -> bool {
    if client.audiences.is_empty() {
        claims.aud.contains(&app.settings().issuer)
    } else {
        client.audiences.iter().any(|own| claims.aud.contains(own))
    }
}

/// The client shows its secret here, not a token: what it may do is read from the database.
async fn demand_permission(app: &App, client: &Client) -> Result<(), OAuthError> {
    let permission: Permission = may::IntrospectTokens::NAME
        .parse()
        .map_err(ApiError::internal)?;
    if client.public {
        return Err(OAuthError::InvalidClient { basic: true });
    }
    match holds_now(app, &client.id, &permission).await? {
        Some(true) => Ok(()),
        Some(false) => Err(OAuthError::Failed(ApiError::Lacks(Some(permission)))),
        None => Err(OAuthError::InvalidClient { basic: true }),
    }
}
