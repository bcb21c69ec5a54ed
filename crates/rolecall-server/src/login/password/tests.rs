//! The number of hashes that a request costs, whatever is wrong with it: an attacker could measure it or make us pay for it.

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode};
use rolecall::{ManualClock, Timestamp};
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::{
    Embedded,
    http::{LayerOptions, wrap},
    store::query,
};

async fn prove_from(
    app: &App,
    username: &str,
    password: &str,
    address: &str,
) -> Result<Proven, LoginError> {
    let origin = Origin {
        address,
        ..Origin::default()
    };
    let typed = Typed {
        username,
        password,
        origin,
    };
    prove(app, &typed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_come_at_once_are_slowed_like_those_that_come_one_by_one() {
    let server = crate::Embedded::builder("sqlite::memory:")
        .demo_user("alice", "a password of alice", &[])
        .open()
        .await
        .unwrap();
    let app = server.app();
    let before = app.parts().hasher.load().started;
    let guesses: Vec<_> = (0..40)
        .map(|number| {
            let app = app.clone();
            tokio::spawn(async move {
                let guess = format!("a wrong password {number}");
                prove_from(&app, "alice", &guess, "").await
            })
        })
        .collect();
    let mut slowed = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(LoginError::Wrong) => {}
            Err(LoginError::TooMany { .. }) => slowed += 1,
            _ => panic!("wrong or slowed, nothing else"),
        }
    }
    // six fail without a delay; a few more may have begun before the sixth was written down
    let evaluated = app.parts().hasher.load().started - before;
    assert!((6..=11).contains(&evaluated), "{evaluated}");
    assert_eq!(evaluated + slowed, 40);
}

const PASSWORD: &str = "a password of alice";
const WRONG: &str = "a wrong password";

/// A server as the binary serves it, but for the listener.
struct Server {
    embedded: Embedded,
    router: Router,
    clock: ManualClock,
}

impl Server {
    async fn start() -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let embedded = Embedded::builder("sqlite::memory:")
            .clock(clock.clone())
            .registration(crate::Registration::Open)
            .demo_user("alice", PASSWORD, &["rolecall.admin"])
            .demo_user("disabled", PASSWORD, &[])
            .demo_user("locked", PASSWORD, &[])
            .demo_user("must.change", PASSWORD, &[])
            .demo_user("reset", PASSWORD, &[])
            .open()
            .await
            .unwrap();
        let router = embedded.routes().unwrap().into_axum();
        let server = Self {
            router: wrap(router, LayerOptions::default()),
            embedded,
            clock,
        };
        for (column, name) in [
            ("disabled", "disabled"),
            ("must_change_password", "must.change"),
        ] {
            server
                .write(&format!(
                    "UPDATE users SET {column} = TRUE WHERE username = '{name}'"
                ))
                .await;
        }
        server
            .write("UPDATE users SET password_hash = NULL WHERE username = 'reset'")
            .await;
        server
    }

    async fn write(&self, sql: &str) {
        let app = self.embedded.app();
        app.store()
            .write(async |conn: &mut Conn| {
                query(sqlx::AssertSqlSafe(sql.to_owned()))
                    .execute(conn)
                    .await?;
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }

    /// Nobody has failed but `locked`, who has failed too often.
    async fn forgive(&self) {
        self.write("DELETE FROM login_failures").await;
        let app = self.embedded.app();
        let (account, now) = (app.account_of("locked"), app.now().micros());
        let sql = format!("INSERT INTO login_failures VALUES ('{account}', 100, {now})");
        self.write(&sql).await;
    }

    fn hashes(&self) -> u64 {
        self.embedded.app().parts().hasher.load().started
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: String) -> StatusCode {
        self.with_token(method, path, kind, body, "").await
    }

    async fn with_token(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
        token: &str,
    ) -> StatusCode {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// A log-in by `/token`, or by `/password`, which asks for the password too.
    async fn log_in(&self, path: &str, username: &str, password: &str) -> StatusCode {
        let (kind, body) = if path == "/token" {
            (FORM, form(username, password))
        } else {
            let body = json!({ "username": username, "current_password": password, "new_password": "another password" });
            (JSON, body.to_string())
        };
        self.send(Method::POST, path, kind, body).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn form(username: &str, password: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("username", username)
        .append_pair("password", password)
        .finish()
}

/// `tests/clients/timing.py` measures what this counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x016_every_failed_log_in_costs_exactly_one_hash() {
    let server = Server::start().await;
    for path in ["/token", "/password"] {
        for (username, password) in [
            ("alice", WRONG),
            ("nobody", WRONG),
            ("nobody", PASSWORD),
            ("not a name", WRONG),
            ("", PASSWORD),
            ("disabled", PASSWORD),
            ("disabled", WRONG),
            ("locked", PASSWORD),
            ("locked", WRONG),
            ("must.change", WRONG),
            ("reset", PASSWORD),
            ("reset", WRONG),
        ] {
            if username.is_empty() && path == "/token" {
                // a form without a user name is refused as such
                continue;
            }
            server.forgive().await;
            let before = server.hashes();
            let status = server.log_in(path, username, password).await;
            assert_eq!(status, 401, "{path}: {username}, {password}");
            assert_eq!(
                server.hashes(),
                before + 1,
                "{path}: {username}, {password}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x019_o031_a_hundred_failures_are_evaluated_however_many_addresses_they_come_from() {
    let server = Server::start().await;
    let app = server.embedded.app();
    let attempt = async |number: u32, password: &str| {
        // the longest delay has passed each time, and no two come from one address
        server.clock.advance(Duration::from_secs(61));
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
        prove_from(app, "alice", password, &address).await.is_ok()
    };
    for number in 0..99 {
        assert!(!attempt(number, WRONG).await);
    }
    assert!(attempt(99, PASSWORD).await, "99 failures are not too many");
    for number in 100..101 {
        assert!(!attempt(number, WRONG).await);
    }
    for number in 101..120 {
        assert!(!attempt(number, PASSWORD).await, "{number} was evaluated");
    }
    assert!(!attempt(1_000_000, PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x023_two_hundred_guesses_at_once_do_not_slip_past_the_counter() {
    let server = Server::start().await;
    let app = server.embedded.app();
    let account = app.account_of("alice");
    let long_ago = app.now().minus(Duration::from_hours(1)).micros();
    let sql = format!("INSERT INTO login_failures VALUES ('{account}', 97, {long_ago})");
    server.write(&sql).await;
    let before = server.hashes();
    let guesses: Vec<_> = (0..200)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { prove_from(&app, "alice", WRONG, "").await })
        })
        .collect();
    let mut wrong = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(LoginError::Wrong) => wrong += 1,
            Err(LoginError::TooMany { .. } | LoginError::Busy) => {}
            _ => panic!("wrong, slowed or too busy, nothing else"),
        }
    }
    // the delay of 97 failures lets one through, and then asks for a minute again
    assert_eq!((wrong, server.hashes() - before), (1, 1));
    let mut conn = app.store().read().await.unwrap();
    let failed = Slot::of_strangers(&account)
        .failures(&mut conn)
        .await
        .unwrap();
    assert_eq!(failed.in_a_row, 98);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x024_a_password_of_a_megabyte_is_refused_before_hashing() {
    let server = Server::start().await;
    let request = Request::post("/token").header("content-type", FORM);
    let request = request.body(Body::from(form("alice", PASSWORD))).unwrap();
    let answer = server.router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await;
    let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
    let token = body["access_token"].as_str().unwrap().to_owned();
    // over the limit of a body, and under it
    for (length, over) in [(1 << 20, true), (60_000, false)] {
        let long = "x".repeat(length);
        let bodies = [
            (Method::POST, "/token", FORM, form("alice", &long), 401),
            (
                Method::POST,
                "/register",
                JSON,
                json!({ "username": "bob", "password": long }).to_string(),
                422,
            ),
            (
                Method::POST,
                "/password",
                JSON,
                json!({ "username": "alice", "current_password": long, "new_password": "x" })
                    .to_string(),
                401,
            ),
            (
                Method::POST,
                "/api/users",
                JSON,
                json!({ "username": "bob", "password": long }).to_string(),
                422,
            ),
            (
                Method::PUT,
                "/api/me/password",
                JSON,
                json!({ "current_password": long, "new_password": "x" }).to_string(),
                422,
            ),
        ];
        for (method, path, kind, body, otherwise) in bodies {
            let before = server.hashes();
            let token = if path.starts_with("/api") { &token } else { "" };
            let status = server.with_token(method, path, kind, body, token).await;
            assert_eq!(
                status,
                if over { 413 } else { otherwise },
                "{path}, {length}"
            );
            assert_eq!(server.hashes(), before, "{path}, {length}");
        }
    }
}

#[test]
fn y215_a_failure_that_a_wrong_clock_wrote_delays_nobody_until_then() {
    let now = Timestamp::from_seconds(1_900_000_000);
    let failed = |last_at| Failures {
        in_a_row: 6,
        last_at,
    };
    let is_delayed = |last_at| {
        let refused = refuse_account(failed(last_at), now);
        matches!(refused, Err(LoginError::TooMany { .. }))
    };
    assert!(is_delayed(now));
    // clocks of nodes differ a little
    assert!(is_delayed(now.plus(CLOCKS_APART)));
    for ahead in [Duration::from_mins(6), Duration::from_hours(31 * 24)] {
        assert!(!is_delayed(now.plus(ahead)), "{ahead:?}");
    }
    assert!(!is_delayed(now.minus(Duration::from_hours(1))));
}
