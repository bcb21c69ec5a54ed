//! One attempt to send a logout token.

use http::StatusCode;

use super::store::Due;
use crate::{
    app::App,
    clients::store::Client,
    error::{ApiError, chain_of},
    outgoing::post::{PostError, Poster},
    tokens::logout_token,
};

/// The outcome of an attempt.
pub(super) enum Outcome {
    Delivered,
    /// The client no longer wants to be told.
    Unwanted,
    /// With the reason.
    Failed(Failure),
}

/// A failed attempt.
pub(super) struct Failure {
    /// For people, in the log.
    pub(super) text: String,
    /// For `doctor`: nothing of what the client has sent but the status.
    pub(super) kind: String,
}

impl From<StatusCode> for Failure {
    fn from(status: StatusCode) -> Self {
        let kind = format!("status {}", status.as_u16());
        Self {
            text: format!("the answer was {}", status.as_u16()),
            kind,
        }
    }
}

impl From<PostError> for Failure {
    fn from(error: PostError) -> Self {
        Self {
            text: chain_of(&error),
            kind: error.kind().to_owned(),
        }
    }
}

/// Makes a token for the client as it is registered now, and posts it.
pub(super) async fn attempt(
    app: &App,
    poster: &Poster,
    due: &Due,
    client: Option<&Client>,
) -> Result<Outcome, ApiError> {
    let Some(client) = client else {
        return Ok(Outcome::Unwanted);
    };
    let Some(url) = client.sign_in.backchannel_logout_uri.as_deref() else {
        return Ok(Outcome::Unwanted);
    };
    let about = (due.subject_id.as_str(), due.session_id.as_str());
    let Some(token) = logout_token::sign(app, client, about, app.now())? else {
        return Ok(Outcome::Unwanted);
    };
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    Ok(match poster.post_form(url, form).await {
        Ok(StatusCode::OK | StatusCode::NO_CONTENT) => Outcome::Delivered,
        Ok(status) => Outcome::Failed(status.into()),
        Err(error) => Outcome::Failed(error.into()),
    })
}
