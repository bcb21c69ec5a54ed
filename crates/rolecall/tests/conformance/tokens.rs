//! `tokens.json`: requests with good, bad and odd credentials.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::WWW_AUTHENTICATE};
use rolecall::{Guard, RuleSpec};
use serde_json::{Value, json};

use crate::{NOW, assert_file, claims, document, encodings, headers, keys, principal};

/// A request, and the status that its author expects.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) guard: &'static str,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) rule: Value,
    pub(crate) tenant: Option<String>,
    pub(crate) status: u16,
}

impl Row {
    pub(crate) fn new(id: impl Into<String>, token: &str, status: u16) -> Self {
        Self {
            id: id.into(),
            guard: "main",
            headers: vec![("authorization".to_owned(), format!("Bearer {token}").into())],
            rule: json!("authenticated"),
            tenant: None,
            status,
        }
    }

    /// A request with these values of `Authorization`.
    pub(crate) fn with_values(id: &str, values: &[&[u8]], status: u16) -> Self {
        let headers = values
            .iter()
            .map(|value| ("authorization".to_owned(), value.to_vec()));
        Self {
            headers: headers.collect(),
            ..Self::new(id, "", status)
        }
    }

    pub(crate) fn guard(self, guard: &'static str) -> Self {
        Self { guard, ..self }
    }

    pub(crate) fn rule(self, rule: Value) -> Self {
        Self { rule, ..self }
    }

    pub(crate) fn tenant(self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.to_owned()),
            ..self
        }
    }

    /// Returns the row with what the guard answers.
    #[track_caller]
    pub(crate) fn decide(&self, guard: &Guard) -> Value {
        let spec: RuleSpec = serde_json::from_value(self.rule.clone()).unwrap();
        let rule = spec.rule().unwrap();
        let mut request = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let decided = guard.evaluate(&rule, self.tenant.as_deref(), &Method::GET, &request);
        let (status, challenge, body, caller) = match &decided {
            Ok(caller) => (200, None, None, caller.as_ref()),
            Err(refusal) => {
                let problem = refusal.problem(&rule);
                let challenge = problem.headers().get(WWW_AUTHENTICATE).cloned();
                let status = problem.status().as_u16();
                (status, challenge, Some(problem.to_json().to_string()), None)
            }
        };
        // every byte of a header is one character
        let latin = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| char::from(*byte))
                .collect::<String>()
        };
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| json!([name, latin(value)]));
        json!({
            "id": self.id,
            "guard": self.guard,
            "rule": self.rule,
            "tenant": self.tenant,
            "headers": headers.collect::<Vec<_>>(),
            "status": status,
            "www_authenticate": challenge.map(|value| value.to_str().unwrap().to_owned()),
            "body": body,
            "principal": caller.map(|caller| principal(caller)),
        })
    }
}

/// Decides each row with a guard of its own, so that no cache can help.
pub(crate) fn decide_all(rows: &[Row]) -> Vec<Value> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    let before = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), before, "two rows have the same id");
    let decided: Vec<Value> = rows
        .iter()
        .map(|row| row.decide(&keys::guard(row.guard)))
        .collect();
    let surprises = rows
        .iter()
        .zip(&decided)
        .filter(|(row, decided)| decided["status"] != row.status);
    let surprises: Vec<String> = surprises
        .map(|(row, decided)| {
            format!(
                "{}: expected {}, got {}",
                row.id, row.status, decided["status"]
            )
        })
        .collect();
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    decided
}

#[test]
fn tokens_json_is_current() {
    let mut rows = headers::rows();
    rows.extend(encodings::rows());
    rows.extend(claims::rows());
    let decided = decide_all(&rows);
    assert!(decided.len() >= 300, "{} rows", decided.len());
    let head = json!({ "format": 1, "now": NOW, "guards": keys::guards() });
    assert_file("tokens.json", &document(&head, "rows", &decided));
}

#[test]
fn a_cache_changes_no_answer() {
    let mut rows = headers::rows();
    rows.extend(claims::rows());
    let guard = keys::guard("main");
    for row in rows.iter().filter(|row| row.guard == "main") {
        assert_eq!(row.decide(&guard), row.decide(&guard), "{}", row.id);
    }
}
