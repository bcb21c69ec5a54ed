//! Following what was taken away.

use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use http::{
    Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use rolecall_core::{Floor, FloorKind, Revision};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Credentials, Shared, backoff::Backoff, failure::Failure, time};

/// More than the most floors of one answer take.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_TOKEN_ANSWER: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that a request is held; a silent connection is noticed one [`TIMEOUT`] later.
const LONGEST_WAIT: u64 = 10;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// Where the issuer turns the client away: it has to be changed by somebody.
const REFUSED_RETRY: Duration = Duration::from_secs(15);
/// The longest pause between two requests where none is held, so that what is lost is heard within a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long a request is held while the state is old: an answer that tells nothing new makes it fresh.
const HASTE: Duration = Duration::from_secs(1);
/// After each answer: losses that come in a row are told together, and an issuer that answers at once,
/// whatever it is asked, does not keep the guard busy.
const BREATH: Duration = Duration::from_millis(10);
const PRUNE: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Answer {
    cursor: String,
    era: String,
    age_ms: u64,
    floors: Vec<FloorView>,
    policy_revision: Revision,
    /// Tells that the JWK Set is another one; not every issuer says so.
    keys_revision: Option<Revision>,
    /// Whether there is more to be read at once.
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct FloorView {
    // INVARIANT: a kind that this guard does not know makes the answer unreadable, rather than a loss unheard
    kind: FloorKind,
    key: String,
    revision: Revision,
    until: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<u64>,
}

/// The client's own access token.
struct Token {
    text: Zeroizing<String>,
    /// On the guard's monotonic clock.
    renew_at: Duration,
}

/// How far the feed was read.
#[derive(Default)]
struct Reader {
    token: Option<Token>,
    cursor: String,
    /// The whole state of another era, as far as it has come.
    pending: Option<(String, Vec<Floor>)>,
    keys_revision: Option<Revision>,
    pruned: Duration,
}

/// Reads the feed, again and again. Never ends.
pub(super) async fn follow(shared: &Shared, credentials: &Credentials) {
    let mut reader = Reader::default();
    let mut backoff = Backoff::new(FIRST_RETRY);
    loop {
        match reader.read(shared, credentials).await {
            Ok(()) => {
                backoff.reset();
                tokio::time::sleep(shared.pause.unwrap_or(BREATH)).await;
            }
            Err(failure) => {
                shared.feed_failed(&failure);
                let longest = if failure.is_refusal() {
                    REFUSED_RETRY
                } else {
                    LONGEST_RETRY
                };
                tokio::time::sleep(backoff.next(longest)).await;
            }
        }
    }
}

/// How long the issuer is asked to hold a request: so short that several fit into `max_staleness`, since
/// the age of an answer counts from when it was asked for.
pub(super) fn wait_within(max_staleness: Duration) -> Duration {
    Duration::from_secs((max_staleness / 6).as_secs().min(LONGEST_WAIT))
}

/// The pause between two requests, where holding one would take too long.
pub(super) fn pause_within(max_staleness: Duration) -> Option<Duration> {
    let is_held = !wait_within(max_staleness).is_zero();
    (!is_held).then(|| (max_staleness / 6).min(LONGEST_PAUSE))
}

/// How long the next request is held.
fn next_wait(shared: &Shared) -> Duration {
    if shared.state.age() > shared.max_staleness / 2 {
        shared.wait.min(HASTE)
    } else {
        shared.wait
    }
}

impl Reader {
    async fn read(&mut self, shared: &Shared, credentials: &Credentials) -> Result<(), Failure> {
        let now = shared.clock.monotonic();
        if self
            .token
            .as_ref()
            .is_none_or(|token| now >= token.renew_at)
        {
            self.token = Some(fetch_token(shared, credentials).await?);
        }
        let sent_at = shared.clock.monotonic();
        match self.ask(shared).await {
            Ok(answer) => self.take_in(shared, answer, sent_at),
            Err(failure) => {
                // whatever it was, the next attempt begins with a token that is good
                if failure.is_refusal() {
                    self.token = None;
                }
                Err(failure)
            }
        }
    }

    async fn ask(&self, shared: &Shared) -> Result<Answer, Failure> {
        let text = self.token.as_ref().map_or("", |token| &token.text);
        let held = next_wait(shared);
        let uri = shared.issuer.at(&format!(
            "/api/feed?after={}&wait={}",
            encoded(&self.cursor),
            held.as_secs()
        ))?;
        let request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, format!("Bearer {text}"));
        let timeout = held + TIMEOUT;
        let answer = shared.http.send(request, Bytes::new(), MAX_BYTES, timeout);
        let answer = answer.await?;
        if answer.status != StatusCode::OK {
            return Err(Failure::Status {
                what: "the request for its feed",
                status: answer.status,
            });
        }
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Unreadable("feed"))
    }

    fn take_in(
        &mut self,
        shared: &Shared,
        answer: Answer,
        sent_at: Duration,
    ) -> Result<(), Failure> {
        let floors = answer.floors.into_iter().map(FloorView::into_floor);
        let floors: Option<Vec<Floor>> = floors.collect();
        let floors = floors.ok_or(Failure::Unreadable("feed"))?;
        let state = &shared.state;
        if *answer.era == *state.era() {
            self.pending = None;
            state.raise(&floors);
        } else {
            let mut whole = match self.pending.take() {
                Some((era, whole)) if era == answer.era => whole,
                _ => Vec::new(),
            };
            whole.extend(floors);
            if answer.more {
                self.pending = Some((answer.era, whole));
            } else {
                state.replace(&answer.era, &whole);
            }
        }
        self.cursor = answer.cursor;
        if self.keys_revision != answer.keys_revision {
            self.keys_revision = answer.keys_revision;
            shared.other_keys.notify_one();
        }
        let now = shared.clock.monotonic();
        if !answer.more {
            // INVARIANT: never fresher than the node was when it may have begun to answer
            let age = Duration::from_millis(answer.age_ms);
            state.mark_fresh_with_age(age.saturating_add(now.saturating_sub(sent_at)));
        }
        if now.saturating_sub(self.pruned) >= PRUNE {
            self.pruned = now;
            state.prune(shared.clock.now());
        }
        shared.heard(&self.cursor, answer.policy_revision);
        Ok(())
    }
}

impl FloorView {
    fn into_floor(self) -> Option<Floor> {
        Some(Floor {
            kind: self.kind,
            key: self.key,
            revision: self.revision,
            until: time::parse(&self.until)?,
        })
    }
}

/// Asks for a token for the issuer itself (RFC 6749 section 4.4), once its addresses are known.
async fn fetch_token(shared: &Shared, credentials: &Credentials) -> Result<Token, Failure> {
    let endpoint = token_endpoint(shared).await?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("audience", &shared.issuer.name)
        .finish();
    let asked_at = shared.clock.monotonic();
    let request = Request::post(endpoint)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(AUTHORIZATION, credentials.basic());
    let answer = shared
        .http
        .send(request, form.into(), MAX_TOKEN_ANSWER, TIMEOUT)
        .await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::Status {
            what: "the request for the feed's token",
            status: answer.status,
        });
    }
    let answer: TokenAnswer =
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Unreadable("token"))?;
    let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(60));
    Ok(Token {
        text: answer.access_token.into(),
        renew_at: asked_at.saturating_add(lifetime / 5 * 4),
    })
}

/// Waits until the metadata was loaded, which [`keys`](super::keys) does.
async fn token_endpoint(shared: &Shared) -> Result<Uri, Failure> {
    let mut metadata = shared.metadata.subscribe();
    let known = metadata.wait_for(Option::is_some).await;
    let known = known.map_err(|_| Failure::Unreadable("metadata"))?;
    known
        .as_ref()
        .and_then(|metadata| metadata.token.clone())
        .ok_or(Failure::Unreadable("token endpoint"))
}

impl Credentials {
    /// RFC 6749 section 2.3.1: both encoded as in a form.
    fn basic(&self) -> String {
        let pair = Zeroizing::new(format!("{}:{}", encoded(&self.id), encoded(&self.secret)));
        let pair = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
        format!("Basic {pair}")
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_makes_a_guard_deaf_for_a_second_or_keeps_it_busy() {
        for tenths in 1..1_000 {
            let max_staleness = Duration::from_millis(100 * tenths);
            let wait = wait_within(max_staleness);
            assert!(wait <= max_staleness / 6);
            match pause_within(max_staleness) {
                Some(pause) => {
                    assert!(wait.is_zero() && pause <= Duration::from_millis(250));
                    assert!(pause > BREATH);
                    // the age of what is heard stays below what makes it too old
                    assert!(pause <= max_staleness / 6);
                }
                None => assert!(wait >= Duration::from_secs(1)),
            }
        }
    }
}
