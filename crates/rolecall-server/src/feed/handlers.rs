//! The HTTP endpoint of the feed.

use std::time::Duration;

use axum::{Extension, Json, extract::State};
use rolecall::{Require, SubjectKind};
use rolecall_core::{Floor, Revision};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::service::{self, News, Position};
use crate::{
    app::App,
    authority::may,
    error::ApiError,
    http::Stopping,
    times::rfc3339,
    web::{
        document::ProblemDocument,
        page::{Cursor, List},
        params::Params,
    },
};

/// The query of the feed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// The `cursor` of the previous answer; without it, the answer is the whole state.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Cursor,
    /// How many seconds to wait for news before an empty answer.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 10, default = 0)]
    wait: Wait,
}

#[derive(Clone, Copy, Default)]
struct Wait(Duration);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.parse() {
            Ok(seconds @ 0..=10) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(serde::de::Error::custom(
                "wait must be a whole number of seconds from 0 to 10",
            )),
        }
    }
}

/// Revocations since the cursor, as floors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feed)]
pub(crate) struct FeedView {
    /// The cursor for the next request.
    cursor: String,
    /// Tokens of other eras are refused; floors of other eras no longer apply.
    era: String,
    /// The age of this state in milliseconds: how long ago the node last read the database.
    age_ms: u64,
    floors: Vec<FloorView>,
    /// The newest revision that this node knows of. A token of this era with a higher `rev`, which you got before you
    /// sent the request, was never issued by this database as it is now.
    revision: Revision,
    /// Floors whose `until` is before this time can be forgotten. Do not forget any by a clock of your own, which may be
    /// wrong.
    #[schema(format = DateTime)]
    forget_before: String,
    policy_revision: Revision,
    /// If it differs from the previous answer, the JWK Set has changed.
    keys_revision: Revision,
    /// Whether there are more floors: send the next request at once.
    more: bool,
}

/// Tokens that name `key` and whose `rev` is below `revision` are refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Floor)]
pub(crate) struct FloorView {
    /// `subject`, `client`, `role`, `sid` or `jti`.
    kind: &'static str,
    key: String,
    /// The tenant to whose tokens the floor is limited; without it, the floor applies to all tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    revision: Revision,
    /// When all such tokens have expired. See `forget_before`.
    #[schema(format = DateTime)]
    until: String,
}

impl From<Floor> for FloorView {
    fn from(floor: Floor) -> Self {
        Self {
            kind: floor.kind.as_str(),
            key: floor.key,
            tenant: floor.tenant,
            revision: floor.revision,
            until: rfc3339(floor.until),
        }
    }
}

impl From<News> for FeedView {
    fn from(news: News) -> Self {
        Self {
            cursor: Cursor::encode(List::Feed, &news.position.text()),
            era: news.era().to_owned(),
            age_ms: u64::try_from(news.age.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
            floors: news.floors.into_iter().map(FloorView::from).collect(),
            revision: news.revision,
            forget_before: rfc3339(news.forget_before),
            policy_revision: news.policy_revision,
            keys_revision: news.keys_revision,
            more: news.more,
        }
    }
}

/// Follow revocations.
///
/// For clients with guards of their own. Answers at once if there is news since `after`; otherwise as soon as there
/// is, or after `wait` seconds.
#[utoipa::path(get, path = "/api/feed", tag = "tokens", params(FeedQuery), responses(
    (status = 200, description = "The news", body = FeedView),
    (status = "4XX", description = "The request is invalid", body = ProblemDocument),
    (status = 503, description = "Too many clients are waiting", body = ProblemDocument)))]
pub(crate) async fn read_feed(
    caller: Require<may::ReadFeed>,
    State(app): State<App>,
    stopping: Option<Extension<Stopping>>,
    Params(query): Params<FeedQuery>,
) -> Result<Json<FeedView>, ApiError> {
    if caller.kind() != SubjectKind::Client {
        return Err(ApiError::Lacks(None));
    }
    let after = Position::parse(query.after.after(List::Feed)?)?;
    let stopped = async {
        match stopping {
            Some(Extension(stopping)) => stopping.wait().await,
            None => std::future::pending().await,
        }
    };
    let news = service::read(&app, &caller, &after, query.wait.0, stopped).await?;
    Ok(Json(news.into()))
}
