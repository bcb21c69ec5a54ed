//! Access tokens in a cookie.

use std::{sync::Arc, time::Duration};

#[cfg(feature = "axum")]
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};

use super::{credential, verify::Guard};
use crate::{CookieError, Denial, SessionCookie, cookie::host_cookie};

impl Guard {
    /// Returns a guard that shares everything with this one, and whose routes also accept the access token in `cookie`.
    ///
    /// - A Bearer token in the `Authorization` header is used instead of the cookie, whether it is valid or not: the
    ///   client chose to send it, and the browser adds the cookie to everything.
    /// - A request with a method other than GET, HEAD and OPTIONS needs a proof that a page of the application sent it
    ///   ([`SessionCookie::check_sender`]); the opening of a WebSocket needs an `Origin` that the cookie names. Without
    ///   it the answer is 403.
    /// - Two cookies of the name are 400.
    /// - Answers get `Vary: Cookie`, and `Cache-Control: no-store` unless the handler sets another, so that no cache
    ///   gives them to somebody else. Routes with [`Public`](crate::Public) are left as they are.
    ///
    /// ```
    /// use rolecall::{GuardedRouter, Require, SessionCookie, routing::get};
    /// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
    ///
    /// rolecall::roles! { mod role { User = "user" } }
    /// async fn read_orders(_: Require<role::User>) {}
    ///
    /// let cookie = SessionCookie::new("__Host-session", "https://app.example")?;
    /// let app: axum::Router = GuardedRouter::new(guard().with_cookie(cookie))
    ///     .route("/orders/", get(read_orders))
    ///     .into_axum();
    /// # Ok::<(), rolecall::CookieError>(())
    /// ```
    #[must_use]
    pub fn with_cookie(&self, cookie: SessionCookie) -> Self {
        Self {
            cookie: Some(Arc::new(cookie)),
            ..self.clone()
        }
    }

    /// Returns the value for a `Set-Cookie` header that stores an access token in the cookie of
    /// [`with_cookie`](Self::with_cookie) until the token expires. Call it in the handler that logs a user in.
    ///
    /// ```
    /// use rolecall::{SessionCookie, testing::TestIssuer};
    ///
    /// let issuer = TestIssuer::new();
    /// let cookie = SessionCookie::new("__Host-session", "https://app.example").unwrap();
    /// let guard = issuer.guard().with_cookie(cookie);
    /// let token = issuer.token("alice").sign();
    /// let header = guard.set_cookie(&token).unwrap();
    /// assert_eq!(
    ///     header,
    ///     format!("__Host-session={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=1800")
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieError::NoCookie`], [`CookieError::Token`] if the guard does not accept the token, and
    /// [`CookieError::TooLong`].
    pub fn set_cookie(&self, token: &str) -> Result<HeaderValue, CookieError> {
        let cookie = self.cookie.as_ref().ok_or(CookieError::NoCookie)?;
        let principal = self.verify(token)?;
        let remaining = principal.expires_at().since(self.inner.checks.clock.now());
        host_cookie(cookie.name(), token, remaining)
    }

    /// Returns the value for a `Set-Cookie` header that deletes the cookie of [`with_cookie`](Self::with_cookie). End the
    /// session too, since deleting the cookie revokes nothing.
    ///
    /// # Errors
    ///
    /// [`CookieError::NoCookie`].
    pub fn clear_cookie(&self) -> Result<HeaderValue, CookieError> {
        let cookie = self.cookie.as_ref().ok_or(CookieError::NoCookie)?;
        host_cookie(cookie.name(), "", Duration::ZERO)
    }

    /// Returns the token of the request that this guard accepts, unverified.
    pub(super) fn credential<'h>(
        &self,
        method: &Method,
        headers: &'h HeaderMap,
    ) -> Result<&'h str, Denial> {
        match (&self.cookie, credential::bearer(headers)) {
            // INVARIANT: a Bearer token that is refused is never replaced by the cookie of perhaps another user
            (Some(cookie), Err(Denial::NotAuthenticated)) if !credential::names_bearer(headers) => {
                cookie.token(method, headers)
            }
            (_, token) => token,
        }
    }

    #[cfg(feature = "axum")]
    /// Returns true if caches cannot know by whom the answer of a route with this rule may be read: a cookie or a ticket
    /// gave access. For a request with an `Authorization` header they know (RFC 9111 section 3.5).
    pub(crate) fn is_private(&self, rule: &crate::Rule) -> bool {
        (self.cookie.is_some() || self.accepts_tickets) && !matches!(rule, crate::Rule::Public)
    }

    #[cfg(feature = "axum")]
    /// Keeps caches from giving an answer of a [private](Self::is_private) route to anybody else.
    pub(crate) fn keep_from_others(&self, mut response: Response) -> Response {
        use http::header::{CACHE_CONTROL, VARY};

        let headers = response.headers_mut();
        if self.cookie.is_some() {
            headers.append(VARY, HeaderValue::from_static("cookie"));
        }
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        response
    }
}
