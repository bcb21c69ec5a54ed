//! Access tokens in a cookie, for pages that one application serves itself.
//!
//! A browser attaches a cookie to a request whoever caused it. So a guard reads one only if the application opts in with
//! [`Guard::with_cookie`](crate::Guard::with_cookie), and accepts it for a request that may change something only with a
//! proof that a page of the application sent it.

mod error;
mod header;
mod origin;

use http::{
    HeaderMap, HeaderValue, Method,
    header::{ORIGIN, UPGRADE},
};

pub use error::CookieError;
pub use header::{find, host_cookie};

use crate::Denial;

/// Set by browsers only, never by scripts (Fetch Metadata Request Headers).
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The cookie in which a guard accepts access tokens, and the origins whose pages may use it.
///
/// The name begins with `__Host-`: browsers then accept the cookie only from the host itself, over HTTPS, for all its
/// paths, and send it to no other host. No subdomain can plant one.
///
/// ```
/// use rolecall::{CookieError, SessionCookie};
///
/// let cookie = SessionCookie::new("__Host-session", "https://app.example")?;
/// assert_eq!(cookie.name(), "__Host-session");
/// assert!(SessionCookie::new("session", "https://app.example").is_err());
/// assert!(SessionCookie::new("__Host-session", "http://app.example").is_err(), "no HTTPS");
/// # Ok::<(), CookieError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    name: String,
    origins: Vec<String>,
}

impl SessionCookie {
    /// Names the cookie and the origin of the application, as a browser shows it: `https://app.example`.
    ///
    /// `http://` is accepted for `localhost`, `127.0.0.1` and `[::1]` only. Chrome and Firefox store such a cookie there;
    /// Safari does not, so test with HTTPS in it. Name the origin that the address bar shows: `localhost` and `127.0.0.1`
    /// are two.
    ///
    /// Keep a clone for [`check_sender`](Self::check_sender) if handlers of yours log in or out.
    ///
    /// # Errors
    ///
    /// [`CookieError::Name`] and [`CookieError::Origin`].
    pub fn new(name: &str, origin: &str) -> Result<Self, CookieError> {
        header::check_name(name)?;
        let cookie = Self {
            name: name.to_owned(),
            origins: Vec::new(),
        };
        cookie.or_origin(origin)
    }

    /// Also accepts the cookie in requests of pages of this origin, such as that of a development server.
    ///
    /// # Errors
    ///
    /// [`CookieError::Origin`].
    pub fn or_origin(mut self, origin: &str) -> Result<Self, CookieError> {
        origin::check(origin)?;
        self.origins.push(origin.to_owned());
        Ok(self)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that a page of the application sent the request, whatever its method. Call it in handlers that act on a
    /// cookie themselves, such as one that logs in or refreshes: there, another page could log a user in as somebody else.
    ///
    /// An `Origin` must be one of the cookie's. Without one, or with the opaque `null`, `Sec-Fetch-Site` must be
    /// `same-origin`. Browsers send at least one of them with every request that is not a plain GET.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue};
    /// use rolecall::{CookieError, Denial, SessionCookie};
    ///
    /// let cookie = SessionCookie::new("__Host-session", "https://app.example")?;
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(cookie.check_sender(&headers), Err(Denial::UnprovenSender));
    /// headers.insert("origin", HeaderValue::from_static("https://app.example"));
    /// assert_eq!(cookie.check_sender(&headers), Ok(()));
    /// # Ok::<(), CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Denial::UnprovenSender`].
    pub fn check_sender(&self, headers: &HeaderMap) -> Result<(), Denial> {
        match self.sender(headers) {
            Sender::Listed | Sender::SameOrigin => Ok(()),
            Sender::Unproven => Err(self.deny(headers, Denial::UnprovenSender)),
        }
    }

    /// Returns the access token in the cookie of a request.
    ///
    /// # Errors
    ///
    /// [`Denial::NotAuthenticated`] without the cookie, [`Denial::TwoCredentials`] if it is there twice,
    /// [`Denial::CrossSite`] without a proof that the method needs, and [`Denial::InvalidToken`] if the value is no token.
    pub(crate) fn token<'h>(
        &self,
        method: &Method,
        headers: &'h HeaderMap,
    ) -> Result<&'h str, Denial> {
        let value = find(headers, &self.name)?.ok_or(Denial::NotAuthenticated)?;
        let is_proven = if opens_connection(method, headers) {
            // RFC 6455 section 10.2: a WebSocket is open to pages of all origins unless the server checks `Origin`. The
            // same-origin policy does not cover it, and every browser sends the header.
            self.sender(headers) == Sender::Listed
        } else {
            is_safe(method) || self.sender(headers) != Sender::Unproven
        };
        if is_proven {
            Ok(value)
        } else {
            Err(self.deny(headers, Denial::CrossSite))
        }
    }

    fn sender(&self, headers: &HeaderMap) -> Sender {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, second) = (origins.next(), origins.next());
        match origin.map(HeaderValue::as_bytes) {
            _ if second.is_some() => Sender::Unproven,
            // a page with `Referrer-Policy: no-referrer` sends `null` with a form to its own origin
            None | Some(b"null") if is_same_origin(headers) => Sender::SameOrigin,
            Some(origin) if self.origins.iter().any(|own| own.as_bytes() == origin) => {
                Sender::Listed
            }
            _ => Sender::Unproven,
        }
    }

    /// Logs what the browser said of the sender, for the developer whose own page is refused.
    fn deny(&self, headers: &HeaderMap, denial: Denial) -> Denial {
        tracing::info!(
            origin = ?headers.get(ORIGIN),
            sec_fetch_site = ?headers.get(SEC_FETCH_SITE),
            accepted = ?self.origins,
            reason = %denial,
            "a request was refused, because a page of another site could have sent it"
        );
        denial
    }
}

/// The page that sent a request.
#[derive(PartialEq, Eq)]
enum Sender {
    /// A page of an origin that the application named.
    Listed,
    /// A page of the origin to which the request goes, as the browser says.
    SameOrigin,
    Unproven,
}

/// Returns true if there is exactly one `Sec-Fetch-Site`, and it is `same-origin`. `none` is not enough: it means only
/// that no page is known to have caused the request.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SEC_FETCH_SITE).iter();
    let value = values.next().map(HeaderValue::as_bytes);
    value == Some(b"same-origin") && values.next().is_none()
}

/// Returns true for methods that change nothing (RFC 9110 section 9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Returns true if the request may open a WebSocket: an upgrade, or an extended `CONNECT` (RFC 8441).
fn opens_connection(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::CONNECT || headers.contains_key(UPGRADE)
}
