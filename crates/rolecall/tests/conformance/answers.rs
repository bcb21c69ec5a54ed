//! `answers.json`: every refusal, with its headers and its body.

use http::header::WWW_AUTHENTICATE;
use rolecall::{Acr, Denial};
use serde_json::{Value, json};

use crate::{assert_file, document};

fn refusals() -> Vec<(&'static str, Denial)> {
    let forbidden = |scope: Option<&str>| Denial::Forbidden {
        scope: scope.map(str::to_owned),
        receipt: None,
    };
    let step_up = |acr, max_age| Denial::StepUp {
        acr,
        max_age,
        receipt: None,
    };
    let long: Vec<String> = (0..200)
        .map(|number| format!("role:role-{number}"))
        .collect();
    vec![
        ("not_authenticated", Denial::NotAuthenticated),
        ("invalid_token", Denial::InvalidToken),
        ("ended_token", Denial::EndedToken),
        ("two_credentials", Denial::TwoCredentials),
        ("forbidden", forbidden(Some("role:admin"))),
        ("forbidden_two", forbidden(Some("role:admin items:read"))),
        ("forbidden_without_scope", forbidden(None)),
        ("forbidden_long_scope", forbidden(Some(&long.join(" ")))),
        ("step_up_max_age", step_up(None, Some(300))),
        ("step_up_acr", step_up(Some(Acr::Aal2), None)),
        ("step_up_both", step_up(Some(Acr::Phr), Some(0))),
        ("unavailable", Denial::Unavailable),
        ("unguarded", Denial::Unguarded),
    ]
}

#[test]
fn answers_json_is_current() {
    let rows: Vec<Value> = refusals().into_iter().map(row).collect();
    assert_file(
        "answers.json",
        &document(&json!({ "format": 1 }), "rows", &rows),
    );
}

fn row((id, denial): (&str, Denial)) -> Value {
    let scope = match &denial {
        Denial::Forbidden { scope, .. } => scope.clone(),
        _ => None,
    };
    let (acr, max_age) = match &denial {
        Denial::StepUp { acr, max_age, .. } => (acr.map(Acr::as_str), *max_age),
        _ => (None, None),
    };
    let problem = denial.into_problem();
    let headers = problem.headers();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let mut all: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    all.sort();
    json!({
        "id": id,
        "scope": scope,
        "acr": acr,
        "max_age": max_age,
        "status": problem.status().as_u16(),
        "code": problem.code(),
        "www_authenticate": headers.get(WWW_AUTHENTICATE).map(text),
        "headers": all,
        "body": problem.to_json().to_string(),
    })
}
