//! An application behind `Server`, over real connections: what it brings along stays as it is.

use std::net::SocketAddr;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use rolecall::{Authenticated, GuardedRouter, Public, routing};
use rolecall_server::{Embedded, Server, http::ClientAddress};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::{Database, PASSWORD, START, builder_at};

const UPLOAD_LIMIT: usize = 50 * 1024 * 1024;

/// Answers a WebSocket handshake (RFC 6455 section 4.2.2), and sends every frame back.
async fn echo(caller: Authenticated, mut request: Request) -> Response {
    let key = request.headers()["sec-websocket-key"].as_bytes();
    let accept = accept_for(key);
    let greeting = caller.username().to_owned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        stream.write_all(&frame(greeting.as_bytes())).await.unwrap();
        while let Some(text) = read_frame(&mut stream).await {
            stream.write_all(&frame(&text)).await.unwrap();
        }
        // the end of the connection, or of the server: a close frame with "going away"
        let _ = stream.write_all(&[0x88, 2, 0x03, 0xe9]).await;
    });
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn accept_for(key: &[u8]) -> String {
    let text = [key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
}

/// A text frame of a server (RFC 6455 section 5.2), for texts of up to 125 bytes.
fn frame(text: &[u8]) -> Vec<u8> {
    let head = [0x81, u8::try_from(text.len()).unwrap()];
    [&head, text].concat()
}

/// A text frame of a client, which is masked.
fn masked_frame(text: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let head = [0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    let masked = text
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask);
    head.into_iter().chain(mask).chain(masked).collect()
}

/// Reads a text frame; `None` at the end of the connection.
async fn read_frame(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head[0], 0x81, "one whole text");
    let mut mask = [0; 4];
    if head[1] & 0x80 != 0 {
        stream.read_exact(&mut mask).await.ok()?;
    }
    let mut text = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut text).await.ok()?;
    let unmasked = text
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask);
    Some(unmasked.collect())
}

async fn upload(_: Public, body: Bytes) -> String {
    body.len().to_string()
}

async fn show_page(_: Public) -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, "script-src 'nonce-own'")];
    (policy, Html("<script nonce=own></script>")).into_response()
}

async fn refuse(_: Public) -> (StatusCode, Json<Value>) {
    (StatusCode::CONFLICT, Json(json!({ "code": 7 })))
}

async fn parse(_: Public, Json(body): Json<Value>) -> Json<Value> {
    Json(body)
}

async fn show_client(_: Public, client: ClientAddress) -> String {
    client.to_string()
}

fn application(login: &Embedded) -> Router {
    let large = routing::post(upload).layer(DefaultBodyLimit::max(UPLOAD_LIMIT));
    GuardedRouter::new(login.guard())
        .route("/socket", routing::get(echo))
        .route("/upload", large)
        .route("/small", routing::post(upload))
        .route("/page", routing::get(show_page))
        .route("/refused", routing::get(refuse))
        .route("/parse", routing::post(parse))
        .route("/client", routing::get(show_client))
        .merge(login.routes().unwrap())
        .into_axum()
}

/// An application with rolecall in it on a port of its own.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    login: Embedded,
    _db: Database,
}

impl Running {
    async fn start(configure: impl FnOnce(Server) -> Server) -> Self {
        let db = Database::sqlite();
        let clock = rolecall::ManualClock::at(START);
        let login = builder_at(&db.url, &clock).open().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = configure(Server::new(application(&login)));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.serve_until(listener, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
            login,
            _db: db,
        }
    }

    /// Sends a request with `connection: close`; returns the head and the body of the answer.
    async fn send(&self, head: &str, body: &[u8]) -> (String, String) {
        exchange(self.address, head, body).await
    }

    async fn log_in(&self) -> String {
        let form = format!("grant_type=password&username=admin&password={PASSWORD}");
        let form = form.replace(' ', "+");
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        let (head, body) = self
            .send(&format!("POST /token HTTP/1.1\r\n{kind}"), form.as_bytes())
            .await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }
}

async fn exchange(address: SocketAddr, head: &str, body: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{head}host: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // the server may refuse before all of it is sent
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

/// Opens a WebSocket; returns the stream and the head of the answer.
async fn open_socket(address: SocketAddr, token: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // the key of the example in RFC 6455 section 1.3
    let request = format!(
        "GET /socket HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{token}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    (stream, head)
}

#[tokio::test]
async fn a_websocket_is_guarded_and_ends_with_the_server() {
    let app = Running::start(|server| server).await;
    let (_, refused) = open_socket(app.address, "").await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let token = app.log_in().await;
    let bearer = format!("authorization: Bearer {token}\r\n");
    let (mut socket, head) = open_socket(app.address, &bearer).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    assert_eq!(read_frame(&mut socket).await.unwrap(), b"admin");
    for text in [&b"one"[..], b"", &[b'x'; 125]] {
        socket.write_all(&masked_frame(text)).await.unwrap();
        assert_eq!(read_frame(&mut socket).await.unwrap(), text);
    }
    app.stop.send(()).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [0x88, 2, 0x03, 0xe9]);
    app.task.await.unwrap();
}

#[tokio::test]
async fn each_route_has_its_own_limit_on_bodies() {
    let app = Running::start(|server| server).await;
    let large = vec![b'x'; 20 * 1024 * 1024];
    let (head, body) = app.send("POST /upload HTTP/1.1\r\n", &large).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, large.len().to_string());
    // axum's extractors take 2 MB unless a layer says otherwise
    let (head, _) = app
        .send("POST /small HTTP/1.1\r\n", &large[..3_000_000])
        .await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    // rolecall's own routes stay at 64 KiB
    let kind = "content-type: application/json\r\n";
    let (head, body) = app
        .send(
            &format!("POST /register HTTP/1.1\r\n{kind}"),
            &large[..70_000],
        )
        .await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}{body}");
    assert!(head.contains("application/problem+json"), "{head}");
}

/// Reads one answer, which is never compressed, from a connection that stays; returns its head.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    let lower = head.to_lowercase();
    let (_, length) = lower.split_once("content-length: ").unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    lower
}

#[tokio::test]
async fn y503_the_body_of_a_refused_request_ends_no_connection_unsaid() {
    let app = Running::start(|server| server).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for (target, status) in [
        ("POST /api/users", "401"),
        ("POST /nowhere", "404"),
        ("PUT /token", "405"),
        ("POST /refused", "405"),
    ] {
        // most clients send the body by itself, when the answer may be on its way
        let head = format!("{target} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"body").await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    for head in [
        "content-length: 4\r\n",
        "content-length: 4\r\nexpect: 100-continue\r\n",
    ] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = format!("POST /api/users HTTP/1.1\r\nhost: x\r\n{head}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // the body never comes
        let answer = read_answer(&mut stream).await;
        assert!(
            answer.starts_with("http/1.1 401 ") && answer.contains("connection: close"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_limit_for_all_routes_comes_first() {
    let app = Running::start(|server| server.body_limit(1000)).await;
    let (head, _) = app.send("POST /upload HTTP/1.1\r\n", &[b'x'; 1000]).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let (head, _) = app.send("POST /upload HTTP/1.1\r\n", &[b'x'; 1001]).await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
}

#[tokio::test]
async fn pages_and_errors_of_the_application_stay_as_they_are() {
    let app = Running::start(|server| server).await;
    let (head, _) = app.send("GET /page HTTP/1.1\r\n", b"").await;
    assert_eq!(head.matches("content-security-policy").count(), 1, "{head}");
    assert!(head.contains("script-src 'nonce-own'"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    let (head, body) = app.send("GET /refused HTTP/1.1\r\n", b"").await;
    assert!(head.starts_with("HTTP/1.1 409 "), "{head}");
    assert_eq!(body, r#"{"code":7}"#);
    let kind = "content-type: application/json\r\n";
    let parse = format!("POST /parse HTTP/1.1\r\n{kind}");
    let (head, body) = app.send(&parse, b"{").await;
    assert!(head.contains("text/plain"), "{head}");
    assert!(body.starts_with("Failed to parse"), "{body}");
    // rolecall's own routes describe theirs
    let (head, body) = app.send("GET /docs/%ff HTTP/1.1\r\n", b"").await;
    assert!(head.contains("application/problem+json"), "{head}{body}");
}

#[tokio::test]
async fn the_client_of_a_request_is_known_in_both_ways_to_serve() {
    let app = Running::start(|server| server).await;
    let peer = |answer: (String, String)| answer.1;
    let get = "GET /client HTTP/1.1\r\n";
    assert_eq!(peer(app.send(get, b"").await), "127.0.0.1");
    let forwarded = format!("{get}x-forwarded-for: 198.51.100.1\r\n");
    assert_eq!(peer(app.send(&forwarded, b"").await), "127.0.0.1");
    let trusting =
        Running::start(|server| server.trusted_proxy("127.0.0.0/8".parse().unwrap())).await;
    assert_eq!(peer(trusting.send(&forwarded, b"").await), "198.51.100.1");

    // the same through `axum::serve`
    let serve = async |with_address: bool| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = application(&app.login);
        let task = if with_address {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() })
        } else {
            tokio::spawn(async move { axum::serve(listener, app).await.unwrap() })
        };
        let answer = exchange(address, get, b"").await;
        task.abort();
        // chunks have their length in front
        answer.1
    };
    assert_eq!(serve(true).await, "127.0.0.1");
    assert_eq!(serve(false).await, "0.0.0.0");
}

#[tokio::test]
async fn a_page_of_another_origin_may_call_where_it_is_allowed() {
    let app = Running::start(|server| server.allowed_origin("https://app.example")).await;
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
    ] {
        let request = format!("GET /client HTTP/1.1\r\norigin: {origin}\r\n");
        let (head, _) = app.send(&request, b"").await;
        assert_eq!(
            head.contains("access-control-allow-origin"),
            allowed,
            "{head}"
        );
    }
}
