//! Raw requests over a socket, which an HTTP library would not send.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use rolecall::{GuardedRouter, Require, routing::get, testing::TestIssuer};
use tokio::net::TcpListener;

use crate::role;

async fn secret(_: Require<role::Admin>) -> &'static str {
    "the secret"
}

/// Sends bytes unchanged and reads the whole response.
async fn raw(app: &axum::Router, request: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let request = request.to_vec();
    let exchange = move || {
        let mut socket = TcpStream::connect(address)?;
        socket.write_all(&request)?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
    server.abort();
    String::from_utf8_lossy(&answer.unwrap()).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn with(start: &str, headers: &[&[u8]]) -> Vec<u8> {
    let mut request =
        format!("{start}\r\nHost: items.invalid\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

struct Wire {
    app: axum::Router,
    good: String,
}

fn wire() -> Wire {
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/items/", get(secret))
        .into_axum();
    let good = issuer.token("boss").role::<role::Admin>().sign();
    Wire { app, good }
}

#[tokio::test]
async fn o091_only_valid_spellings_of_the_header_are_accepted() {
    let Wire { app, good } = wire();
    let line = |name: &str, value: &str| format!("{name}: {value}").into_bytes();
    let bearer = format!("Bearer {good}");
    let cases: [(&str, Vec<Vec<u8>>); 12] = [
        ("200", vec![line("Authorization", &bearer)]),
        (
            "200",
            vec![line("AUTHORIZATION", &format!("bearer   {good}  "))],
        ),
        ("401", vec![]),
        ("401", vec![line("Authorisation", &bearer)]),
        ("401", vec![line("Proxy-Authorization", &bearer)]),
        (
            "401",
            vec![line(
                "Cookie",
                &format!("access_token={good}; Authorization={good}"),
            )],
        ),
        (
            "401",
            vec![line(
                "Authorization",
                &format!("Bearer {good}, Bearer {good}"),
            )],
        ),
        (
            "401",
            vec![line("Authorization", &format!("Bearer \u{e9}{good}"))],
        ),
        (
            "400",
            vec![
                line("Authorization", &bearer),
                line("authorization", &bearer),
            ],
        ),
        (
            "400",
            vec![
                line("Authorization", &bearer),
                line("Authorization", "Basic YTpi"),
            ],
        ),
        // folded over two lines, and with a NUL
        (
            "400",
            vec![
                line("Authorization", "Bearer"),
                format!(" {good}").into_bytes(),
            ],
        ),
        (
            "400",
            vec![line("Authorization", &format!("Bearer {good}\0"))],
        ),
    ];
    for (expected, headers) in cases {
        let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
        let answer = raw(&app, &with("GET /items/ HTTP/1.1", &headers)).await;
        assert_eq!(status(&answer), expected, "{headers:?}\n{answer}");
        assert_eq!(answer.contains("the secret"), expected == "200", "{answer}");
    }
}

#[tokio::test]
async fn no_request_line_reaches_the_handler_without_a_token() {
    let Wire { app, good } = wire();
    for start in [
        "GET /items/ HTTP/1.1",
        "GET /items/ HTTP/1.0",
        "GET http://other.invalid/items/ HTTP/1.1",
        "GET //items/ HTTP/1.1",
        "GET /items/../items/ HTTP/1.1",
        "GET /items%2f HTTP/1.1",
        "GET /items/#x HTTP/1.1",
        "get /items/ HTTP/1.1",
        "TRACE /items/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "OPTIONS /items/ HTTP/1.1",
        "CONNECT items.invalid:80 HTTP/1.1",
        "PRI * HTTP/1.1",
        "GET\t/items/ HTTP/1.1",
        "GET  /items/ HTTP/1.1",
    ] {
        let answer = raw(&app, &with(start, &[])).await;
        assert!(
            matches!(status(&answer), "400" | "401" | "404" | "405" | "none"),
            "{start}\n{answer}"
        );
        assert!(!answer.contains("the secret"), "{start}\n{answer}");
    }
    let bearer = format!("Authorization: Bearer {good}");
    let answer = raw(&app, &with("HEAD /items/ HTTP/1.1", &[bearer.as_bytes()])).await;
    assert_eq!(status(&answer), "200");
    assert!(
        answer.ends_with("\r\n\r\n") && !answer.contains("the secret"),
        "{answer}"
    );
    let answer = raw(&app, &with("TRACE /items/ HTTP/1.1", &[bearer.as_bytes()])).await;
    assert_eq!(status(&answer), "405");
    assert!(!answer.contains(&good), "the request is not echoed");
}
