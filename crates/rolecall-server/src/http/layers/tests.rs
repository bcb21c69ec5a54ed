use std::net::IpAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::{get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD,
    ALLOW, LOCATION, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{Method, Request as HttpRequest};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

const APP: &str = "https://app.example.com";

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/echo",
            post(|body: axum::body::Bytes| async move { body.len().to_string() }),
        )
        .route(
            "/json",
            post(|Json(value): Json<Value>| async move { Json(value) }),
        )
        .route("/panic", get(panicking))
        .route(
            "/number/{n}",
            get(|Path(n): Path<u8>| async move { n.to_string() }),
        )
        .route(
            "/client",
            get(|client: ClientAddress| async move { client.to_string() }),
        )
        .route("/own", get(own_headers))
        .route(
            "/gone",
            get(|| async { (StatusCode::GONE, Json(json!({"mine": 1}))) }),
        )
}

async fn panicking() -> String {
    panic!("canary-in-a-panic")
}

async fn own_headers() -> Response {
    let mut response = "x".into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
        .extensions_mut()
        .insert(LoggedSubject("subject-7".to_owned()));
    response
}

fn options() -> LayerOptions {
    LayerOptions {
        cors: CorsOrigins {
            exact: vec![APP.to_owned()],
            loopback: false,
        },
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..LayerOptions::default()
    }
}

async fn send(request: HttpRequest<Body>) -> Response {
    wrap(routes(), options()).oneshot(request).await.unwrap()
}

fn request(method: Method, path: &str) -> http::request::Builder {
    HttpRequest::builder().method(method).uri(path)
}

async fn get_path(path: &str) -> Response {
    send(request(Method::GET, path).body(Body::empty()).unwrap()).await
}

async fn body(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    serde_json::from_str(&body(response).await).unwrap()
}

#[tokio::test]
async fn every_answer_has_a_generated_id_and_security_headers() {
    let mut seen = std::collections::HashSet::new();
    for path in ["/", "/nowhere", "/panic", "/number/x", "/gone"] {
        let mine = request(Method::GET, path).header("x-request-id", "chosen-by-client");
        let response = send(mine.body(Body::empty()).unwrap()).await;
        let headers = response.headers();
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id.len(), 16, "{id}");
        assert!(seen.insert(id), "the same id twice");
        assert_eq!(headers.get_all("x-request-id").iter().count(), 1);
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert!(
            headers[CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
    }
}

#[tokio::test]
async fn headers_that_a_handler_sets_stay() {
    let response = get_path("/own").await;
    assert_eq!(
        response.headers()[CONTENT_SECURITY_POLICY],
        "default-src 'self'"
    );
    assert_eq!(response.headers()[CACHE_CONTROL], "max-age=300");
    assert_eq!(response.headers().get_all(CACHE_CONTROL).iter().count(), 1);
}

#[tokio::test]
async fn a_panic_is_a_500_without_its_message() {
    let response = get_path("/panic").await;
    assert_eq!(response.status(), 500);
    let problem = problem(response).await;
    assert_eq!(problem["type"], "urn:rolecall:problem:internal");
    assert!(!problem.to_string().contains("canary"));
}

#[tokio::test]
async fn errors_of_libraries_become_problems_and_keep_their_headers() {
    let missing = get_path("/nowhere").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(problem(missing).await["status"], 404);

    let method = send(request(Method::DELETE, "/").body(Body::empty()).unwrap()).await;
    assert_eq!(method.status(), 405);
    assert_eq!(method.headers()[ALLOW], "GET,HEAD");
    assert_eq!(
        problem(method).await["type"],
        "urn:rolecall:problem:method_not_allowed"
    );

    let number = get_path("/number/x").await;
    assert_eq!(number.status(), 400);
    let text = problem(number).await.to_string();
    assert!(!text.contains("u8"), "{text}");

    let json = request(Method::POST, "/json").header(CONTENT_TYPE, "application/json");
    let json = send(json.body(Body::from("{")).unwrap()).await;
    assert_eq!(json.status(), 400);
    problem(json).await;
}

#[tokio::test]
async fn an_error_with_a_body_of_its_own_is_not_replaced() {
    let response = get_path("/gone").await;
    assert_eq!(response.status(), 410);
    assert_eq!(body(response).await, r#"{"mine":1}"#);
}

#[tokio::test]
async fn x072_a_body_over_the_limit_is_refused_announced_or_not() {
    let post = |length: usize, announced: bool| async move {
        let request = request(Method::POST, "/echo");
        let request = if announced {
            request.header(CONTENT_LENGTH, length)
        } else {
            request
        };
        let frames = unsized_body(vec![b'x'; length]);
        send(request.body(frames).unwrap()).await
    };
    for announced in [true, false] {
        let fits = post(MAX_BODY_BYTES, announced).await;
        assert_eq!(body(fits).await, "65536");
        let refused = post(MAX_BODY_BYTES + 1, announced).await;
        assert_eq!(refused.status(), 413);
        assert_eq!(
            problem(refused).await["type"],
            "urn:rolecall:problem:body_too_large"
        );
    }
    let huge = request(Method::POST, "/echo").header(CONTENT_LENGTH, u64::MAX);
    assert_eq!(send(huge.body(Body::empty()).unwrap()).await.status(), 413);
}

/// Returns a body without a known length.
fn unsized_body(bytes: Vec<u8>) -> Body {
    struct Unsized(Option<Vec<u8>>);
    impl hyper::body::Body for Unsized {
        type Data = hyper::body::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            let bytes = self.0.take();
            std::task::Poll::Ready(bytes.map(|bytes| Ok(hyper::body::Frame::data(bytes.into()))))
        }
    }
    Body::new(Unsized(Some(bytes)))
}

#[tokio::test]
async fn x080_only_trusted_proxies_can_name_the_client() {
    for (peer, client) in [
        ("203.0.113.9:1", "203.0.113.9"),
        ("10.0.0.1:1", "198.51.100.1"),
    ] {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = request(Method::GET, "/client")
            .header("x-forwarded-for", "198.51.100.1")
            .extension(ConnectInfo(peer));
        assert_eq!(
            body(send(request.body(Body::empty()).unwrap()).await).await,
            client
        );
    }
    assert_eq!(body(get_path("/client").await).await, "0.0.0.0");
    let peer = ConnectInfo(SocketAddr::from((IpAddr::from([203, 0, 113, 9]), 1)));
    let bare = request(Method::GET, "/client")
        .extension(peer)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        body(routes().oneshot(bare).await.unwrap()).await,
        "203.0.113.9"
    );
}

fn cross_origin(method: Method, origin: &str, preflight: bool) -> HttpRequest<Body> {
    let request = request(method, "/").header(ORIGIN, origin);
    let request = if preflight {
        request.header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
    } else {
        request
    };
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_allowed_origin_may_call_and_read_the_headers_it_needs() {
    let response = send(cross_origin(Method::OPTIONS, APP, true)).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    assert_eq!(
        response.headers()["access-control-allow-headers"],
        "authorization, content-type, if-match, rolecall-device"
    );
    let response = send(cross_origin(Method::GET, APP, false)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], APP);
    assert_eq!(response.headers()[VARY], "origin");
    assert!(
        !response
            .headers()
            .contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS)
    );
    let exposed = response.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    for name in [WWW_AUTHENTICATE, LOCATION, RETRY_AFTER, X_REQUEST_ID] {
        assert!(exposed.contains(name.as_str()), "{name}");
    }
}

#[tokio::test]
async fn other_origins_get_no_cors_headers_and_options_stays_405() {
    for (method, preflight, status) in [
        (Method::OPTIONS, true, 405),
        (Method::OPTIONS, false, 405),
        (Method::GET, false, 200),
    ] {
        for origin in ["https://evil.test", "null", "http://localhost:3000"] {
            let response = send(cross_origin(method.clone(), origin, preflight)).await;
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
            assert_eq!(response.headers()[VARY], "origin");
        }
    }
    let own = send(cross_origin(Method::OPTIONS, APP, false)).await;
    assert_eq!(
        own.status(),
        405,
        "OPTIONS without a preflight was answered"
    );
}

#[tokio::test]
async fn without_configured_origins_there_is_no_cors() {
    let app = wrap(routes(), LayerOptions::default());
    let response = app
        .oneshot(cross_origin(Method::GET, APP, false))
        .await
        .unwrap();
    assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    assert!(!response.headers().contains_key(VARY));
}

#[test]
fn x069_the_log_line_names_route_and_subject_and_never_query_headers_or_body() {
    let output = crate::logging::testing::logged(true, "info", || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            for path in [
                "/own?token=canary",
                "/number/7?x=canary",
                "/nowhere?y=canary",
                "/panic?z=canary",
            ] {
                let request = request(Method::GET, path)
                    .header("authorization", "Bearer canary")
                    .header("cookie", "session=canary");
                send(request.body(Body::from("canary")).unwrap()).await;
            }
        });
    });
    assert!(!output.contains("canary"), "{output}");
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == "request")
        .collect();
    let fields = |at: usize| lines[at].clone();
    assert_eq!(lines.len(), 4, "{output}");
    assert_eq!(fields(0)["subject"], "subject-7");
    assert_eq!(fields(1)["path"], "/number/{n}");
    assert_eq!(fields(2)["path"], "/nowhere");
    assert_eq!(fields(3)["status"], 500);
    assert_eq!(fields(0)["method"], "GET");
    assert_eq!(lines[0]["span"]["id"].as_str().unwrap().len(), 16);
}

mod application {
    use axum::response::Html;
    use http::header::LAST_MODIFIED;

    use super::*;

    /// The answers of an application, which uses the security headers that it needs.
    fn application() -> Router {
        let page = |policy: Option<&'static str>, frames: Option<&'static str>| {
            get(move || async move {
                let mut response = Html("<script src=app.js></script>").into_response();
                let headers = response.headers_mut();
                let policy = policy.map(|policy| (CONTENT_SECURITY_POLICY, policy));
                let frames = frames.map(|frames| (X_FRAME_OPTIONS, frames));
                for (name, value) in policy.into_iter().chain(frames) {
                    headers.insert(name, HeaderValue::from_static(value));
                }
                response
            })
        };
        let kind = |kind: &'static str| get(move || async move { [(CONTENT_TYPE, kind)] });
        routes()
            .route("/page", page(None, None))
            .route("/own-page", page(Some("default-src 'self'"), None))
            .route(
                "/framed",
                page(Some("frame-ancestors https://a.example"), None),
            )
            .route("/old-frame", page(None, Some("SAMEORIGIN")))
            .route("/drawing", kind("image/svg+xml"))
            .route("/xhtml", kind("Application/XHTML+xml; charset=utf-8"))
            .route("/picture", kind("image/png"))
            .route(
                "/file",
                get(|| async { [(LAST_MODIFIED, "Sat, 28 Nov 2026 00:00:00 GMT")] }),
            )
            .route(
                "/refused",
                get(|| async { (StatusCode::CONFLICT, "my words") }),
            )
            .route("/empty", get(|| async { StatusCode::NOT_FOUND }))
    }

    async fn send(request: HttpRequest<Body>) -> Response {
        let options = LayerOptions {
            application: true,
            max_body_bytes: usize::MAX,
            ..LayerOptions::default()
        };
        wrap(application(), options).oneshot(request).await.unwrap()
    }

    async fn get_path(path: &str) -> Response {
        send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn pages_load_what_they_contain_and_other_answers_nothing() {
        for (path, policy, frames) in [
            ("/page", NO_FRAMES, Some("DENY")),
            ("/own-page", "default-src 'self'", Some("DENY")),
            ("/framed", "frame-ancestors https://a.example", None),
            ("/old-frame", NO_FRAMES, Some("SAMEORIGIN")),
            ("/drawing", NO_FRAMES, Some("DENY")),
            ("/xhtml", NO_FRAMES, Some("DENY")),
            ("/picture", LOAD_NOTHING, Some("DENY")),
            ("/", LOAD_NOTHING, Some("DENY")),
            ("/gone", LOAD_NOTHING, Some("DENY")),
            ("/nowhere", LOAD_NOTHING, Some("DENY")),
        ] {
            let response = get_path(path).await;
            let headers = response.headers();
            assert_eq!(headers[CONTENT_SECURITY_POLICY], policy, "{path}");
            let found = headers.get(X_FRAME_OPTIONS);
            let found = found.map(|value| value.to_str().unwrap());
            assert_eq!(found, frames, "{path}");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            let is_page = policy != LOAD_NOTHING;
            let referrer = if is_page {
                "same-origin"
            } else {
                "no-referrer"
            };
            assert_eq!(headers[REFERRER_POLICY], referrer, "{path}");
        }
    }

    #[tokio::test]
    async fn only_an_answer_with_a_validator_may_be_cached() {
        for (path, expected) in [
            ("/page", Some("no-store")),
            ("/own", Some("max-age=300")),
            ("/file", None),
            ("/gone", Some("no-store")),
        ] {
            let response = get_path(path).await;
            let found = response.headers().get(CACHE_CONTROL);
            let found = found.map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn errors_keep_the_words_of_the_application() {
        let refused = get_path("/refused").await;
        assert_eq!(refused.status(), 409);
        assert_eq!(body(refused).await, "my words");
        let empty = get_path("/empty").await;
        assert_eq!(empty.status(), 404);
        assert_eq!(body(empty).await, "");
        // a panic has none
        let panic = get_path("/panic").await;
        assert_eq!(panic.status(), 500);
        assert_eq!(
            problem(panic).await["type"],
            "urn:rolecall:problem:internal"
        );
    }

    #[tokio::test]
    async fn bodies_have_the_limits_of_their_routes() {
        let post = |length: usize| {
            let request = request(Method::POST, "/echo");
            send(request.body(unsized_body(vec![b'x'; length])).unwrap())
        };
        // axum's own limit is 2 MB
        assert_eq!(body(post(1024 * 1024).await).await, "1048576");
        assert_eq!(post(3 * 1024 * 1024).await.status(), 413);
    }

    #[tokio::test]
    async fn the_rules_of_a_path_also_hold_below_a_prefix() {
        static HEADERS: [HeaderName; 1] = [HeaderName::from_static("x-mark")];
        let rule = PathRule {
            path: "/own",
            max_body_bytes: 0,
            headers: &HEADERS,
            answer: None,
        };
        for (application, path, is_marked) in [
            (true, "/own", true),
            (true, "/auth/own", true),
            (true, "/disown", false),
            (true, "/own/more", false),
            (false, "/own", true),
            (false, "/auth/own", false),
        ] {
            let options = LayerOptions {
                application,
                paths: vec![rule],
                ..LayerOptions::default()
            };
            let request = request(Method::GET, path).body(Body::empty()).unwrap();
            let response = wrap(routes(), options).oneshot(request).await.unwrap();
            let marked = response.headers().contains_key("x-mark");
            assert_eq!(marked, is_marked, "{path} {application}");
        }
    }
}
