//! Load: connections, memory, file descriptors, and the time of other callers.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::process::Server;
use crate::support::{Database, PASSWORD, TestApp, WRONG, eventually, on_both};

on_both![
    x079_a_flood_gets_429_with_retry_after,
    x082_an_exhausted_pool_answers_503_and_recovers,
    y233_a_change_that_waits_for_another_one_says_so,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x010_a_request_head_that_is_too_large_or_malformed_is_refused() {
    let server = Server::start(Database::sqlite()).await;
    let before = server.status("VmRSS");
    let long = "x".repeat(64 * 1024);
    let many = "x: y\r\n".repeat(1000);
    for (head, statuses) in [
        (format!("authorization: Bearer {long}\r\n"), &["431"][..]),
        (many, &["431"]),
        (format!("{long}: y\r\n"), &["431", "400"]),
        (
            "authorization: Bearer x\r\n folded\r\n".to_owned(),
            &["400"],
        ),
        ("authorization: Bearer x\0y\r\n".to_owned(), &["400"]),
        ("authorization\0: Bearer x\r\n".to_owned(), &["400"]),
        ("authorization: Bearer x\ry\r\n".to_owned(), &["400"]),
    ] {
        for _ in 0..20 {
            let head = format!("GET /api/me HTTP/1.1\r\nhost: x\r\n{head}\r\n");
            let response = server.exchange(head.as_bytes()).await;
            // a reset may arrive before the response was read
            assert!(
                response.is_empty() || statuses.contains(&response.get(9..12).unwrap()),
                "{}: {response}",
                &head[..head.len().min(80)]
            );
        }
    }
    // every byte that a header may contain, as a credential
    for byte in (0x80..=0xff).chain([b'\t', b' ', b'"', 0x7e]) {
        let mut head =
            b"GET /api/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer "
                .to_vec();
        head.extend([b'x', byte, b'x']);
        head.extend(b"\r\n\r\n");
        let response = server.exchange(&head).await;
        assert!(response.starts_with("HTTP/1.1 401 "), "{byte}: {response}");
    }
    let grown = server.status("VmRSS").saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    server.get("/health/live", "").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x025_a_flood_of_logins_takes_bounded_memory() {
    let proxy = [("ROLECALL_PROXY__TRUSTED", "127.0.0.1/32")];
    let server = Server::start_with(Database::sqlite(), "", &proxy).await;
    let names: Vec<String> = (0..500).map(|number| format!("guess{number}")).collect();
    let mut connections = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let body = format!("grant_type=password&username={name}&password=x");
        let mut stream = server.connect().await;
        let head = "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\nconnection: close\r\n";
        let request = format!(
            "{head}x-forwarded-for: 10.0.{}.{}\r\ncontent-length: {}\r\n\r\n{body}",
            number / 256,
            number % 256,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        connections.push(stream);
    }
    // half of them do not wait for the response
    connections.truncate(250);
    for mut stream in connections {
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let status = response.get(9..12).unwrap();
        assert!(["401", "429", "503"].contains(&status), "{response}");
        assert!(
            status == "401" || response.contains("\r\nretry-after: "),
            "{response}"
        );
    }
    let peak = server.status("VmHWM");
    assert!(peak < 256 * 1024, "{peak} KiB");
    server.get("/health/ready", "").await.is(200);
}

/// A second request that a proxy in front may not have seen.
const SMUGGLED: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

/// Head, body, and the statuses allowed: bodies whose end two parsers may see in different places.
const AMBIGUOUS_BODIES: &[(&str, &str, &[&str])] = &[
    (
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "0\r\n\r\n",
        &["400", "422"],
    ),
    (
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "0\r\n\r\n",
        &["400", "422"],
    ),
    (
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "0\r\n\r\n",
        &["400"],
    ),
    (
        "transfer-encoding:\tchunked\r\n",
        "0\r\n\r\n",
        &["400", "422"],
    ),
    ("transfer-encoding: \x0bchunked\r\n", "0\r\n\r\n", &["400"]),
    ("transfer-encoding : chunked\r\n", "0\r\n\r\n", &["400"]),
    ("transfer-encoding: xchunked\r\n", "0\r\n\r\n", &["400"]),
    (
        "transfer-encoding: chunked, gzip\r\n",
        "0\r\n\r\n",
        &["400"],
    ),
    (
        "transfer-encoding: chunked\r\n",
        "0;a=b;c=\"d\"\r\n\r\n",
        &["400", "422"],
    ),
    ("transfer-encoding: chunked\r\n", "0\n\n", &["400"]),
    (
        "transfer-encoding: chunked\r\n",
        "2\n{}\r\n0\r\n\r\n",
        &["400"],
    ),
    (
        "transfer-encoding: chunked\r\n",
        "2\r\n{}X\r\n0\r\n\r\n",
        &["400"],
    ),
    (
        "transfer-encoding: chunked\r\n",
        "ffffffffffffffffff\r\n{}",
        &["400"],
    ),
    (
        "transfer-encoding: chunked\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        &["400"],
    ),
    (
        "content-length: 2\r\ncontent-length: 3\r\n",
        "{}x",
        &["400"],
    ),
    ("content-length: 2, 3\r\n", "{}x", &["400"]),
    ("content-length: 0x2\r\n", "{}", &["400"]),
    ("content-length: -2\r\n", "{}", &["400"]),
    ("content-length: 2 \r\n\t3\r\n", "{}", &["400"]),
    ("content-length: 99999999999999999999\r\n", "{}", &["400"]),
    ("content-length\n: 2\r\n", "{}", &["400"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x071_no_smuggled_request_is_answered() {
    let server = Server::start(Database::sqlite()).await;
    let post = "POST /register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for (head, body, statuses) in AMBIGUOUS_BODIES {
        let bytes = format!("{post}{head}\r\n{body}{SMUGGLED}");
        let response = server.exchange(bytes.as_bytes()).await;
        assert_eq!(
            response.matches("HTTP/1.1 ").count(),
            1,
            "{head:?} {body:?}: {response}"
        );
        assert!(
            statuses.contains(&response.get(9..12).unwrap()),
            "{head:?} {body:?}: {response}"
        );
    }
    // HTTP/1.0 has no chunks
    let old =
        format!("POST /register HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    let response = server.exchange(old.as_bytes()).await;
    assert!(
        response.starts_with("HTTP/1.1 400 ") || response.starts_with("HTTP/1.0 400 "),
        "{response}"
    );
    // an honest chunked body is read whole
    let good = format!("{post}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n");
    assert!(
        server
            .exchange(good.as_bytes())
            .await
            .contains("this member is required")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x072_an_endless_body_is_cut_off_at_the_limit() {
    let server = Server::start(Database::sqlite()).await;
    let post = "POST /register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    // a length announced
    let response = server
        .exchange(format!("{post}content-length: 1073741824\r\n\r\n{{").as_bytes())
        .await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    // no length announced: chunks until the server gives up
    let mut stream = server.connect().await;
    let head = format!("{post}transfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "still accepted after {sent} bytes");
    }
    // shorter than announced
    let mut stream = server.connect().await;
    let half = format!("{post}content-length: 100\r\n\r\n{{}}");
    stream.write_all(half.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut response = String::new();
    let _ = stream.read_to_string(&mut response).await;
    assert!(!response.starts_with("HTTP/1.1 2"), "{response}");
    // compressed: it is not decompressed, so it is not JSON. The bytes are `{}` in gzip
    let packed =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00";
    let mut request = format!(
        "{post}connection: close\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    request.extend(packed);
    let response = server.exchange(&request).await;
    assert!(
        response.starts_with("HTTP/1.1 400 ") || response.starts_with("HTTP/1.1 415 "),
        "{response}"
    );
    server.get("/health/live", "").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x077_hundreds_of_idle_connections_do_not_stop_the_service() {
    let server = Server::start(Database::sqlite()).await;
    let mut idle = Vec::new();
    for number in 0..600 {
        let mut stream = server.connect().await;
        let partial = [
            &b""[..],
            b"G",
            b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n",
        ];
        stream.write_all(partial[number % 3]).await.unwrap();
        idle.push(stream);
    }
    let token = server.admin().await;
    for _ in 0..20 {
        server.get("/api/me", &token).await.is(200);
    }
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x078_http_2_is_not_supported() {
    let server = Server::start(Database::sqlite()).await;
    // the preface of a client with prior knowledge (RFC 9113 section 3.3), and an empty SETTINGS frame
    let response = server
        .exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 4"),
        "{response:?}"
    );
    // and there is no upgrade to it
    let upgrade = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";
    let response = server.exchange(upgrade.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y118_a_node_that_was_asked_to_stop_is_not_ready_but_answers_until_the_delay_has_passed() {
    let delay = [("ROLECALL_CONNECTIONS__DRAIN_DELAY", "5m")];
    let server = Server::start_with(Database::sqlite(), "", &delay).await;
    server.get("/health/ready", "").await.is(200);
    server.ask_to_stop();
    eventually("it is not ready", async || {
        server.get("/health/ready", "").await.status == 503
    })
    .await;
    let reply = server.get("/health/ready", "").await;
    assert!(reply.text.contains("about to stop"), "{}", reply.text);
    server.get("/health/live", "").await.is(200);
    server.log_in("root", PASSWORD).await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x082_exhausted_descriptors_leave_open_connections_working_and_the_server_recovers() {
    let server = Server::start_with(Database::sqlite(), "ulimit -n 64;", &[]).await;
    let token = server.admin().await;
    let mut kept = server.connect().await;
    let request =
        format!("GET /api/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut send_again = async || {
        kept.write_all(request.as_bytes()).await.unwrap();
        let mut response = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(20), kept.read(&mut response)).await;
        response.truncate(read.unwrap().unwrap());
        String::from_utf8(response).unwrap()
    };
    assert!(send_again().await.starts_with("HTTP/1.1 200 "));
    // twice the descriptors, but no more than the system queues: beyond that, connecting takes seconds
    let mut others = Vec::new();
    for _ in 0..128 {
        others.push(server.connect().await);
    }
    for _ in 0..20 {
        let response = send_again().await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
    drop(others);
    eventually("the server accepts connections again", async || {
        server.get("/health/ready", "").await.status == 200
    })
    .await;
    server.log_in("root", PASSWORD).await.is(200);
}

async fn x079_a_flood_gets_429_with_retry_after(app: TestApp) {
    let address = "2001:db8:7::1";
    let mut last = None;
    for number in 0..80 {
        let username = format!("guess{number}");
        let request = app.request(http::Method::POST, "/token").peer(address);
        let long = "x".repeat(2_000);
        // too long to be hashed: only the counting matters here
        let form = [
            ("grant_type", "password"),
            ("username", username.as_str()),
            ("password", &long),
        ];
        last = Some(request.form(&form).send().await);
    }
    let last = last.unwrap();
    last.oauth_error(429, "temporarily_unavailable");
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    for path in ["/register", "/password"] {
        let mut statuses = Vec::new();
        for _ in 0..40 {
            let request = app.request(http::Method::POST, path).peer(address);
            let body = json!({ "username": "bob", "password": "short" });
            let body = if path == "/register" {
                body
            } else {
                json!({ "username": "bob", "current_password": WRONG, "new_password": "x" })
            };
            statuses.push(request.json(&body).send().await);
        }
        let last = statuses.last().unwrap();
        last.is(429);
        assert!(last.header("retry-after").is_some());
    }
    // callers from elsewhere are not slowed
    app.log_in("admin").await;
}

async fn y233_a_change_that_waits_for_another_one_says_so(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    let held = app.db.lock_head().await;
    let path = format!("/api/users/{alice}/sessions");
    let refused = app.delete(&path, admin).await;
    refused.problem(503, "another change is being made: try again");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // what only reads goes on
    app.get("/api/users", admin).await.is(200);
    held.release().await;
    app.delete(&path, admin).await.no_content();
}

async fn x082_an_exhausted_pool_answers_503_and_recovers(app: TestApp) {
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    let held = app.db.lock_head().await;
    let responses = {
        let requests = (0..24).map(|_| {
            let request = app.request(http::Method::PUT, &path).token(admin);
            tokio::spawn(request.send())
        });
        let requests: Vec<_> = requests.collect();
        if app.db.is_sqlite() {
            // another process holds the only lock for writes
            eventually("not ready while every write waits", async || {
                app.get("/health/ready", "").await.status == 503
            })
            .await;
        } else {
            // readiness has a connection of its own, and its write waits for no change
            app.get("/health/ready", "").await.is(200);
        }
        eventually("a request is turned away", async || {
            requests.iter().any(tokio::task::JoinHandle::is_finished)
        })
        .await;
        held.release().await;
        let mut responses = Vec::new();
        for request in requests {
            responses.push(request.await.unwrap());
        }
        responses
    };
    let mut refused = 0;
    for response in &responses {
        if response.status == 204 {
            continue;
        }
        refused += 1;
        response.problem(503, "another change is being made: try again");
        assert_eq!(response.header("retry-after"), Some("1"));
    }
    assert!(refused > 0);
    app.get("/health/ready", "").await.is(200);
    app.put(&path, admin).await.no_content();
}
