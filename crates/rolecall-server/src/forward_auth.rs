//! The question that a proxy asks before it lets a request through: who is it, and may they?
//!
//! nginx (`auth_request`), Traefik (`forwardAuth`) and Caddy (`forward_auth`) send the headers of the
//! request here and copy the identity headers of the answer into the request that they pass on.

use axum::{
    extract::{RawQuery, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::{Authenticated, Denial, Principal};
use rolecall_core::{Permission, RoleName, SubjectKind};

use serde_json::json;

use crate::web::document::ProblemDocument;

/// Where it is mounted.
pub(crate) const PATH: &str = "/forward-auth";

/// Every header that tells who calls. Each answer carries all of them: one that were left away would
/// let a header of the same name, which the caller made up, reach the application behind the proxy.
const HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-subject-kind"),
    HeaderName::from_static("x-auth-username"),
    HeaderName::from_static("x-auth-client"),
    HeaderName::from_static("x-auth-roles"),
    HeaderName::from_static("x-auth-permissions"),
    HeaderName::from_static("x-auth-tenant"),
    HeaderName::from_static("x-auth-session"),
];

/// What is encoded: everything but RFC 3986's unreserved characters and the colon of a permission.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// Names one after the other; a comma within a name would be encoded.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(encode).collect::<Vec<_>>().join(",")
}

/// The values of [`HEADERS`], in their order.
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
        list(caller.roles()),
        list(caller.permissions()),
        encode(caller.tenant().unwrap_or_default()),
        encode(caller.session().unwrap_or_default()),
    ]
}

/// What the query asks for that the caller lacks, written as a scope; `None` in it for what nobody has.
fn lacking(caller: &Principal, query: &str) -> Result<(), Option<String>> {
    let mut wanted = Vec::new();
    let mut lacks = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        // INVARIANT: what is not understood denies; a misspelt need is not the need for nothing
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

/// Say to a proxy who calls, and whether they may.
///
/// For nginx `auth_request`, Traefik `forwardAuth` and Caddy `forward_auth`. `role` and `permission` may
/// stand there several times, and all of them must be held; anything else in the query denies. Tokens for
/// the issuer and for the configured audience are taken. Only 200 lets the request through.
#[utoipa::path(get, path = "/forward-auth", tag = "forward-auth", params(
    ("role" = Option<Vec<String>>, Query, description = "Roles that must be held"),
    ("permission" = Option<Vec<String>>, Query, description = "Permissions that must be held")),
    responses(
    (status = 200, description = "They may; the headers say who it is, percent-encoded, lists with commas", headers(
        ("X-Auth-Subject" = String, description = "The subject's id"),
        ("X-Auth-Subject-Kind" = String, description = "`user` or `client`"),
        ("X-Auth-Username" = String, description = "The user name, or the name of a client"),
        ("X-Auth-Client" = String, description = "The client that asked for the token"),
        ("X-Auth-Roles" = String, description = "The roles, inherited ones included"),
        ("X-Auth-Permissions" = String, description = "The permissions"),
        ("X-Auth-Tenant" = String, description = "The tenant, empty if there is none"),
        ("X-Auth-Session" = String, description = "The session, empty if there is none"))),
    (status = "4XX", description = "They may not", body = ProblemDocument),
    (status = 503, description = "Nobody can say at the moment", body = ProblemDocument)))]
pub(crate) async fn authorize_request(
    caller: Authenticated,
    RawQuery(query): RawQuery,
) -> Response {
    match lacking(&caller, &query.unwrap_or_default()) {
        Ok(()) => {
            let headers: HeaderMap = HEADERS
                .into_iter()
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

/// What was encoded is always a header's value.
fn ascii(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a request is this question.
pub(crate) fn is_asked(request: &Request) -> bool {
    request.uri().path() == PATH
}

/// Adds the headers, empty, that an answer lacks: the guard gives some in the handler's place.
pub(crate) fn fill(headers: &mut HeaderMap) {
    for name in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_header_or_its_place_in_a_list() {
        assert_eq!(encode("a\r\nb, c%\u{e9}"), "a%0D%0Ab%2C%20c%25%C3%A9");
        assert_eq!(list(["a,b", "items:read"].into_iter()), "a%2Cb,items:read");
    }

    #[tokio::test]
    async fn an_answer_in_place_of_the_handlers_has_every_header_too() {
        use crate::http::{LayerOptions, wrap};
        use axum::{Router, body::Body, http::StatusCode, routing::get};
        use tower::ServiceExt as _;

        let turned_away = || async { (StatusCode::UNAUTHORIZED, [("x-auth-client", "own")]) };
        let router = Router::new().route(PATH, get(turned_away));
        let router = wrap(router, LayerOptions::default());
        let request = Request::get("/forward-auth?role=a").body(Body::empty());
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        for name in HEADERS {
            let expected = if name == "x-auth-client" { "own" } else { "" };
            assert_eq!(answer.headers()[name], expected);
        }
    }
}
