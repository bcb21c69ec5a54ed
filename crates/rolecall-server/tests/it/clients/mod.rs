//! OAuth clients: how they prove who they are, and what they may do.

mod authentication;
mod grants;
mod limits;
mod management;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, PASSWORD, TestApp};

/// What the server told of a new client.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Credentials {
    pub(crate) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.id, self.secret))
        )
    }
}

impl TestApp {
    /// Makes a client; by default it may act for itself, log users in and refresh.
    pub(crate) async fn client(&self, name: &str, members: Value) -> Credentials {
        let mut body =
            json!({ "name": name, "grants": ["client_credentials", "password", "refresh_token"] });
        for (member, value) in members.as_object().unwrap() {
            body[member] = value.clone();
        }
        let made = self.post("/api/clients", self.admin().await, body).await;
        made.is(201);
        Credentials {
            id: made.text("client_id"),
            secret: made.json["client_secret"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    pub(crate) fn form_as(&self, client: &Credentials, path: &str, form: &[(&str, &str)]) -> Ask {
        let ask = self.request(Method::POST, path).form(form);
        ask.header("authorization", &client.basic())
    }

    pub(crate) async fn try_act_as(&self, client: &Credentials, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "client_credentials")], more].concat();
        self.form_as(client, "/token", &form).send().await
    }

    /// A token of the client's own.
    pub(crate) async fn act_as(&self, client: &Credentials) -> String {
        self.try_act_as(client, &[])
            .await
            .is(200)
            .text("access_token")
    }

    pub(crate) async fn log_in_through(
        &self,
        client: &Credentials,
        more: &[(&str, &str)],
    ) -> Answer {
        let form = [
            &[
                ("grant_type", "password"),
                ("username", "alice"),
                ("password", PASSWORD),
            ],
            more,
        ];
        self.form_as(client, "/token", &form.concat()).send().await
    }

    pub(crate) async fn refresh_through(&self, client: &Credentials, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form_as(client, "/token", &form).send().await
    }
}
