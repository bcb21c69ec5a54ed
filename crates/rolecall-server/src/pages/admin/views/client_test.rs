//! A sign-in to a client that is only tried.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, value};

/// What the tokens of a sign-in would say.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ClientTest {
    pub(crate) name: String,
    /// The page of the client.
    pub(crate) path: String,
    pub(crate) scope: String,
    /// What the client would be told in place of tokens; empty if it would get some.
    pub(crate) refusal: String,
    pub(crate) asks_consent: bool,
    pub(crate) tokens: Vec<Shown>,
}

/// A token, without its signature.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// The key of the heading.
    pub(crate) title: &'static str,
    pub(crate) header: String,
    pub(crate) claims: String,
}

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let text = || TEXT.to_owned();
    let tokens = ["admin-test-access", "admin-test-id"].map(|title| Shown {
        title,
        header: text(),
        claims: text(),
    });
    let given = ClientTest {
        name: text(),
        path: "/admin/clients/x".to_owned(),
        scope: text(),
        asks_consent: true,
        tokens: tokens.into_iter().collect(),
        ..ClientTest::default()
    };
    let refused = ClientTest {
        refusal: text(),
        path: "/admin/clients/x".to_owned(),
        ..ClientTest::default()
    };
    [given, refused].iter().map(value).collect()
}
