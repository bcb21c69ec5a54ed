//! Reads the issuer's feed of revocations and updates the guard's state.

use std::time::Duration;

use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use rolecall_core::{Floor, FloorKind, Revision, Timestamp};
use serde::Deserialize;

use super::{
    backoff::Backoff, client_token::ClientToken, failure::Failure, settings::form_encoded,
    shared::Shared, time,
};

/// The maximum length of an answer; one with the largest number of floors is shorter.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time in seconds for which the issuer may hold a request. A dead connection is noticed one [`TIMEOUT`]
/// later.
const MAX_WAIT_SECONDS: u64 = 10;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const MAX_RETRY: Duration = Duration::from_secs(2);
/// The longest wait after a refusal, which does not go away until someone changes the client.
const MAX_RETRY_REFUSED: Duration = Duration::from_secs(15);
/// The longest pause between requests that are not held, so that revocations are read within a second.
const MAX_PAUSE: Duration = Duration::from_millis(250);
/// The time that an answer may be late, beyond the time for which the issuer holds the request.
const LATE: Duration = Duration::from_secs(2);
/// The time for which the issuer may hold a request while the state is getting old, since even an answer without news
/// makes it fresh.
const WAIT_WHEN_OLD: Duration = Duration::from_secs(1);
/// The pause after an answer. Revocations in quick succession then come in one answer, and an issuer that always
/// answers immediately does not keep the guard busy.
const MIN_PAUSE: Duration = Duration::from_millis(10);
/// The pause between requests while a token asks for the newest revision, which the issuer polls a few times a second.
const ASKED_PAUSE: Duration = Duration::from_millis(100);
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);
/// The longest lifetime of a token that a guard accepts.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// An answer of `GET /api/feed`.
#[derive(Deserialize)]
struct Answer {
    cursor: String,
    era: String,
    age_ms: u64,
    floors: Vec<FloorView>,
    policy_revision: Revision,
    /// The newest revision that the issuer knows of; older issuers do not send it.
    revision: Option<Revision>,
    /// The issuer's floors that ended before are forgotten; older issuers do not send it.
    forget_before: Option<String>,
    /// Changes when the JWK Set changes; older issuers do not send it.
    keys_revision: Option<Revision>,
    /// True if there is more to read immediately.
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct FloorView {
    // INVARIANT: an unknown kind makes the whole answer invalid, so that no revocation is ignored
    kind: FloorKind,
    key: String,
    /// Older issuers do not send it; their floors apply to all tokens.
    tenant: Option<String>,
    revision: Revision,
    until: String,
}

/// The position in the feed.
#[derive(Default)]
pub(super) struct Reader {
    cursor: String,
    /// An era and the floors of it that were read so far, while the whole state of a new era is being read.
    pending: Option<(String, Vec<Floor>)>,
    keys_revision: Option<Revision>,
    /// The monotonic time at which floors were last pruned.
    pruned_at: Duration,
}

/// Reads the feed forever.
pub(super) async fn follow(shared: &Shared, client: &ClientToken) {
    let mut reader = Reader::default();
    let mut backoff = Backoff::new(FIRST_RETRY);
    let usual_pause = pause_between(shared.max_staleness).unwrap_or(MIN_PAUSE);
    loop {
        match reader.read(shared, client).await {
            Ok(()) => {
                backoff.reset();
                let pause = if shared.state.is_asked() {
                    ASKED_PAUSE
                } else {
                    usual_pause
                };
                tokio::time::sleep(pause).await;
            }
            Err(failure) => {
                shared.record_feed_failure(&failure);
                let longest = if failure.is_refusal() {
                    MAX_RETRY_REFUSED
                } else {
                    MAX_RETRY
                };
                tokio::time::sleep(backoff.next(longest)).await;
            }
        }
    }
}

/// Returns the greatest age of the state while the issuer answers.
pub(crate) fn usual_age(max_staleness: Duration) -> Duration {
    (wait_within(max_staleness) + LATE).min(max_staleness)
}

/// Returns the time for which the issuer is asked to hold a request, zero if it should not.
///
/// Several requests must fit into `max_staleness`, since the age of an answer counts from when the request was sent.
fn wait_within(max_staleness: Duration) -> Duration {
    Duration::from_secs((max_staleness / 6).as_secs().min(MAX_WAIT_SECONDS))
}

/// Returns the pause between two requests if they are not held, or `None` if they are.
fn pause_between(max_staleness: Duration) -> Option<Duration> {
    let is_held = !wait_within(max_staleness).is_zero();
    (!is_held).then(|| (max_staleness / 6).min(MAX_PAUSE))
}

/// Returns the time for which the issuer is asked to hold the next request.
fn next_wait(shared: &Shared) -> Duration {
    if shared.state.is_asked() {
        return Duration::ZERO;
    }
    let wait = wait_within(shared.max_staleness);
    if shared.state.age() > shared.max_staleness / 2 {
        wait.min(WAIT_WHEN_OLD)
    } else {
        wait
    }
}

impl Reader {
    /// Sends one request, with a new token if necessary, and applies the answer.
    async fn read(&mut self, shared: &Shared, client: &ClientToken) -> Result<(), Failure> {
        let token = client.get(shared).await?;
        let sent_at = shared.clock.monotonic();
        let mut questions = shared.state.questions();
        let wait = next_wait(shared);
        let answer = tokio::select! {
            answer = self.request(shared, &token, wait) => answer,
            // a token asks: the next request is not held
            _ = questions.changed(), if !wait.is_zero() => return Ok(()),
        };
        match answer {
            Ok(answer) => self.apply(shared, answer, sent_at),
            Err(failure) => {
                // the token may be the reason, so the next attempt uses a new one
                if failure.is_refusal() {
                    client.forget(&token).await;
                }
                Err(failure)
            }
        }
    }

    async fn request(
        &self,
        shared: &Shared,
        token: &str,
        wait: Duration,
    ) -> Result<Answer, Failure> {
        let uri = shared.issuer.uri_of(&format!(
            "/api/feed?after={}&wait={}",
            form_encoded(&self.cursor),
            wait.as_secs()
        ))?;
        let request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, format!("Bearer {token}"));
        let timeout = wait + TIMEOUT;
        let answer = shared.http.send(request, Bytes::new(), MAX_BYTES, timeout);
        let answer = answer.await?;
        if answer.status != StatusCode::OK {
            return Err(Failure::Status {
                request: "the request for the feed",
                status: answer.status,
            });
        }
        parse(&answer.body)
    }

    /// Applies the body of an answer to a request that was sent at the monotonic time `sent_at`.
    #[cfg(feature = "testing")]
    pub(super) fn apply_body(
        &mut self,
        shared: &Shared,
        body: &[u8],
        sent_at: Duration,
    ) -> Result<(), Failure> {
        self.apply(shared, parse(body)?, sent_at)
    }

    /// Applies an answer to the state; `sent_at` is the monotonic time at which the request was sent.
    fn apply(&mut self, shared: &Shared, answer: Answer, sent_at: Duration) -> Result<(), Failure> {
        let floors = answer.floors.into_iter().map(FloorView::into_floor);
        let floors: Option<Vec<Floor>> = floors.collect();
        let floors = floors.ok_or(Failure::Malformed("feed"))?;
        let state = &shared.state;
        if *answer.era == *state.era() {
            self.pending = None;
            state.raise(&floors);
        } else {
            // the era is replaced only once all of its floors are known
            let mut all_floors = match self.pending.take() {
                Some((era, floors)) if era == answer.era => floors,
                _ => Vec::new(),
            };
            all_floors.extend(floors);
            if answer.more {
                self.pending = Some((answer.era, all_floors));
            } else {
                state.replace(&answer.era, &all_floors);
            }
        }
        self.cursor = answer.cursor;
        if self.keys_revision != answer.keys_revision {
            self.keys_revision = answer.keys_revision;
            shared.keys_changed.notify_one();
        }
        let now = shared.clock.monotonic();
        if !answer.more {
            // INVARIANT: the node may have answered from what it knew when the request was sent, so the state is at
            // least as old as the request
            let age = Duration::from_millis(answer.age_ms);
            state.mark_fresh_with_age(age.saturating_add(now.saturating_sub(sent_at)));
            if let Some(revision) = answer.revision {
                // questions are numbered by their time; only the earlier ones are answered
                let read_at = sent_at.saturating_sub(age).as_micros();
                state.answer(u64::try_from(read_at).unwrap_or(0), revision);
            }
        }
        if now.saturating_sub(self.pruned_at) >= PRUNE_INTERVAL {
            self.pruned_at = now;
            state.prune(forget_before(
                answer.forget_before.as_deref(),
                shared.clock.now(),
            ));
        }
        shared.record_answer(&self.cursor, answer.policy_revision);
        Ok(())
    }
}

fn parse(body: &[u8]) -> Result<Answer, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Malformed("feed"))
}

/// Returns the time before which floors must have ended to be forgotten: the issuer's, since this clock may be wrong.
/// Without it, floors stay for as long as a token may live.
fn forget_before(issuers: Option<&str>, now: Timestamp) -> Timestamp {
    match issuers {
        Some(text) => time::parse(text).unwrap_or_default(),
        None => now.minus(MAX_LIFETIME),
    }
}

impl FloorView {
    fn into_floor(self) -> Option<Floor> {
        Some(Floor {
            kind: self.kind,
            key: self.key,
            // a floor for no tenant is one for all tokens
            tenant: self.tenant.filter(|tenant| !tenant.is_empty()),
            revision: self.revision,
            until: time::parse(&self.until)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y023_floors_are_forgotten_by_the_time_of_the_issuer() {
        let now = Timestamp::from_seconds(1_893_456_000);
        let issuers = forget_before(Some("2029-12-31T23:00:00Z"), now);
        assert_eq!(issuers, now.minus(Duration::from_hours(1)));
        assert_eq!(forget_before(Some("soon"), now), Timestamp::default());
        assert_eq!(forget_before(None, now), now.minus(MAX_LIFETIME));
    }

    #[test]
    fn every_staleness_limit_gives_frequent_requests_without_a_busy_loop() {
        for tenths in 1..1_000 {
            let max_staleness = Duration::from_millis(100 * tenths);
            let wait = wait_within(max_staleness);
            assert!(wait <= max_staleness / 6);
            match pause_between(max_staleness) {
                Some(pause) => {
                    assert!(wait.is_zero() && pause <= Duration::from_millis(250));
                    assert!(pause > MIN_PAUSE);
                    // the state stays fresh between two answers
                    assert!(pause <= max_staleness / 6);
                }
                None => assert!(wait >= Duration::from_secs(1)),
            }
        }
    }
}
