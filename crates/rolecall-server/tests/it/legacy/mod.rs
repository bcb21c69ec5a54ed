//! Tokens of the old application: imported users stay logged in, and nobody else is.

mod accepted;
mod guards;
mod losses;

use std::{fmt::Write as _, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::Clock as _;
use rolecall_server::LegacyTokens;
use serde_json::{Value, json};

use crate::{
    import::{BCRYPT, import},
    support::{Node, START, TestApp},
};

const SECRET: &[u8] = b"the secret of the old application";
const MAX_AGE: Duration = Duration::from_mins(30);
const DAY: Duration = Duration::from_hours(24);

fn legacy_tokens() -> LegacyTokens {
    LegacyTokens::new(
        std::str::from_utf8(SECRET).unwrap(),
        START.plus(DAY),
        MAX_AGE,
    )
}

/// A token as `PyJWT` writes it.
fn signed(header: &Value, claims: &Value, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn hs256(claims: &Value) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    signed(&header, claims, hmac::HMAC_SHA256, SECRET)
}

fn now(app: &TestApp) -> i64 {
    app.clock.now().seconds()
}

/// A token that the old application, the tutorial's, could have issued to `name` a moment ago.
fn old_token(app: &TestApp, name: &str) -> String {
    hs256(&json!({ "sub": name, "exp": now(app) + 1_700 }))
}

/// Imports users, each with a role, and opens a node that accepts old tokens.
async fn import_users(app: &TestApp, users: &[(&str, &str)]) -> Node {
    app.create_role("editor", &["items:read"]).await;
    let mut text = "username,hashed_password,role\n".to_owned();
    for (name, role) in users {
        writeln!(text, "{name},{BCRYPT},{role}").unwrap();
    }
    let output = import(app, "users.csv", &text, &["--add-roles"]).await;
    assert!(output.status.success(), "{output:?}");
    app.node(|builder| builder.legacy_tokens(legacy_tokens()))
        .await
}
