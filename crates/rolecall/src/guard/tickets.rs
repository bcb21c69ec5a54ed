//! One-use tickets, for connections that cannot send a header.

use std::future::ready;

use axum::extract::Request;
use http::{Method, Uri};

use super::{credential, exchange::Exchanged, verify::Guard};
use crate::Denial;

/// The parameter of the query that holds a ticket.
const PARAMETER: &str = "ticket";

impl Guard {
    /// Returns a guard that shares everything with this one, and whose routes also accept `?ticket=` in GET requests.
    ///
    /// A browser cannot send a header when it opens a WebSocket or an `EventSource`, or follows a link to a download. It
    /// gets a ticket from `POST /api/tickets` first, with its access token, and adds that to the URL. A ticket lasts 30
    /// seconds and is used up by the request, before the handler runs, so that a URL in a log gives nobody access. The
    /// caller is that of the token; one that was revoked meanwhile is refused.
    ///
    /// Only the routes of this guard accept tickets. Close the connection when the caller loses access, which
    /// [`Principal::lost`](crate::Principal::lost) reports:
    ///
    /// ```
    /// use axum::response::IntoResponse;
    /// use rolecall::{GuardedRouter, Require, routing::get, testing::TestIssuer};
    ///
    /// rolecall::roles! { mod role { User = "user" } }
    /// async fn read_orders(_: Require<role::User>) {}
    /// async fn watch_orders(_: Require<role::User>) -> impl IntoResponse { /* a WebSocket or a stream */ }
    ///
    /// let guard = TestIssuer::new().guard(); // or that of `rolecall_server::Embedded`
    /// let streams = GuardedRouter::new(guard.with_tickets()).route("/orders/stream", get(watch_orders));
    /// let app: axum::Router = GuardedRouter::new(guard)
    ///     .route("/orders/", get(read_orders))
    ///     .merge(streams)
    ///     .into_axum();
    /// ```
    ///
    /// # Panics
    ///
    /// If the guard cannot redeem tickets: those of `rolecall_server::Embedded` and of `testing::TestIssuer` can, and a
    /// guard in another process that has a `client`.
    #[must_use]
    #[track_caller]
    pub fn with_tickets(&self) -> Self {
        assert!(
            self.inner.tickets.is_some(),
            "this guard cannot redeem tickets: use the guard of `rolecall_server::Embedded`, or give the builder a `client`"
        );
        Self {
            accepts_tickets: true,
            ..self.clone()
        }
    }

    /// Starts to redeem the ticket of a request, if it has one that this guard accepts.
    pub(super) fn redeem(&self, request: &Request) -> Option<Exchanged> {
        let tickets = self.inner.tickets.as_ref()?;
        if !self.accepts_tickets || *request.method() != Method::GET {
            return None;
        }
        let refuse = |denial| -> Option<Exchanged> { Some(Box::pin(ready(Err(denial)))) };
        match ticket(request.uri()) {
            Ok(None) => None,
            // RFC 6750 section 2: one method in a request
            Ok(Some(_)) if credential::names_bearer(request.headers()) => {
                refuse(Denial::TwoCredentials)
            }
            // a stale guard would use the ticket up for nothing
            Ok(Some(_)) if self.inner.checks.check_fresh().is_err() => {
                self.inner.ensure_running();
                refuse(Denial::Unavailable)
            }
            Ok(Some(ticket)) => Some(tickets.redeem(ticket, request.uri().path())),
            Err(denial) => refuse(denial),
        }
    }
}

/// Returns the ticket in the query of a request.
fn ticket(uri: &Uri) -> Result<Option<&str>, Denial> {
    let mut found = None;
    for pair in uri.query().unwrap_or_default().split('&') {
        let Some((PARAMETER, value)) = pair.split_once('=') else {
            continue;
        };
        if found.replace(value).is_some() {
            return Err(Denial::TwoCredentials);
        }
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match found {
        Some(ticket) if ticket.is_empty() || !ticket.bytes().all(is_plain) => {
            Err(Denial::InvalidToken)
        }
        found => Ok(found),
    }
}
