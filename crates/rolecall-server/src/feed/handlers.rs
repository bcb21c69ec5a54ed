//! The feed over HTTP.

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

/// From where, and for how long.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// `cursor` of the answer before; without it, the whole state.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Cursor,
    /// For how many seconds the answer may be held until there is something new.
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
                "wait is a whole number of seconds from 0 to 10",
            )),
        }
    }
}

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feed)]
pub(crate) struct FeedView {
    /// Where to go on from.
    cursor: String,
    /// Tokens of another era have ended; floors of another era are forgotten.
    era: String,
    /// How long ago the node last knew this to be complete, in milliseconds.
    age_ms: u64,
    floors: Vec<FloorView>,
    policy_revision: Revision,
    /// Another one than before: the JWK Set has changed.
    keys_revision: Revision,
    /// Whether this answer was cut: ask on at once.
    more: bool,
}

/// A token about `key` whose `rev` is below `revision` has ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Floor)]
pub(crate) struct FloorView {
    /// `subject`, `client`, `role`, `sid` or `jti`.
    kind: &'static str,
    key: String,
    revision: Revision,
    /// When it can be forgotten.
    #[schema(format = DateTime)]
    until: String,
}

impl From<Floor> for FloorView {
    fn from(floor: Floor) -> Self {
        Self {
            kind: floor.kind.as_str(),
            key: floor.key,
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
            policy_revision: news.policy_revision,
            keys_revision: news.keys_revision,
            more: news.more,
        }
    }
}

/// Follow what is taken away.
///
/// For clients that guard something elsewhere. Answers at once if something happened after `after`, else as
/// soon as it does, and when `wait` is over.
#[utoipa::path(get, path = "/api/feed", tag = "tokens", params(FeedQuery), responses(
    (status = 200, description = "What is new", body = FeedView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too many wait already", body = ProblemDocument)))]
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
            Some(Extension(stopping)) => stopping.told().await,
            None => std::future::pending().await,
        }
    };
    let news = service::read(&app, &caller, &after, query.wait.0, stopped).await?;
    Ok(Json(news.into()))
}
