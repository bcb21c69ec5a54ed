//! `POST /token`: the requirements of RFC 6749 on the password grant.

mod refusals;
mod requests;

use http::Method;

use crate::support::{Response, TestApp};

async fn send_form(app: &TestApp, body: impl Into<axum::body::Body>) -> Response {
    let request = app.request(Method::POST, "/token");
    request
        .raw("application/x-www-form-urlencoded", body)
        .send()
        .await
}

const GOOD: &str = "grant_type=password&username=admin&password=correct+horse+battery+staple";
