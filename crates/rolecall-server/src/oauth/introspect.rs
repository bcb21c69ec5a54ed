//! Token introspection (RFC 7662).

use http::HeaderMap;
use rolecall::PermissionName as _;
use rolecall::token::VerifiedClaims;
use rolecall_core::{Audience, Permission, SubjectKind};
use serde::Serialize;
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
    username: String,
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
    roles: Vec<String>,
    /// The tenant that the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
}

impl IntrospectedToken {
    fn new(app: &App, claims: VerifiedClaims) -> Self {
        let scope = if claims.has_scope {
            claims.scope
        } else {
            scope_of_roles(app, &claims)
        };
        Self {
            token_type: "Bearer",
            scope,
            client_id: claims.client_id,
            username: claims.username,
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
            roles: claims.roles,
            tenant: claims.tenant,
        }
    }
}

/// The permissions of a token that was too long to carry them, as a guard derives them.
fn scope_of_roles(app: &App, claims: &VerifiedClaims) -> String {
    let roles = claims.roles.iter();
    let roles: Vec<_> = roles.filter_map(|role| role.parse().ok()).collect();
    let permissions = app.policy().latest().map(|policy| {
        let mut permissions = policy.permissions_of(&roles);
        permissions.retain(|permission| claims.tenant.is_none() || !permission.is_reserved());
        let names: Vec<&str> = permissions.iter().map(Permission::as_str).collect();
        names.join(" ")
    });
    permissions.unwrap_or_default()
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

fn is_for(app: &App, client: &Client, claims: &VerifiedClaims) -> bool {
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
