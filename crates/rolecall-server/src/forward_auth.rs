//! Forward authentication: a proxy asks before each request who the caller is and whether the request is allowed.
//!
//! nginx (`auth_request`), Traefik (`forwardAuth`) and Caddy (`forward_auth`) send the headers of the request here, and
//! copy the identity headers of the answer into the request that they forward.

use axum::{
    extract::RawQuery,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::{Authenticated, Denial, Principal};
use rolecall_core::{Permission, RoleName, SubjectKind};
use serde_json::json;

use crate::{http::PathRule, web::document::ProblemDocument};

/// The path of the endpoint.
const PATH: &str = "/forward-auth";

/// The identity headers. Every answer contains all of them: if one were missing, the proxy would forward a forged header
/// of the caller to the application.
static HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-subject-kind"),
    HeaderName::from_static("x-auth-username"),
    HeaderName::from_static("x-auth-client"),
    HeaderName::from_static("x-auth-roles"),
    HeaderName::from_static("x-auth-permissions"),
    HeaderName::from_static("x-auth-tenant"),
    HeaderName::from_static("x-auth-session"),
];

/// Adds the identity headers to answers that the guard gives in place of the handler.
pub(crate) const PATH_RULE: PathRule = PathRule {
    path: PATH,
    max_body_bytes: 0,
    headers: &HEADERS,
};

/// The characters to encode: all except the unreserved ones of RFC 3986, and the colon of permissions.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// Joins names with commas; a comma in a name is encoded.
fn join_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(encode).collect::<Vec<_>>().join(",")
}

/// Returns the values of [`HEADERS`], in the same order.
fn identity(caller: &Principal) -> [String; 8] {
    let kind = match caller.kind() {
        SubjectKind::User => "user",
        SubjectKind::Client => "client",
    };
    [
        encode(caller.subject()),
        kind.to_owned(),
        encode(caller.username()),
        encode(caller.client_id()),
        join_names(caller.roles()),
        join_names(caller.permissions()),
        encode(caller.tenant().unwrap_or_default()),
        encode(caller.session().unwrap_or_default()),
    ]
}

/// Checks that the caller holds everything in the query. The error is what it asks for, as a scope; `None` for a query
/// that cannot be understood.
fn check_query(caller: &Principal, query: &str) -> Result<(), Option<String>> {
    let mut wanted = Vec::new();
    let mut lacks = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        // INVARIANT: a query that cannot be understood is denied, so that a misspelled parameter grants nothing
        let held = match &*name {
            "role" => {
                let role: RoleName = value.parse().map_err(|_| None)?;
                wanted.push(format!("role:{role}"));
                caller.has_role(role.as_str())
            }
            "permission" => {
                let permission: Permission = value.parse().map_err(|_| None)?;
                wanted.push(permission.to_string());
                caller.has_permission(permission.as_str())
            }
            _ => return Err(None),
        };
        lacks |= !held;
    }
    if lacks {
        Err(Some(wanted.join(" ")))
    } else {
        Ok(())
    }
}

/// Authorize a request for a proxy.
///
/// For nginx `auth_request`, Traefik `forwardAuth` and Caddy `forward_auth`. `role` and `permission` can be repeated,
/// and the caller must hold all of them; any other parameter denies the request. Tokens for the issuer and for the
/// configured audience are accepted. Only status 200 allows the request.
#[utoipa::path(get, path = "/forward-auth", tag = "forward-auth", params(
    ("role" = Option<Vec<String>>, Query, description = "Roles that the caller must have"),
    ("permission" = Option<Vec<String>>, Query, description = "Permissions that the caller must hold")),
    responses(
    (status = 200, description = "The request is allowed; the headers identify the caller, percent-encoded, lists with commas", headers(
        ("X-Auth-Subject" = String, description = "The subject's id"),
        ("X-Auth-Subject-Kind" = String, description = "`user` or `client`"),
        ("X-Auth-Username" = String, description = "The user name, or the name of a client"),
        ("X-Auth-Client" = String, description = "The client that requested the token"),
        ("X-Auth-Roles" = String, description = "The roles, inherited ones included"),
        ("X-Auth-Permissions" = String, description = "The permissions"),
        ("X-Auth-Tenant" = String, description = "The tenant, empty if there is none"),
        ("X-Auth-Session" = String, description = "The session, empty if there is none"))),
    (status = "4XX", description = "The request is denied", body = ProblemDocument),
    (status = 503, description = "The server cannot decide at the moment", body = ProblemDocument)))]
pub(crate) async fn authorize_request(
    caller: Authenticated,
    RawQuery(query): RawQuery,
) -> Response {
    match check_query(&caller, &query.unwrap_or_default()) {
        Ok(()) => {
            let headers: HeaderMap = HEADERS
                .iter()
                .cloned()
                .zip(identity(&caller))
                .map(|(name, value)| (name, ascii(&value)))
                .collect();
            let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (no_store, headers).into_response()
        }
        Err(scope) => {
            tracing::info!(path = PATH, subject = caller.subject(), scope, "refused");
            let wanted: Vec<&str> = scope.iter().flat_map(|scope| scope.split(' ')).collect();
            let receipt = caller.receipt(&json!({ "all": wanted }));
            let mut response = Denial::Forbidden { scope, receipt }
                .into_problem()
                .with("roles", caller.roles().collect::<Vec<_>>())
                .into_response();
            fill(response.headers_mut());
            response
        }
    }
}

/// Converts an encoded value, which is always a valid header value.
fn ascii(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

/// Adds the missing headers without values, for servers without the layer of [`PATH_RULE`].
fn fill(headers: &mut HeaderMap) {
    for name in &HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_and_commas_in_values_are_encoded() {
        assert_eq!(encode("a\r\nb, c%\u{e9}"), "a%0D%0Ab%2C%20c%25%C3%A9");
        assert_eq!(
            join_names(["a,b", "items:read"].into_iter()),
            "a%2Cb,items:read"
        );
    }

    #[tokio::test]
    async fn an_answer_of_the_guard_has_every_header_too() {
        use crate::http::{LayerOptions, wrap};
        use axum::{
            Router,
            body::Body,
            http::{Request, StatusCode},
            routing::get,
        };
        use tower::ServiceExt as _;

        let refuse = || async { (StatusCode::UNAUTHORIZED, [("x-auth-client", "own")]) };
        let router = Router::new().route(PATH, get(refuse));
        let options = LayerOptions {
            paths: vec![PATH_RULE],
            ..LayerOptions::default()
        };
        let router = wrap(router, options);
        let request = Request::get("/forward-auth?role=a").body(Body::empty());
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        for name in &HEADERS {
            let expected = if name == "x-auth-client" { "own" } else { "" };
            assert_eq!(answer.headers()[name], expected);
        }
    }
}
