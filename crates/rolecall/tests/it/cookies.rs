//! Access tokens in the session cookie, and forged requests that a browser sends with it.

use std::time::Duration;

use axum::{body::Body, response::IntoResponse};
use http::{Method, Request, header::COOKIE};
use proptest::prelude::*;
use rolecall::{
    CookieError, Denial, Guard, GuardedRouter, Public, Require, SessionCookie,
    cookie::{find, host_cookie},
    routing::{any, get},
    testing::TestIssuer,
};

use crate::{Answer, admin, fixed, floor, greet, greet_anybody, role, send, user};

const NAME: &str = "__Host-session";
const OWN: &str = "https://app.example";
const OTHER: &str = "https://other.example";

fn cookie() -> SessionCookie {
    SessionCookie::new(NAME, OWN).unwrap()
}

async fn read_shared(_: Require<role::User>) -> impl IntoResponse {
    [("cache-control", "private, max-age=60"), ("vary", "accept")]
}

async fn read_page(_: Public) -> &'static str {
    "page"
}

fn app(guard: Guard) -> axum::Router {
    GuardedRouter::new(guard)
        .route("/", any(greet))
        .route("/optional", any(greet_anybody))
        .route("/shared", get(read_shared))
        .route("/page", any(read_page))
        .into_axum()
}

fn session_of(issuer: &TestIssuer, name: &str) -> String {
    let token = issuer.token(name).role::<role::User>().sign();
    format!("{NAME}={token}")
}

async fn request(
    app: &axum::Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

/// Returns the status of a request with the cookie and these headers.
async fn status(app: &axum::Router, method: Method, cookie: &str, more: &[(&str, &str)]) -> u16 {
    let mut headers = vec![("cookie", cookie)];
    headers.extend(more);
    request(app, method, "/", &headers).await.status.as_u16()
}

#[tokio::test]
async fn a_cookie_is_ignored_unless_the_guard_reads_it() {
    let issuer = TestIssuer::new();
    let session = session_of(&issuer, "alice");
    let plain = app(issuer.guard());
    assert_eq!(status(&plain, Method::GET, &session, &[]).await, 401);
    let reading = app(issuer.guard().with_cookie(cookie()));
    assert_eq!(status(&reading, Method::GET, &session, &[]).await, 200);
    let other = session.replace(NAME, "__Host-other");
    assert_eq!(status(&reading, Method::GET, &other, &[]).await, 401);
    // the guard that it was made from is unchanged
    assert_eq!(status(&plain, Method::GET, &session, &[]).await, 401);
}

#[tokio::test]
async fn a_token_in_the_cookie_passes_the_same_checks_as_one_in_the_header() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let session = session_of(&issuer, "alice");
    let answer = request(&app, Method::GET, "/", &[("cookie", &session)]).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
    let without_role = format!("{NAME}={}", issuer.token("bob").sign());
    assert_eq!(status(&app, Method::GET, &without_role, &[]).await, 403);
    issuer
        .live()
        .raise(&[floor(rolecall::FloorKind::Subject, "alice", 1)]);
    let answer = request(&app, Method::GET, "/", &[("cookie", &session)]).await;
    assert_eq!(answer.status.as_u16(), 401);
    assert!(answer.challenge().unwrap().contains("has ended"));
    let nonsense = format!("{NAME}=nonsense");
    assert_eq!(status(&app, Method::GET, &nonsense, &[]).await, 401);
    let empty = format!("{NAME}=");
    let answer = request(&app, Method::GET, "/", &[("cookie", &empty)]).await;
    assert_eq!(answer.challenge(), Some("Bearer"), "as without a cookie");
}

#[tokio::test]
async fn a_layer_reads_the_cookie_as_a_router_does() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard().with_cookie(cookie());
    let session = session_of(&issuer, "alice");
    let methods = axum::routing::any(greet).layer(guard.layer::<role::User>());
    let app = axum::Router::new().route("/", methods);
    assert_eq!(status(&app, Method::POST, &session, &[]).await, 403);
    let own = [("origin", OWN)];
    assert_eq!(status(&app, Method::POST, &session, &own).await, 200);
    let answer = request(&app, Method::GET, "/", &[("cookie", &session)]).await;
    assert_eq!(answer.headers["vary"], "cookie");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

/// The model: the proof that a request needs, written down as a table of what browsers send.
fn is_accepted(method: &Method, upgrades: bool, origin: Option<&str>, site: Option<&str>) -> bool {
    let is_own = origin == Some(OWN);
    if upgrades {
        return is_own;
    }
    match method.as_str() {
        "GET" | "HEAD" => true,
        _ => is_own || (site == Some("same-origin") && matches!(origin, None | Some("null"))),
    }
}

#[tokio::test]
async fn y175_a_forged_request_with_the_cookie_is_refused() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let session = session_of(&issuer, "alice");
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let origins = [
        None,
        Some(OWN),
        Some(OTHER),
        Some("null"),
        Some(""),
        Some("http://app.example"),
        Some("https://app.example:8443"),
        Some("https://app.example.evil.example"),
        Some("https://APP.example"),
        Some("https://app.example/"),
    ];
    let sites = [
        None,
        Some("same-origin"),
        Some("same-site"),
        Some("cross-site"),
        Some("none"),
        Some("SAME-ORIGIN"),
        Some("same-origin, same-origin"),
    ];
    let mut accepted = 0;
    for method in &methods {
        for upgrades in [false, true] {
            for origin in origins {
                for site in sites {
                    let named = [
                        ("origin", origin),
                        ("sec-fetch-site", site),
                        ("upgrade", upgrades.then_some("websocket")),
                    ];
                    let headers = named
                        .iter()
                        .filter_map(|(name, value)| Some((*name, (*value)?)));
                    let headers: Vec<(&str, &str)> = headers.collect();
                    let expected = is_accepted(method, upgrades, origin, site);
                    accepted += u32::from(expected);
                    let found = status(&app, method.clone(), &session, &headers).await;
                    let expected = if expected { 200 } else { 403 };
                    assert_eq!(found, expected, "{method} {headers:?}");
                }
            }
        }
    }
    assert!(accepted > 100, "{accepted} of 840");
}

#[tokio::test]
async fn y175_the_refusal_says_what_to_send() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let session = session_of(&issuer, "alice");
    let answer = request(&app, Method::POST, "/", &[("cookie", &session)]).await;
    assert_eq!(answer.status.as_u16(), 403);
    assert_eq!(answer.challenge(), None);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:rolecall:problem:cross_site");
    let detail = problem["detail"].as_str().unwrap();
    for word in [
        "`Origin`",
        "`Sec-Fetch-Site: same-origin`",
        "`Authorization`",
    ] {
        assert!(detail.contains(word), "{detail}");
    }
    // it is not a login, so that nobody is logged out by it
    let optional = request(&app, Method::POST, "/optional", &[("cookie", &session)]).await;
    assert_eq!(optional.status.as_u16(), 403, "and not `nobody`");
    let public = request(&app, Method::POST, "/page", &[("cookie", &session)]).await;
    assert_eq!(public.status.as_u16(), 200);
}

#[tokio::test]
async fn y175_two_values_of_a_header_prove_nothing() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let session = session_of(&issuer, "alice");
    let same_origin = ("sec-fetch-site", "same-origin");
    for headers in [
        vec![("origin", OWN), ("origin", OTHER)],
        vec![("origin", OTHER), ("origin", OWN)],
        vec![("origin", OWN), ("origin", OWN)],
        vec![("origin", "null"), ("origin", OTHER), same_origin],
        vec![same_origin, ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "cross-site"), same_origin],
        vec![("origin", OTHER), same_origin],
    ] {
        let found = status(&app, Method::POST, &session, &headers).await;
        assert_eq!(found, 403, "{headers:?}");
    }
}

#[tokio::test]
async fn y175_a_bearer_token_needs_no_proof() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let bearer = user(&issuer).unwrap();
    let bearer = bearer.to_str().unwrap();
    for headers in [
        vec![("authorization", bearer)],
        vec![("authorization", bearer), ("origin", OTHER)],
        vec![("authorization", bearer), ("upgrade", "websocket")],
    ] {
        let answer = request(&app, Method::POST, "/", &headers).await;
        assert_eq!(answer.status.as_u16(), 200, "{headers:?}");
    }
}

#[tokio::test]
async fn a_second_origin_may_use_the_cookie_too() {
    let issuer = TestIssuer::new();
    let cookie = cookie().or_origin("http://localhost:5173").unwrap();
    let app = app(issuer.guard().with_cookie(cookie));
    let session = session_of(&issuer, "alice");
    for (origin, expected) in [
        (OWN, 200),
        ("http://localhost:5173", 200),
        ("http://localhost:5174", 403),
        ("http://localhost", 403),
    ] {
        let headers = [("origin", origin), ("sec-fetch-site", "same-site")];
        let found = status(&app, Method::DELETE, &session, &headers).await;
        assert_eq!(found, expected, "{origin}");
    }
}

#[tokio::test]
async fn y176_no_page_of_another_origin_opens_a_web_socket_with_the_cookie() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard().with_cookie(cookie());
    let app = app(guard.clone());
    let session = session_of(&issuer, "alice");
    let upgrade = ("upgrade", "websocket");
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (more, expected) in [
        (vec![("origin", OWN)], 200),
        (vec![("origin", OTHER)], 403),
        (vec![("origin", "null")], 403),
        (vec![], 403),
        // every browser sends `Origin` with a WebSocket, so this is none
        (vec![("sec-fetch-site", "same-origin")], 403),
        (
            vec![("origin", "null"), ("sec-fetch-site", "same-origin")],
            403,
        ),
    ] {
        let mut headers = vec![upgrade, key];
        headers.extend(&more);
        let found = status(&app, Method::GET, &session, &headers).await;
        assert_eq!(found, expected, "{more:?}");
    }
    // HTTP/2 opens it with `CONNECT`, which no router of rolecall routes
    let mut headers = http::HeaderMap::new();
    headers.insert(COOKIE, session.parse().unwrap());
    let connect = |headers: &_| guard.authenticate_request(&Method::CONNECT, headers);
    headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(connect(&headers).unwrap_err(), Denial::CrossSite);
    headers.insert("origin", OWN.parse().unwrap());
    assert!(connect(&headers).is_ok());
}

#[tokio::test]
async fn y177_a_planted_cookie_never_replaces_the_real_one() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let (real, planted) = (session_of(&issuer, "alice"), session_of(&issuer, "mallory"));
    // two of the name: nothing says which one is real
    for cookies in [
        format!("{real}; {planted}"),
        format!("{planted};{real}"),
        format!("{real}; a=b; {real}"),
        format!("{real}; {NAME}="),
        format!("{NAME}=; {real}"),
    ] {
        let answer = request(&app, Method::GET, "/", &[("cookie", &cookies)]).await;
        assert_eq!(answer.status.as_u16(), 400, "{cookies}");
        assert_eq!(answer.json()["detail"], "Send one credential");
    }
    let split = [("cookie", &*real), ("cookie", &*planted)];
    let answer = request(&app, Method::GET, "/", &split).await;
    assert_eq!(answer.status.as_u16(), 400, "in two headers");
    let other = [("cookie", &*real), ("cookie", "a=b")];
    let answer = request(&app, Method::GET, "/", &other).await;
    assert_eq!(answer.status.as_u16(), 200, "HTTP/2 splits the header");
    // names that a subdomain may set, and that careless readers take for the protected one
    for name in [
        "\u{2000}__Host-session",
        "\u{a0}__Host-session",
        "\u{85}__Host-session",
        "__host-session",
        "__HOST-session",
        "__Host-Session",
        "\"__Host-session\"",
        "$Version=1; $__Host-session",
        "__Host-session%20",
    ] {
        let planted = planted.replacen(NAME, name, 1);
        let value = http::HeaderValue::from_bytes(planted.as_bytes()).unwrap();
        let only = Request::builder().header(COOKIE, value.clone());
        let only = send(&app, only.body(Body::empty()).unwrap()).await;
        assert_eq!(only.status.as_u16(), 401, "{name:?}");
        let both = Request::builder()
            .header(COOKIE, value)
            .header(COOKIE, &*real);
        let both = send(&app, both.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (both.status.as_u16(), &*both.body),
            (200, "alice"),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn y178_the_header_decides_and_the_cookie_never_replaces_it() {
    let issuer = TestIssuer::new();
    let app = app(issuer.guard().with_cookie(cookie()));
    let session = session_of(&issuer, "alice");
    let with = async |authorization: &str| {
        let headers = [("cookie", &*session), ("authorization", authorization)];
        request(&app, Method::GET, "/", &headers).await
    };
    let other = issuer.token("bob").role::<role::User>().sign();
    let answer = with(&format!("Bearer {other}")).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "bob"));
    let expired = issuer.token("bob").expired().sign();
    for refused in [
        "Bearer nonsense",
        "bearer a b",
        "Bearer",
        "Bearer ",
        &format!("Bearer {expired}"),
    ] {
        assert_eq!(with(refused).await.status.as_u16(), 401, "{refused}");
    }
    // the password of a staging site, which the browser sends with everything
    let answer = with("Basic dGVhbTpzZWNyZXQ=").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, "alice"));
    let two = [
        ("cookie", &*session),
        ("authorization", "Basic YTpi"),
        ("authorization", "Basic YTpi"),
    ];
    let answer = request(&app, Method::GET, "/", &two).await;
    assert_eq!(answer.status.as_u16(), 400);
}

#[tokio::test]
async fn y179_no_cache_gives_an_answer_for_one_cookie_to_another() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let session = session_of(&issuer, "alice");
    let with_cookie = app(guard.with_cookie(cookie()));
    let read = async |app: &axum::Router, path: &str, cookie: &str| {
        let answer = request(app, Method::GET, path, &[("cookie", cookie)]).await;
        assert_eq!(answer.status.as_u16(), 200);
        let all = |name: &str| {
            let values = answer.headers.get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        (all("vary"), all("cache-control"))
    };
    let own = (vec!["cookie".to_owned()], vec!["no-store".to_owned()]);
    assert_eq!(read(&with_cookie, "/", &session).await, own);
    assert_eq!(read(&with_cookie, "/optional", &session).await, own);
    // without the cookie too, since it could be given to somebody with one
    assert_eq!(read(&with_cookie, "/optional", "a=b").await, own);
    let (vary, control) = read(&with_cookie, "/shared", &session).await;
    assert_eq!(vary, ["accept", "cookie"]);
    assert_eq!(control, ["private, max-age=60"], "as the handler chose");
    let nothing = (vec![], vec![]);
    assert_eq!(read(&with_cookie, "/page", &session).await, nothing);
    assert_eq!(read(&app(guard), "/optional", &session).await, nothing);
    let refused = request(&with_cookie, Method::GET, "/", &[]).await;
    assert_eq!(refused.headers["cache-control"], "no-store");
}

#[test]
fn y180_another_page_cannot_log_a_user_in_as_somebody_else() {
    let check = |headers: &[(&'static str, &str)]| {
        let mut map = http::HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        cookie().check_sender(&map)
    };
    let same_origin = ("sec-fetch-site", "same-origin");
    assert_eq!(check(&[("origin", OWN)]), Ok(()));
    assert_eq!(check(&[same_origin]), Ok(()));
    assert_eq!(check(&[("origin", "null"), same_origin]), Ok(()));
    for headers in [
        &[][..],
        &[("origin", OTHER)],
        &[("origin", "null")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", OTHER), same_origin],
    ] {
        assert_eq!(check(headers), Err(Denial::UnprovenSender), "{headers:?}");
    }
}

#[test]
fn the_cookie_lives_as_long_as_its_token() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard().with_cookie(cookie());
    let token = issuer.token("alice").sign();
    let now = rolecall::Clock::now(issuer.clock());
    issuer.clock().set(now.plus(Duration::from_mins(10)));
    let header = guard.set_cookie(&token).unwrap();
    assert!(header.is_sensitive());
    assert_eq!(
        header.to_str().unwrap(),
        format!("{NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=1200")
    );
    let cleared = guard.clear_cookie().unwrap();
    assert_eq!(
        cleared,
        "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    );
}

#[test]
fn only_a_token_that_the_guard_accepts_becomes_a_cookie() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard().with_cookie(cookie());
    let set = |token: &str| guard.set_cookie(token).unwrap_err();
    let expired = issuer.token("alice").expired().sign();
    assert_eq!(set(&expired), CookieError::Token(Denial::EndedToken));
    for other in ["a refresh token", "", "a.b.c; Domain=other.example"] {
        assert_eq!(set(other), CookieError::Token(Denial::InvalidToken));
    }
    let token = issuer.token("alice").sign();
    let plain = issuer.guard();
    assert_eq!(plain.set_cookie(&token), Err(CookieError::NoCookie));
    assert_eq!(plain.clear_cookie(), Err(CookieError::NoCookie));
    let roles: Vec<String> = (0..400).map(|number| format!("role-{number}")).collect();
    let long = issuer.token("alice").claims(|claims| claims.roles = roles);
    let error = set(&long.sign());
    assert!(matches!(error, CookieError::TooLong(4097..)), "{error}");
    assert!(error.to_string().contains("4096"), "{error}");
}

#[test]
fn a_cookie_of_exactly_the_limit_is_made() {
    let of = |bytes: usize| host_cookie(NAME, &"a".repeat(bytes), Duration::ZERO);
    assert!(of(4096 - NAME.len()).is_ok());
    assert_eq!(of(4097 - NAME.len()), Err(CookieError::TooLong(4097)));
}

#[test]
fn names_that_browsers_do_not_protect_are_refused() {
    for name in [
        "",
        "session",
        "__Host-",
        "__Secure-session",
        "__host-session",
        "__Host-a b",
        "__Host-a;b",
        "__Host-a=b",
        " __Host-a",
        "__Host-\u{e9}",
        "__Host-a\r\nx: y",
    ] {
        let error = SessionCookie::new(name, OWN).unwrap_err();
        assert!(matches!(error, CookieError::Name(_)), "{name:?}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(host_cookie(name, "a", Duration::ZERO).is_err(), "{name:?}");
    }
    let long = format!("__Host-{}", "a".repeat(65));
    assert!(SessionCookie::new(&long, OWN).is_err());
    let error = SessionCookie::new("session", OWN).unwrap_err();
    assert!(error.to_string().contains("`__Host-session`"), "{error}");
}

#[test]
fn guards_with_different_cookies_do_not_share_a_path() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let reading = guard.with_cookie(cookie());
    let join = |one: &Guard, two: &Guard| {
        let one = GuardedRouter::<()>::new(one.clone()).route("/", get(greet));
        let two = GuardedRouter::new(two.clone()).route("/", rolecall::routing::post(greet));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one.merge(two))).is_ok()
    };
    assert!(join(&guard, &guard.clone()) && join(&reading, &guard.with_cookie(cookie())));
    assert!(!join(&guard, &reading));
    // a guard with fixed keys has a cookie in the same way
    let fixed = fixed(&issuer).build().unwrap().with_cookie(cookie());
    assert!(fixed.set_cookie(&issuer.token("alice").sign()).is_ok());
    assert!(admin(&issuer).is_some());
}

proptest! {
    #[test]
    fn no_cookie_header_makes_parsing_panic(values in prop::collection::vec(prop::collection::vec(prop::num::u8::ANY, 0..80), 0..4)) {
        let mut headers = http::HeaderMap::new();
        for value in values {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                headers.append(COOKIE, value);
            }
        }
        let _ = find(&headers, NAME);
    }

    /// Compared with a reader that is written in another way.
    #[test]
    fn the_cookie_is_found_among_others(pairs in prop::collection::vec(("(a|__Host-session|__host-session|b c)", "[a-z=.\"]{0,4}", "[ \t]{0,2}"), 0..6)) {
        let text: Vec<String> = pairs.iter().map(|(name, value, space)| format!("{space}{name}{space}={value}{space}")).collect();
        let mut headers = http::HeaderMap::new();
        headers.insert(COOKIE, text.join(";").parse().unwrap());
        let values: Vec<&str> = pairs.iter().filter(|(name, ..)| name == NAME).map(|(_, value, _)| value.as_str()).collect();
        let expected = match values[..] {
            [] | [""] => Ok(None),
            [value] if value.contains('"') => Err(Denial::InvalidToken),
            [value] => Ok(Some(value)),
            _ => Err(Denial::TwoCredentials),
        };
        prop_assert_eq!(find(&headers, NAME), expected);
    }

    #[test]
    fn what_is_set_is_found(value in "[A-Za-z0-9._~+/=-]{1,100}") {
        let header = host_cookie(NAME, &value, Duration::from_secs(1)).unwrap();
        let pair = header.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = http::HeaderMap::new();
        headers.insert(COOKIE, pair.parse().unwrap());
        prop_assert_eq!(find(&headers, NAME), Ok(Some(value.as_str())));
    }

    #[test]
    fn no_value_adds_an_attribute(value in ".{0,40}") {
        if let Ok(header) = host_cookie(NAME, &value, Duration::from_secs(1)) {
            prop_assert_eq!(header.to_str().unwrap().split(';').count(), 6);
        }
    }
}
