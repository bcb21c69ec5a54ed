//! Answers of an issuer that a test gives, in place of the task that requests them.

use std::{sync::Arc, time::Duration};

use http::StatusCode;

use super::{failure::Failure, feed::Reader, keys, shared::Shared};

/// The reader of the feed and of the keys, without a network.
pub(crate) struct Script {
    shared: Arc<Shared>,
    reader: Reader,
}

impl Script {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            reader: Reader::default(),
        }
    }

    /// Takes an answer of the feed to a request that was sent `took` ago; `None` is a connection that broke.
    pub(crate) fn feed(&mut self, answer: Option<(u16, &[u8])>, took: Duration) -> bool {
        let sent_at = self.shared.clock.monotonic().saturating_sub(took);
        let result = body_of(answer, "the request for the feed")
            .and_then(|body| self.reader.apply_body(&self.shared, body, sent_at));
        result
            .inspect_err(|failure| self.shared.record_feed_failure(failure))
            .is_ok()
    }

    /// Takes an answer of the JWK Set.
    pub(crate) fn keys(&mut self, answer: Option<(u16, &[u8])>) -> bool {
        let _loading = self.shared.begin_load();
        let result = body_of(answer, "the request for the keys")
            .and_then(|body| keys::apply(&self.shared, body));
        result
            .inspect_err(|failure| self.shared.record_keys_failure(failure))
            .is_ok()
    }
}

fn body_of<'a>(
    answer: Option<(u16, &'a [u8])>,
    request: &'static str,
) -> Result<&'a [u8], Failure> {
    match answer {
        None => Err(Failure::TimedOut),
        Some((200, body)) => Ok(body),
        Some((status, _)) => Err(Failure::Status {
            request,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }),
    }
}
