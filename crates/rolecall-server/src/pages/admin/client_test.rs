//! A sign-in to a client that is only tried: what its tokens would say about the administrator who looks.

use axum::response::Response;
use rolecall::Public;

use super::{
    clients::path_of,
    views::client_test::{ClientTest, Shown},
    visit::Visit,
};
use crate::{
    clients::service,
    error::ApiError,
    oauth::trial::{self, Decoded, Trial},
    web::params::Segment,
};

/// The scope that most programs ask for.
const USUAL: &str = "openid profile email";

/// Shows what the tokens of a sign-in would say (`scope`).
pub(crate) async fn get_test(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    visit.answer(show(&visit, &id).await).await
}

async fn show(visit: &Visit, id: &str) -> Result<Response, ApiError> {
    let client = service::get(&visit.app, visit.caller(), id).await?.client;
    let scope = visit.query.get("scope").trim();
    let mut view = ClientTest {
        name: client.name.clone(),
        path: path_of(id),
        scope: if scope.is_empty() { USUAL } else { scope }.to_owned(),
        ..ClientTest::default()
    };
    let wanted = (view.scope.as_str(), visit.tenant());
    let wanted = (wanted.0, wanted.1.as_ref());
    match trial::sign_in(&visit.app, &visit.session, client, wanted).await? {
        Ok(Trial {
            access_token,
            id_token,
            asks_consent,
        }) => {
            view.asks_consent = asks_consent;
            view.tokens.push(shown("admin-test-access", &access_token));
            view.tokens
                .extend(id_token.map(|token| shown("admin-test-id", &token)));
        }
        Err(refusal) => view.refusal = refusal,
    }
    Ok(visit.show("admin_client_test.html", &view))
}

fn shown(title: &'static str, token: &Decoded) -> Shown {
    // of JSON values, which can always be written
    let text = |value| serde_json::to_string_pretty(value).unwrap_or_default();
    Shown {
        title,
        header: text(&token.header),
        claims: text(&token.claims),
    }
}
