//! Logs never contain secrets, personal names, or lines written by an attacker.

use serde_json::{Value, json};

use super::process::{Reply, Server};
use crate::support::{Database, MASTER_KEY, PASSWORD, eventually, on_both};

on_both![
    x068_no_request_value_forges_a_log_line,
    x069_no_secret_and_no_name_is_logged_at_any_level,
];

/// The most verbose logging, that of every library included.
const LOUDEST: &[(&str, &str)] = &[("ROLECALL_LOG__LEVEL", "trace"), ("RUST_BACKTRACE", "full")];

async fn x068_no_request_value_forges_a_log_line(db: Database) {
    let server = Server::start_with(db, "", LOUDEST).await;
    let evil =
        "a\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[31m\u{2028}\u{202e}\u{85}\0";
    let long = format!("forged{}", "x".repeat(50_000));
    for value in [evil, long.as_str()] {
        let login = server.log_in(value, value).await;
        assert!([401, 413].contains(&login.status), "{}", login.text);
        let form = [
            ("grant_type", value),
            ("username", "root"),
            ("password", value),
            ("scope", value),
        ];
        server.form(&form).await;
        let body = json!({ "username": value, "password": value, value: value });
        server.json("POST /register", "", &body).await;
        let token = server.admin().await;
        server
            .json("POST /api/roles", &token, &json!({ "name": value }))
            .await
            .is(422);
    }
    let escaped = "%0d%0a%7b%22message%22%3a%22forged%22%7d%1b%5b31m%e2%80%a8";
    for path in [
        format!("/{escaped}"),
        format!("/api/users/{escaped}"),
        format!("/api/users?q={escaped}"),
        format!("/{}", "forged".repeat(4_000)),
    ] {
        server.get(&path, "").await;
    }
    let headers = "user-agent: \"}{\"message\":\"forged\"}\r\nx-request-id: forged\r\nx-forwarded-for: forged\r\n";
    let request =
        format!("GET /health/live HTTP/1.1\r\nhost: forged\r\nconnection: close\r\n{headers}\r\n");
    server.exchange(request.as_bytes()).await;
    server.ask_to_stop();
    eventually("it has stopped", async || {
        server.log().contains("\"message\":\"stopped\"")
    })
    .await;
    let logged = server.log();
    let mut requests = 0;
    for line in logged.lines() {
        assert!(line.len() <= 8 * 1024 + 200, "{} bytes", line.len());
        assert!(
            !line.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{202e}'),
            "{line:?}"
        );
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_ne!(event["message"], "forged", "{line}");
        requests += usize::from(event["message"] == "request");
    }
    assert_eq!(requests, 15, "one line per request");
}

const FIRST: &str = "canary-one battery staple";
const SECOND: &str = "canary-two battery staple";
const THIRD: &str = "canary-three battery staple";

/// Secrets and personal data that no log line, audit row or error may contain.
const CANARIES: &[&str] = &[
    PASSWORD,
    FIRST,
    SECOND,
    THIRD,
    "canary-",
    "canaryname",
    "canary@mail.example",
    MASTER_KEY,
    "$argon2",
];

/// A verbose server, and the secrets that it has seen.
struct Run {
    server: Server,
    canaries: Vec<String>,
    /// All error responses.
    errors: String,
}

impl Run {
    async fn start(db: Database) -> Self {
        Self {
            server: Server::start_with(db, "", LOUDEST).await,
            canaries: CANARIES.iter().map(ToString::to_string).collect(),
            errors: String::new(),
        }
    }

    /// Remembers the signature: without it a token is worthless.
    fn add_token(&mut self, token: &str) {
        let (_, signature) = token.rsplit_once('.').unwrap();
        self.canaries.push(signature.to_owned());
    }

    #[track_caller]
    fn expect_refusal(&mut self, status: u16, reply: &Reply) {
        self.errors += &reply.is(status).text;
    }

    #[track_caller]
    fn assert_none_in(&self, what: &str, text: &str) {
        for canary in &self.canaries {
            let line = text.lines().find(|line| line.contains(canary.as_str()));
            assert!(line.is_none(), "`{canary}` is in the {what}: {line:?}");
        }
    }

    /// Sends logins and registrations that are wrong in every way.
    async fn send_invalid_credentials(&mut self) {
        for (username, password) in [
            ("canaryname", "canary-wrong"),
            ("canaryname2", FIRST),
            ("canaryname", &"canary-".repeat(300)),
        ] {
            let reply = self.server.log_in(username, password).await;
            self.expect_refusal(401, &reply);
        }
        for body in [
            json!({ "username": "canaryname3", "password": "canary-" }),
            json!({ "username": "canaryname3", "password": ["canary-list"] }),
            json!({ "username": "canaryname3", "password": { "canary-object": 1 } }),
            json!({ "username": { "a": "canaryname" }, "password": FIRST }),
            json!({ "username": "canaryname3", "password": FIRST, "email": "canary@mail.example canary-" }),
            json!(FIRST),
            json!([FIRST]),
        ] {
            let reply = self.server.json("POST /register", "", &body).await;
            self.expect_refusal(422, &reply);
        }
        for body in [
            format!("{{\"password\":\"{FIRST}\""),
            format!("password={FIRST}"),
        ] {
            for line in ["POST /register", "POST /token"] {
                let reply = self
                    .server
                    .request(line, "", "application/json", &body)
                    .await;
                self.expect_refusal(400, &reply);
            }
        }
    }

    /// Sends tokens in the wrong place, and invalid tokens.
    async fn misplace_tokens(&mut self, token: &str) {
        let query = format!("password=canary-query&access_token={token}");
        let line = format!("POST /token?{query}");
        let reply = self.server.request(&line, "", "text/plain", "").await;
        self.expect_refusal(400, &reply);
        let reply = self.server.get(&format!("/api/me?{query}"), "").await;
        self.expect_refusal(401, &reply);
        let bad = format!("{}x", &token[..token.len() - 2]);
        let reply = self.server.get("/api/me", &bad).await;
        self.expect_refusal(401, &reply);
        let basic = "GET /api/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic canary-basic\r\ncookie: session=canary-cookie\r\n\r\n";
        self.errors += &self.server.exchange(basic.as_bytes()).await;
    }

    /// Sends wrong and right passwords and reset codes.
    async fn change_passwords(&mut self, id: &str, token: &str, admin: &str) {
        let (own, forced) = ("PUT /api/me/password", "POST /password");
        let change = |new: &str, old: &str| json!({ "current_password": old, "new_password": new });
        for body in [change(SECOND, "canary-no"), change("canary-", FIRST)] {
            let reply = self.server.json(own, token, &body).await;
            self.expect_refusal(422, &reply);
        }
        let right = self.server.json(own, token, &change(SECOND, FIRST)).await;
        right.is(204);
        let line = format!("POST /api/users/{id}/reset");
        let reset = self.server.json(&line, admin, &json!({})).await;
        let code = reset.is(200).json["reset_code"].as_str().unwrap();
        self.canaries
            .extend([code.to_owned(), code.replace('-', "")]);
        let body = |current: &str| json!({ "username": "canaryname", "current_password": current, "new_password": THIRD });
        let reply = self.server.json(forced, "", &body("canary-no")).await;
        self.expect_refusal(401, &reply);
        self.server.json(forced, "", &body(code)).await.is(204);
        self.server.log_in("canaryname", THIRD).await.is(200);
    }
}

async fn x069_no_secret_and_no_name_is_logged_at_any_level(db: Database) {
    let mut run = Run::start(db).await;
    let admin = run.server.admin().await;
    run.add_token(&admin);
    let body =
        json!({ "username": "canaryname", "password": FIRST, "email": "canary@mail.example" });
    let created = run.server.json("POST /register", "", &body).await;
    let id = created.is(201).json["id"].as_str().unwrap();
    let again = run.server.json("POST /register", "", &body).await;
    // the response names the taken username
    run.errors += &again.is(409).text.replace("canaryname", "");
    let login = run.server.log_in("canaryname", FIRST).await;
    let token = login.is(200).json["access_token"].as_str().unwrap();
    run.add_token(token);
    run.send_invalid_credentials().await;
    run.misplace_tokens(token).await;
    run.change_passwords(id, token, &admin).await;
    let listed = run.server.get("/api/users?q=canaryname", &admin).await;
    assert_eq!(listed.is(200).json["items"][0]["id"], id);
    let line = format!("PATCH /api/users/{id}");
    let renamed = json!({ "username": "canaryname4" });
    run.server.json(&line, &admin, &renamed).await.is(200);
    for path in ["/api/audit?limit=200", "/api/audit?kind=event&limit=200"] {
        let shown = run.server.get(path, &admin).await;
        run.assert_none_in(path, &shown.is(200).text);
    }
    for sql in [
        "SELECT actor || changes || mark FROM audit",
        "SELECT kind || address || detail FROM audit_events",
        "SELECT account FROM login_failures",
    ] {
        let rows = run.server.db.texts(sql).await.join("\n");
        assert!(!rows.is_empty());
        run.assert_none_in("database", &rows);
    }
    run.assert_none_in("refusals", &run.errors);
    assert!(
        run.server.log().contains("\"DEBUG\""),
        "nothing verbose was logged"
    );
    run.server.ask_to_stop();
    eventually("it has stopped", async || {
        run.server.log().contains("\"message\":\"stopped\"")
    })
    .await;
    run.assert_none_in("log", &run.server.log());
}
