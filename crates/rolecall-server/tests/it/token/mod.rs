//! `POST /token`: the requirements of RFC 6749 as far as the password grant meets them.

mod refusals;
mod requests;

use http::Method;

use crate::support::{Answer, TestApp};

async fn send_form(app: &TestApp, body: impl Into<axum::body::Body>) -> Answer {
    let ask = app.request(Method::POST, "/token");
    ask.raw("application/x-www-form-urlencoded", body)
        .send()
        .await
}

const GOOD: &str = "grant_type=password&username=admin&password=correct+horse+battery+staple";
