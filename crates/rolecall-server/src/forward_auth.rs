//! Forward authentication: a proxy asks before each request who the caller is and whether the request is allowed.
//!
//! nginx (`auth_request`), Traefik (`forwardAuth`) and Caddy (`forward_auth`) send the headers of the request here, and
//! copy the identity headers of the answer into the request that they forward.

use axum::{
    extract::{RawQuery, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::{Authenticated, Denial, Principal};
use rolecall_core::{Permission, RoleName, SubjectKind, TenantName};
use serde_json::{Value, json};

use crate::{http::PathRule, web::document::ProblemDocument};

/// The path of the endpoint.
const PATH: &str = "/forward-auth";

/// The header in which a proxy names the method of the request that it asks about.
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

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

/// Adds the identity headers to answers that the guard gives in place of the handler, and answers preflights, which the
/// guard would refuse.
pub(crate) const PATH_RULE: PathRule = PathRule {
    path: PATH,
    max_body_bytes: 0,
    headers: &HEADERS,
    answer: Some(answer_preflight),
};

/// Allows the preflight of a browser (Fetch Standard, CORS protocol) if the query asks for that. It never has a token,
/// and the application answers it.
fn answer_preflight(request: &Request) -> Option<Response> {
    let query = Query::parse(request.uri().query()?)?;
    if !query.allows_preflights || !is_preflight(request.headers()) {
        return None;
    }
    let mut response =
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))].into_response();
    fill(response.headers_mut());
    Some(response)
}

/// Returns true if a proxy asks about a preflight. With two values of a header, one of them may be the client's own.
fn is_preflight(headers: &HeaderMap) -> bool {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    only(X_FORWARDED_METHOD).is_some_and(|method| method == Method::OPTIONS.as_str())
        && only(header::ORIGIN).is_some()
        && only(header::ACCESS_CONTROL_REQUEST_METHOD).is_some()
        && !headers.contains_key(header::AUTHORIZATION)
}

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

/// A role or permission that a query asks for.
enum Wanted {
    Role(RoleName),
    Permission(Permission),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Permission(permission) => write!(f, "{permission}"),
        }
    }
}

/// The parameters of a request.
#[derive(Default)]
struct Query {
    wanted: Vec<Wanted>,
    tenant: Option<TenantName>,
    /// Preflights are allowed without a token.
    allows_preflights: bool,
}

impl Query {
    /// Parses a query; `None` if it cannot be understood.
    fn parse(query: &str) -> Option<Self> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // INVARIANT: a query that cannot be understood is denied, so that a misspelled parameter grants nothing
            match &*name {
                "role" => parsed.wanted.push(Wanted::Role(value.parse().ok()?)),
                "permission" => parsed.wanted.push(Wanted::Permission(value.parse().ok()?)),
                "tenant" if parsed.tenant.is_none() => parsed.tenant = Some(value.parse().ok()?),
                "preflight" if value == "allow" && !parsed.allows_preflights => {
                    parsed.allows_preflights = true;
                }
                _ => return None,
            }
        }
        Some(parsed)
    }

    /// Returns true if the caller holds a role or permission: in the tenant that the query names, or globally.
    fn is_held(&self, caller: &Principal, wanted: &Wanted) -> bool {
        match (wanted, &self.tenant) {
            (Wanted::Role(role), None) => caller.has_global_role(role.as_str()),
            (Wanted::Role(role), Some(_)) => caller.has_role(role.as_str()),
            (Wanted::Permission(one), None) => caller.has_global_permission(one.as_str()),
            (Wanted::Permission(one), Some(_)) => caller.has_permission(one.as_str()),
        }
    }

    /// Checks that the caller holds everything, and has a token for the tenant if the query names one.
    fn check(&self, caller: &Principal) -> Result<(), Box<Refused>> {
        let holds_all = self.wanted.iter().all(|one| self.is_held(caller, one));
        let tenant = self.tenant.as_ref().map(TenantName::as_str);
        let is_right_tenant = tenant.is_none() || caller.tenant() == tenant;
        if holds_all && is_right_tenant {
            return Ok(());
        }
        let names = self.wanted.iter().map(ToString::to_string);
        let needs = json!({ "all": names.clone().collect::<Vec<_>>() });
        let globally = tenant.is_none() && caller.tenant().is_some();
        let needs = if globally {
            json!({ "global": needs })
        } else {
            needs
        };
        let names: Vec<String> = names.collect();
        let step_up = is_right_tenant.then(|| caller.step_up_for(&names, tenant.is_some(), &needs));
        Err(Box::new(Refused {
            step_up: step_up.flatten(),
            // with another tenant's token nothing that a scope names is missing
            scope: (!holds_all).then(|| names.join(" ")),
            needs,
        }))
    }
}

/// The refusal of a request.
struct Refused {
    /// The wanted roles and permissions, as a scope.
    scope: Option<String>,
    /// The same for a receipt.
    needs: Value,
    /// The denial if a stronger sign-in is all that lacks.
    step_up: Option<Denial>,
}

/// The refusal of a query that cannot be understood.
fn not_understood() -> Refused {
    Refused {
        scope: None,
        needs: json!({ "all": [] }),
        step_up: None,
    }
}

/// Authorize a request for a proxy.
///
/// For nginx `auth_request`, Traefik `forwardAuth` and Caddy `forward_auth`. `role` and `permission` can be repeated,
/// and the caller must hold all of them; any other parameter denies the request. With `tenant`, the token must be for
/// that tenant; without it, only what the caller holds globally counts. Tokens for the issuer and for the configured
/// audience are accepted. Only status 200 allows the request.
///
/// With `preflight=allow`, a CORS preflight is allowed without a token: `X-Forwarded-Method` is `OPTIONS`, `Origin` and
/// `Access-Control-Request-Method` are present, each once, and there is no `Authorization`. The proxy must set
/// `X-Forwarded-Method` itself.
#[utoipa::path(get, path = "/forward-auth", tag = "forward-auth", params(
    ("role" = Option<Vec<String>>, Query, description = "Roles that the caller must have"),
    ("permission" = Option<Vec<String>>, Query, description = "Permissions that the caller must hold"),
    ("tenant" = Option<String>, Query, description = "The tenant that the token must be for; roles and permissions in it count then"),
    ("preflight" = Option<String>, Query, description = "`allow` lets CORS preflights pass, which have no token")),
    responses(
    (status = 200, description = "The request is allowed; the headers identify the caller, percent-encoded, lists with commas", headers(
        ("X-Auth-Subject" = String, description = "The subject's id"),
        ("X-Auth-Subject-Kind" = String, description = "`user` or `client`"),
        ("X-Auth-Username" = String, description = "The user name, empty for a client"),
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
    let query = Query::parse(&query.unwrap_or_default());
    let outcome = query.map_or_else(
        || Err(Box::new(not_understood())),
        |query| query.check(&caller),
    );
    match outcome {
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
        Err(refused) => {
            let Refused {
                scope,
                needs,
                step_up,
            } = *refused;
            let denial = step_up.unwrap_or_else(|| Denial::Forbidden {
                scope: scope.clone(),
                receipt: caller.receipt(&needs),
            });
            let outcome = denial.code();
            tracing::info!(
                path = PATH,
                subject = caller.subject(),
                scope,
                outcome,
                "refused"
            );
            let mut response = denial
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

    const PREFLIGHT: [(&str, &str); 3] = [
        ("x-forwarded-method", "OPTIONS"),
        ("origin", "https://spa.example"),
        ("access-control-request-method", "GET"),
    ];

    /// Sends a request through all layers, as a proxy does.
    async fn ask(router: &axum::Router, query: &str, headers: &[(&str, &str)]) -> Response {
        use tower::ServiceExt as _;

        let mut request = axum::http::Request::get(format!("/forward-auth?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    }

    /// Returns the status, after checking that every answer has all identity headers, and with values only if it names
    /// a caller.
    async fn status(router: &axum::Router, query: &str, headers: &[(&str, &str)]) -> u16 {
        let answer = ask(router, query, headers).await;
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        for name in &HEADERS {
            assert_eq!(answer.headers()[name], "", "{query}");
        }
        answer.status().as_u16()
    }

    #[tokio::test]
    async fn y131_a_preflight_passes_without_a_token_only_if_the_proxy_asks_for_that() {
        let embedded = crate::Embedded::open("sqlite::memory:").await.unwrap();
        let routes = rolecall::GuardedRouter::new(embedded.guard());
        let routes = routes.merge(embedded.routes().unwrap()).into_axum();
        let server = crate::http::wrap(routes, crate::api::layer_options(None));
        for query in [
            "preflight=allow",
            "role=a&preflight=allow",
            "&preflight=allow",
        ] {
            assert_eq!(status(&server, query, &PREFLIGHT).await, 200, "{query}");
        }
        for query in [
            "",
            "role=a",
            "preflight=",
            "preflight=deny",
            "preflight=allow&preflight=allow",
            "preflight=allow&rolle=a",
            "Preflight=allow",
        ] {
            assert_eq!(status(&server, query, &PREFLIGHT).await, 401, "{query}");
        }
        for at in 0..PREFLIGHT.len() {
            let mut without = PREFLIGHT.to_vec();
            let twice = without.remove(at);
            assert_eq!(status(&server, "preflight=allow", &without).await, 401);
            let doubled = [&PREFLIGHT[..], &[twice]].concat();
            assert_eq!(status(&server, "preflight=allow", &doubled).await, 401);
        }
        for method in ["GET", "options", "OPTIONS, GET", ""] {
            let mut other = PREFLIGHT;
            other[0].1 = method;
            assert_eq!(status(&server, "preflight=allow", &other).await, 401);
        }
        // a request with a token is judged by it
        let with_token = [&PREFLIGHT[..], &[("authorization", "Bearer a.b.c")]].concat();
        assert_eq!(status(&server, "preflight=allow", &with_token).await, 401);
    }
}
