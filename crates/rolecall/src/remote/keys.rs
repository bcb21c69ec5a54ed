//! Keeping the issuer's keys.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode, header::CACHE_CONTROL};

use super::{Shared, backoff::Backoff, failure::Failure};
use crate::token::{KeySet, MAX_JWKS_BYTES};

const TIMEOUT: Duration = Duration::from_secs(5);
/// What a `max-age` is bounded to, and what counts where there is none.
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(1);
const USUAL: Duration = Duration::from_mins(5);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// After the feed told of other keys: the node that was asked may hear of it a quarter of a second later.
const ONCE_MORE: Duration = Duration::from_millis(400);

/// Loads the keys and does so again when they are old, when a token names an unknown one, and when the
/// feed tells of others. Never ends.
pub(super) async fn follow(shared: &Shared) {
    let mut backoff = Backoff::new(FIRST_RETRY);
    loop {
        let wait = match load(shared).await {
            Ok(fresh_for) => {
                backoff.reset();
                fresh_for
            }
            Err(failure) => {
                shared.keys_failed(&failure);
                // the addresses may be others by now
                shared.metadata.send_replace(None);
                backoff.next(LONGEST_RETRY)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.asked_for_keys() => {}
            () = shared.other_keys.notified() => load_others(shared).await,
        }
    }
}

/// Loads the keys that the feed tells of, for as long as it tells of others; once more is up to the caller.
async fn load_others(shared: &Shared) {
    loop {
        if let Err(failure) = load(shared).await {
            shared.keys_failed(&failure);
        }
        tokio::select! {
            () = tokio::time::sleep(ONCE_MORE) => return,
            // never waits: whoever rotates because a key is known to others retires it right after
            () = shared.other_keys.notified() => {}
        }
    }
}

/// Loads the keys once; tells for how long they may be kept.
async fn load(shared: &Shared) -> Result<Duration, Failure> {
    let _flight = shared.begin_load();
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
            what: "the request for its keys",
            status: answer.status,
        });
    }
    let json = std::str::from_utf8(&answer.body).map_err(|_| Failure::Unreadable("JWK Set"))?;
    let (keys, passed_over) = KeySet::from_fetched_jwks(json)?;
    if passed_over > 0 {
        tracing::debug!(
            passed_over,
            "keys that do not verify tokens were passed over"
        );
    }
    if keys.is_empty() {
        return Err(Failure::NoKeys);
    }
    shared.state.set_keys(keys);
    shared.loaded();
    Ok(fresh_for(&answer.headers))
}

/// RFC 9111 section 5.2.2.1, within bounds.
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
    max_age.map_or(USUAL, |seconds| {
        Duration::from_secs(seconds).clamp(SHORTEST, LONGEST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_max_age_is_kept_within_bounds() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, value.parse().unwrap());
            fresh_for(&headers).as_secs()
        };
        assert_eq!(of("public, max-age=600"), 600);
        assert_eq!(of("Max-Age=\"600\""), 600);
        assert_eq!(of("max-age=0"), 60);
        assert_eq!(of("max-age=99999999999"), 3600);
        for other in ["no-store", "max-age=soon", "s-maxage=10", "max-age", ""] {
            assert_eq!(of(other), 300, "{other}");
        }
        assert_eq!(fresh_for(&HeaderMap::new()), USUAL);
    }
}
