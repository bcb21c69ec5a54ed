//! Log-out that an application begins (`OpenID` Connect RP-Initiated Logout 1.0).
//!
//! Without a hint of this browser's own session a page asks: a link on another site must not sign anybody out. The
//! browser is sent only to an address that is registered for the one client that the request names.

use rolecall::token::MAX_TOKEN_BYTES;
use subtle::ConstantTimeEq as _;

use super::{
    browser::{service as browsers, store::BrowserSession},
    flow::store as flows,
    secret::{self, Kind},
};
use crate::{
    app::App,
    backchannel::store as backchannel,
    clients::{redirect, store as clients},
    error::ApiError,
    tokens::id_token::Hint,
};

/// The parameters that are known; others are ignored (RP-Initiated Logout section 2).
const KNOWN: [&str; 7] = [
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
    "logout_hint",
    CONFIRMED,
];
/// The parameter of the page's own form.
pub(crate) const CONFIRMED: &str = "confirmed";
/// The longest request, in bytes.
pub(crate) const MAX_REQUEST: usize = 16 * 1024 + MAX_TOKEN_BYTES;

/// A request to log out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogOutRequest {
    pub(crate) id_token_hint: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) post_logout_redirect_uri: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) ui_locales: Option<String>,
    /// The answer of the form of the page.
    pub(crate) confirmed: Option<String>,
}

impl LogOutRequest {
    /// Reads a request. `encoded` is the query, or the body of a form.
    ///
    /// # Errors
    ///
    /// The reason, for the person who runs the application.
    pub(crate) fn parse(encoded: &str) -> Result<Self, &'static str> {
        if encoded.len() > MAX_REQUEST {
            return Err("the request is too long");
        }
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            let Some(known) = KNOWN.iter().find(|known| **known == name) else {
                continue;
            };
            if values.iter().any(|(seen, _)| seen == known) {
                return Err("a parameter was sent twice");
            }
            if value.contains('\0') {
                return Err("a parameter has a NUL in it");
            }
            values.push((known, value.into_owned()));
        }
        let mut take = |name: &str| {
            let place = values.iter().position(|(known, _)| *known == name)?;
            let (_, value) = values.swap_remove(place);
            (!value.is_empty()).then_some(value)
        };
        Ok(Self {
            id_token_hint: take("id_token_hint"),
            client_id: take("client_id"),
            post_logout_redirect_uri: take("post_logout_redirect_uri"),
            state: take("state"),
            ui_locales: take("ui_locales"),
            confirmed: take(CONFIRMED),
        })
    }

    /// Returns the parameters of the application, for the form of the page and for a redirect to it.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let values = [
            ("id_token_hint", &self.id_token_hint),
            ("client_id", &self.client_id),
            ("post_logout_redirect_uri", &self.post_logout_redirect_uri),
            ("state", &self.state),
            ("ui_locales", &self.ui_locales),
        ];
        let values = values.into_iter();
        values
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect()
    }
}

/// The application that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Nobody,
    /// The hint is not one of ours, or is for another client than the request names.
    Contradiction,
    Client {
        id: String,
        hint: Option<Hint>,
    },
}

/// The hint that was sent.
#[derive(Clone, Debug)]
enum Sent {
    None,
    /// It is not one of ours.
    Foreign,
    Ours(Hint),
}

impl Sent {
    fn read(app: &App, token: Option<&str>) -> Self {
        match token.map(|token| Hint::read(app, token)) {
            None => Self::None,
            Some(None) => Self::Foreign,
            Some(Some(hint)) => Self::Ours(hint),
        }
    }
}

impl Named {
    fn of(sent: Sent, client_id: Option<&str>) -> Self {
        match (sent, client_id) {
            (Sent::None, None) => Self::Nobody,
            (Sent::None, Some(id)) => Self::Client {
                id: id.to_owned(),
                hint: None,
            },
            (Sent::Foreign, _) => Self::Contradiction,
            (Sent::Ours(hint), Some(id)) if hint.client != id => Self::Contradiction,
            (Sent::Ours(hint), _) => Self::Client {
                id: hint.client.clone(),
                hint: Some(hint),
            },
        }
    }
}

/// The next thing after a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// A page asks.
    Ask {
        username: String,
        /// Proves that the answer comes from the page.
        confirmation: String,
        /// Where the answer leads.
        target: Option<String>,
    },
    /// Nobody is signed in with this browser (any more).
    Done {
        target: Option<String>,
        /// False if nobody was.
        ended: bool,
    },
}

/// Decides on a request, and logs out if nothing is to be asked. `session` and `flow` are the cookies of the browser.
pub(crate) async fn log_out(
    app: &App,
    request: &LogOutRequest,
    session: Option<&str>,
    flow: Option<&str>,
) -> Result<Step, ApiError> {
    let sent = Sent::read(app, request.id_token_hint.as_deref());
    let named = Named::of(sent, request.client_id.as_deref());
    let target = target(app, request, &named).await?;
    let current = browsers::find(app, session).await?;
    let Some(current) = current else {
        return Ok(Step::Done {
            target,
            ended: false,
        });
    };
    // of the session and not of its cookie, which another tab may renew while the page asks
    let confirmation = secret::hash(app, Kind::LogOut, &current.id).unwrap_or_default();
    let confirmed = request.confirmed.as_deref().unwrap_or_default();
    let is_confirmed =
        !confirmation.is_empty() && bool::from(confirmed.as_bytes().ct_eq(confirmation.as_bytes()));
    if !is_confirmed && !is_of_session(app, &named, &current).await? {
        return Ok(Step::Ask {
            username: current.username,
            confirmation,
            target,
        });
    }
    browsers::end(app, &current.subject_id, &current.id).await?;
    end_flows(app, flow).await?;
    Ok(Step::Done {
        target,
        ended: true,
    })
}

/// Returns where the browser goes afterwards: to an address that is registered for the client byte for byte.
async fn target(
    app: &App,
    request: &LogOutRequest,
    named: &Named,
) -> Result<Option<String>, ApiError> {
    let (Named::Client { id, .. }, Some(uri)) = (named, &request.post_logout_redirect_uri) else {
        return Ok(None);
    };
    let client = clients::find(&mut app.store().read().await?, id).await?;
    let registered = client.map(|client| client.sign_in.post_logout_redirect_uris);
    let registered = registered.unwrap_or_default();
    Ok(registered
        .contains(uri)
        .then(|| with_state(uri, request.state.as_deref())))
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    match state {
        Some(state) => redirect::with_parameters(uri, [("state", state)]),
        None => uri.to_owned(),
    }
}

/// Returns true if the hint is of a session that was opened in this browser session.
async fn is_of_session(
    app: &App,
    named: &Named,
    current: &BrowserSession,
) -> Result<bool, ApiError> {
    let Named::Client {
        hint: Some(hint), ..
    } = named
    else {
        return Ok(false);
    };
    if hint.subject != current.subject_id {
        return Ok(false);
    }
    let mut conn = app.store().read().await?;
    let opened_in = backchannel::find(&mut conn, &hint.session, &hint.subject).await?;
    Ok(opened_in.as_deref() == Some(current.id.as_str()))
}

/// Ends what somebody had begun in this browser: it may hold a proof of who they are.
async fn end_flows(app: &App, cookie: Option<&str>) -> Result<(), ApiError> {
    let hash = cookie.and_then(|cookie| secret::hash(app, Kind::Flow, cookie));
    let Some(hash) = hash else { return Ok(()) };
    let ended = app
        .store()
        .write(async |conn: &mut crate::store::Conn| flows::delete_all(conn, &hash).await);
    Ok(ended.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m076_m080_known_parameters_are_read_once_and_others_are_ignored() {
        let request = LogOutRequest::parse(
            "id_token_hint=a.b.c&client_id=x&state=s%26t&logout_hint=alice&ui_locales=&other=1&other=2",
        );
        let expected = LogOutRequest {
            id_token_hint: Some("a.b.c".to_owned()),
            client_id: Some("x".to_owned()),
            state: Some("s&t".to_owned()),
            ..LogOutRequest::default()
        };
        assert_eq!(request.as_ref(), Ok(&expected));
        let sent = [
            ("id_token_hint", "a.b.c"),
            ("client_id", "x"),
            ("state", "s&t"),
        ];
        assert_eq!(expected.parameters(), sent);
        assert_eq!(LogOutRequest::parse(""), Ok(LogOutRequest::default()));
        for known in KNOWN {
            let twice = format!("{known}=1&x=2&{known}=1");
            assert!(LogOutRequest::parse(&twice).is_err(), "{known}");
        }
        assert!(LogOutRequest::parse("state=%00").is_err());
        assert!(LogOutRequest::parse(&"a".repeat(MAX_REQUEST + 1)).is_err());
    }

    #[test]
    fn i101_i102_m073_m079_a_request_names_one_client_or_none() {
        let hint = || Hint {
            client: "app".to_owned(),
            subject: "u".to_owned(),
            session: "s".to_owned(),
        };
        let client = |hint| Named::Client {
            id: "app".to_owned(),
            hint,
        };
        for (sent, client_id, named) in [
            (Sent::None, None, Named::Nobody),
            (Sent::None, Some("app"), client(None)),
            (Sent::Foreign, None, Named::Contradiction),
            (Sent::Foreign, Some("app"), Named::Contradiction),
            (Sent::Ours(hint()), None, client(Some(hint()))),
            (Sent::Ours(hint()), Some("app"), client(Some(hint()))),
            (Sent::Ours(hint()), Some("other"), Named::Contradiction),
        ] {
            assert_eq!(
                Named::of(sent.clone(), client_id),
                named,
                "{sent:?} {client_id:?}"
            );
        }
    }

    #[test]
    fn m078_state_is_added_and_the_rest_of_the_address_stays() {
        for (uri, with) in [
            (
                "https://app.example/out",
                "https://app.example/out?state=a%26b",
            ),
            (
                "https://app.example/out?x=1",
                "https://app.example/out?x=1&state=a%26b",
            ),
            (
                "https://app.example/out?",
                "https://app.example/out?state=a%26b",
            ),
            ("com.example.app:/out", "com.example.app:/out?state=a%26b"),
        ] {
            assert_eq!(with_state(uri, Some("a&b")), with);
            assert_eq!(with_state(uri, None), uri);
        }
    }
}
