//! Loads the issuer's keys and keeps them current.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, header::CACHE_CONTROL};

use super::{backoff::Backoff, failure::Failure, shared::Shared};
use crate::token::{KeySet, MAX_JWKS_BYTES};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The limits of `max-age`.
const MIN_AGE: Duration = Duration::from_mins(1);
const MAX_AGE: Duration = Duration::from_hours(1);
/// The time after which keys are loaded again if the issuer sends no `max-age`.
const DEFAULT_AGE: Duration = Duration::from_mins(5);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(5);
/// The time after which keys are loaded a second time after the feed reported a change, because the node that answers
/// may learn of it a quarter of a second later.
const SECOND_LOAD: Duration = Duration::from_millis(400);

/// Loads the keys forever: when they are old, when a token has an unknown key, and when the feed reports a change.
pub(super) async fn follow(shared: &Shared) {
    let mut backoff = Backoff::new(FIRST_RETRY);
    loop {
        let wait = match load(shared).await {
            Ok(fresh_for) => {
                backoff.reset();
                fresh_for
            }
            Err(failure) => {
                shared.record_keys_failure(&failure);
                // the URLs may have changed
                shared.metadata.send_replace(None);
                backoff.next(MAX_RETRY)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.keys_requested() => {}
            () = shared.keys_changed.notified() => load_changed(shared).await,
        }
    }
}

/// Loads the keys after the feed reported a change, and again for each further change.
///
/// Returns after [`SECOND_LOAD`] without a change; the caller then loads the keys once more.
async fn load_changed(shared: &Shared) {
    loop {
        if let Err(failure) = load(shared).await {
            shared.record_keys_failure(&failure);
        }
        tokio::select! {
            () = tokio::time::sleep(SECOND_LOAD) => return,
            // immediately, since a compromised key is removed shortly after the rotation
            () = shared.keys_changed.notified() => {}
        }
    }
}

/// Loads the keys once and returns the time for which they are fresh.
async fn load(shared: &Shared) -> Result<Duration, Failure> {
    let _loading = shared.begin_load();
    let known = shared.metadata.borrow().clone();
    let metadata = if let Some(metadata) = known {
        metadata
    } else {
        let metadata = Arc::new(shared.issuer.discover(&shared.http).await?);
        shared.metadata.send_replace(Some(Arc::clone(&metadata)));
        metadata
    };
    let answer = shared
        .http
        .get(&metadata.jwks, MAX_JWKS_BYTES, TIMEOUT)
        .await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::Status {
            request: "the request for the keys",
            status: answer.status,
        });
    }
    apply(shared, &answer.body)?;
    Ok(fresh_for(&answer.headers))
}

/// Replaces the keys by those of a JWK Set that was fetched; a set that is refused changes nothing.
pub(super) fn apply(shared: &Shared, jwks: &[u8]) -> Result<(), Failure> {
    let json = std::str::from_utf8(jwks).map_err(|_| Failure::Malformed("JWK Set"))?;
    let (keys, ignored) = KeySet::from_fetched_jwks(json)?;
    if ignored > 0 {
        tracing::debug!(ignored, "ignored keys that do not verify tokens");
    }
    if keys.is_empty() {
        return Err(Failure::NoKeys);
    }
    shared.state.set_keys(keys);
    shared.record_load();
    Ok(())
}

/// Returns the `max-age` of the answer (RFC 9111 section 5.2.2.1), between [`MIN_AGE`] and [`MAX_AGE`].
fn fresh_for(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let max_age = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            let (name, seconds) = directive.split_once('=')?;
            let is_max_age = name.trim().eq_ignore_ascii_case("max-age");
            is_max_age.then(|| seconds.trim().trim_matches('"').parse().ok())?
        });
    max_age.map_or(DEFAULT_AGE, |seconds| {
        Duration::from_secs(seconds).clamp(MIN_AGE, MAX_AGE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_limited() {
        let seconds = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, value.parse().unwrap());
            fresh_for(&headers).as_secs()
        };
        assert_eq!(seconds("public, max-age=600"), 600);
        assert_eq!(seconds("Max-Age=\"600\""), 600);
        assert_eq!(seconds("max-age=0"), 60);
        assert_eq!(seconds("max-age=99999999999"), 3600);
        for other in ["no-store", "max-age=soon", "s-maxage=10", "max-age", ""] {
            assert_eq!(seconds(other), 300, "{other}");
        }
        assert_eq!(fresh_for(&HeaderMap::new()), DEFAULT_AGE);
    }
}
