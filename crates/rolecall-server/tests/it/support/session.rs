//! Logging in, refreshing, and changing passwords.

use http::Method;
use serde_json::json;

use super::{Node, PASSWORD, Response};

/// An access token and the refresh token that came with it.
#[derive(Clone)]
pub(crate) struct TokenPair {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl TokenPair {
    #[track_caller]
    pub(crate) fn of(response: &Response) -> Self {
        Self {
            access: response.is(200).text("access_token"),
            refresh: response.text("refresh_token"),
        }
    }
}

/// The form of a password grant.
pub(crate) fn password_form<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ]
}

impl Node {
    /// Sends `form` to `POST /token`.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Response {
        self.request(Method::POST, "/token").form(form).send().await
    }

    pub(crate) async fn password_grant(&self, username: &str, password: &str) -> Response {
        self.token(&password_form(username, password)).await
    }

    pub(crate) async fn password_grant_from(
        &self,
        address: &str,
        username: &str,
        password: &str,
    ) -> Response {
        let request = self.request(Method::POST, "/token").peer(address);
        request
            .form(&password_form(username, password))
            .send()
            .await
    }

    /// Logs a user in and returns the access token.
    pub(crate) async fn log_in(&self, username: &str) -> String {
        let response = self.password_grant(username, PASSWORD).await;
        response.is(200).text("access_token")
    }

    /// Logs a user in and returns both tokens of the session.
    pub(crate) async fn open_session(&self, username: &str) -> TokenPair {
        TokenPair::of(&self.password_grant(username, PASSWORD).await)
    }

    /// Logs a user in for `scope` and returns the access token.
    pub(crate) async fn log_in_with_scope(&self, username: &str, scope: &str) -> String {
        let response = self.try_log_in_with_scope(username, scope).await;
        response.is(200).text("access_token")
    }

    pub(crate) async fn try_log_in_with_scope(&self, username: &str, scope: &str) -> Response {
        let form = password_form(username, PASSWORD);
        self.token(&[&form[..], &[("scope", scope)]].concat()).await
    }

    /// Logs a user in to a tenant.
    pub(crate) async fn log_in_to(&self, username: &str, tenant: &str) -> TokenPair {
        TokenPair::of(&self.try_log_in_to(username, tenant, None).await)
    }

    pub(crate) async fn try_log_in_to(
        &self,
        username: &str,
        tenant: &str,
        scope: Option<&str>,
    ) -> Response {
        let mut form = password_form(username, PASSWORD).to_vec();
        form.push(("tenant", tenant));
        form.extend(scope.map(|scope| ("scope", scope)));
        self.token(&form).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(&form).await
    }

    pub(crate) async fn refresh_with_scope(&self, token: &str, scope: &str) -> Response {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        self.token(&form).await
    }

    pub(crate) async fn register(&self, username: &str, password: &str) -> Response {
        let body = json!({ "username": username, "password": password });
        self.post("/register", "", body).await
    }

    /// Changes a password with the current one or a reset code, without a token.
    pub(crate) async fn replace_password(
        &self,
        username: &str,
        current: &str,
        new: &str,
    ) -> Response {
        let body =
            json!({ "username": username, "current_password": current, "new_password": new });
        self.post("/password", "", body).await
    }
}
