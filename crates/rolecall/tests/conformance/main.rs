//! Writes the files in `sdk/conformance`, which every package of rolecall must agree with, and checks that they are
//! current.
//!
//! Each row states the status that its author expects, and the guard decides the rest: both must agree before a row is
//! written. `ROLECALL_BLESS=1 cargo test -p rolecall --test conformance` writes the files.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test: helpers that fail by panicking, and tables of values"
)]

mod answers;
mod app;
mod claims;
mod encodings;
mod feed;
mod feed_scripts;
mod headers;
mod keys;
mod rules;
mod signing;
mod tokens;

use std::{fs, path::PathBuf};

use rolecall::Principal;
use serde_json::{Value, json};

/// 2030-01-01T00:00:00Z
pub(crate) const NOW: i64 = 1_893_456_000;
pub(crate) const ISSUER: &str = "https://login.example";
pub(crate) const AUDIENCE: &str = "https://items.example";

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk/conformance")
}

/// Compares a file with its content, or writes it.
#[track_caller]
pub(crate) fn assert_file(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed
        .lines()
        .zip(text.lines())
        .position(|(old, new)| old != new);
    assert!(
        committed == text,
        "{name} is not current (first difference in line {differs:?}): run `ROLECALL_BLESS=1 cargo test -p rolecall \
         --all-features --test conformance`"
    );
}

/// Returns a document with one row a line, so that differences are readable.
pub(crate) fn document(head: &Value, list: &str, rows: &[Value]) -> String {
    let head = serde_json::to_string_pretty(head).unwrap();
    let head = head.strip_suffix("\n}").unwrap();
    let rows: Vec<String> = rows.iter().map(|row| format!("    {row}")).collect();
    format!("{head},\n  \"{list}\": [\n{}\n  ]\n}}\n", rows.join(",\n"))
}

/// Returns a principal as the files write it.
pub(crate) fn principal(caller: &Principal) -> Value {
    json!({
        "subject": caller.subject(),
        "kind": caller.kind(),
        "username": caller.username(),
        "client_id": caller.client_id(),
        "roles": caller.roles().collect::<Vec<_>>(),
        "permissions": caller.permissions().collect::<Vec<_>>(),
        "global_roles": caller.roles().filter(|role| caller.has_global_role(role)).collect::<Vec<_>>(),
        "global_permissions":
            caller.permissions().filter(|name| caller.has_global_permission(name)).collect::<Vec<_>>(),
        "tenant": caller.tenant(),
        "session": caller.session(),
        "token_id": caller.token_id(),
        "narrowed": caller.narrowed(),
        "rev": caller.rev(),
        "era": caller.era(),
        "issued_at": caller.issued_at().seconds(),
        "expires_at": caller.expires_at().seconds(),
        "auth_time": caller.auth_time().map(rolecall::Timestamp::seconds),
        "acr": caller.acr().as_str(),
        "methods": caller.methods().collect::<Vec<_>>(),
        "audience": caller.audience(),
        "claims": caller.other_claims(),
    })
}
