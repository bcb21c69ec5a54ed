//! OAuth clients.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use super::{Node, PASSWORD, RequestBuilder, Response, TestApp, session::password_form};

/// The id and secret of a client.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Credentials {
    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The value of an `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.id, self.secret))
        )
    }
}

impl TestApp {
    /// Creates a client. Unless `members` says otherwise it has the grants `client_credentials`, `password`
    /// and `refresh_token`.
    pub(crate) async fn create_client(&self, name: &str, members: Value) -> Credentials {
        let mut body =
            json!({ "name": name, "grants": ["client_credentials", "password", "refresh_token"] });
        for (member, value) in members.as_object().unwrap() {
            body[member] = value.clone();
        }
        let created = self.post("/api/clients", self.admin().await, body).await;
        let secret = created.is(201).json["client_secret"].as_str();
        Credentials::new(&created.text("client_id"), secret.unwrap_or_default())
    }

    /// Creates a client that may introspect tokens and read the feed.
    pub(crate) async fn create_resource_server(&self, name: &str) -> Credentials {
        let members = json!({ "roles": ["rolecall.resource-server"] });
        self.create_client(name, members).await
    }
}

impl Node {
    /// A form that the client authenticates with HTTP Basic.
    pub(crate) fn form_as(
        &self,
        client: &Credentials,
        path: &str,
        form: &[(&str, &str)],
    ) -> RequestBuilder {
        let request = self.request(Method::POST, path).form(form);
        request.header("authorization", &client.basic())
    }

    /// Requests a token for the client itself; `more` are further form fields.
    pub(crate) async fn try_act_as(&self, client: &Credentials, more: &[(&str, &str)]) -> Response {
        let form = [&[("grant_type", "client_credentials")], more].concat();
        self.form_as(client, "/token", &form).send().await
    }

    /// An access token of the client itself.
    pub(crate) async fn act_as(&self, client: &Credentials) -> String {
        let response = self.try_act_as(client, &[]).await;
        response.is(200).text("access_token")
    }

    /// Logs `alice` in through the client; `more` are further form fields.
    pub(crate) async fn log_in_through(
        &self,
        client: &Credentials,
        more: &[(&str, &str)],
    ) -> Response {
        let form = [&password_form("alice", PASSWORD)[..], more].concat();
        self.form_as(client, "/token", &form).send().await
    }

    pub(crate) async fn refresh_through(&self, client: &Credentials, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form_as(client, "/token", &form).send().await
    }

    pub(crate) async fn introspect(&self, client: &Credentials, token: &str) -> Response {
        let form = [("token", token)];
        self.form_as(client, "/introspect", &form).send().await
    }
}
