//! Browsers, and applications that hear of log-outs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Router, extract::State, response::IntoResponse as _, routing::any};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode, header};
use rolecall_server::EmbeddedBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{
    Credentials, Database, Fixture, Node, PASSWORD, Response, TestApp, claims, eventually,
};

/// A code verifier.
const VERIFIER: &str = "abcdefghijklmnopqrstuvwxyz0123456789-._~ABCDEFG";

/// A request that an application got.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) content_type: String,
    pub(super) body: String,
}

impl Received {
    /// The logout token.
    pub(super) fn token(&self) -> String {
        let fields: Vec<_> = form_urlencoded::parse(self.body.as_bytes()).collect();
        assert_eq!(fields.len(), 1, "{self:?}");
        assert_eq!(fields[0].0, "logout_token");
        fields[0].1.clone().into_owned()
    }

    pub(super) fn sid(&self) -> String {
        claims(&self.token())["sid"].as_str().unwrap().to_owned()
    }
}

#[derive(Default)]
struct Inbox {
    received: Vec<Received>,
    /// The statuses of the next answers; then 204. Zero for an answer that never comes.
    answers: VecDeque<u16>,
}

/// An application that listens for logout tokens.
#[derive(Clone)]
pub(super) struct RelyingParty {
    inbox: Arc<Mutex<Inbox>>,
    pub(super) url: String,
}

impl RelyingParty {
    pub(super) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/out", listener.local_addr().unwrap());
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let router = Router::new()
            .fallback(any(receive))
            .with_state(Arc::clone(&inbox));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inbox, url }
    }

    /// Sets the statuses of the next answers.
    pub(super) fn answer(&self, statuses: &[u16]) {
        self.inbox.lock().unwrap().answers = statuses.iter().copied().collect();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.inbox.lock().unwrap().received.clone()
    }

    /// Waits for this many requests.
    pub(super) async fn count(&self, number: usize) -> Vec<Received> {
        eventually("the logout tokens", async || {
            self.received().len() >= number
        })
        .await;
        let received = self.received();
        assert_eq!(received.len(), number, "{received:?}");
        received
    }

    /// The sessions that the application was told of, sorted.
    pub(super) fn sids(&self) -> Vec<String> {
        let mut sids: Vec<String> = self.received().iter().map(Received::sid).collect();
        sids.sort_unstable();
        sids
    }
}

async fn receive(
    State(inbox): State<Arc<Mutex<Inbox>>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.unwrap();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let received = Received {
        method: parts.method,
        path_and_query: parts.uri.to_string(),
        content_type: kind.map_or("", |kind| kind.to_str().unwrap()).to_owned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let status = {
        let mut inbox = inbox.lock().unwrap();
        inbox.received.push(received);
        inbox.answers.pop_front().unwrap_or(204)
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        return (status, [(header::LOCATION, "/elsewhere")]).into_response();
    }
    status.into_response()
}

/// A client through which people sign in.
pub(super) struct Client {
    pub(super) credentials: Credentials,
    pub(super) redirect_uri: String,
    pub(super) after: String,
}

impl Client {
    pub(super) fn id(&self) -> &str {
        &self.credentials.id
    }
}

/// An application with one relying party, and the users alice and bob.
pub(super) struct Site {
    pub(super) app: TestApp,
    pub(super) party: RelyingParty,
    pub(super) client: Client,
}

impl std::ops::Deref for Site {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Fixture for Site {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        let party = RelyingParty::listen().await;
        let app = TestApp::configured(db, allowing).await;
        for user in ["alice", "bob"] {
            app.create_user(user, &[]).await;
        }
        let client = create_client(&app, "first", Some(&party.url), "RS256").await;
        Self { app, party, client }
    }
}

/// Lets a node call relying parties on this machine.
pub(super) fn allowing(builder: EmbeddedBuilder) -> EmbeddedBuilder {
    builder.allow_outgoing("127.0.0.0/8".parse().unwrap())
}

/// Creates a client, which is told of log-outs at `url`.
pub(super) async fn create_client(
    app: &TestApp,
    name: &str,
    url: Option<&str>,
    algorithm: &str,
) -> Client {
    let redirect_uri = format!("https://{name}.example/cb");
    let after = format!("https://{name}.example/signed-out");
    let mut members = json!({
        "grants": ["authorization_code", "refresh_token"],
        "redirect_uris": [redirect_uri],
        "post_logout_redirect_uris": [after],
        "consent": "skip",
        "id_token_alg": algorithm,
    });
    if let Some(url) = url {
        members["backchannel_logout_uri"] = json!(url);
    }
    Client {
        credentials: app.create_client(name, members).await,
        redirect_uri,
        after,
    }
}

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) id_token: String,
    pub(super) sid: String,
}

/// A browser: it keeps cookies.
#[derive(Clone, Debug, Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) async fn get(&mut self, node: &Node, path: &str) -> Response {
        self.send(node, Method::GET, path, None).await
    }

    pub(super) async fn post(
        &mut self,
        node: &Node,
        path: &str,
        form: &[(&str, &str)],
    ) -> Response {
        self.send(node, Method::POST, path, Some(form)).await
    }

    async fn send(
        &mut self,
        node: &Node,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Response {
        let mut request = node.request(method, path);
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", &pairs.join("; "));
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await;
        for cookie in response.headers.get_all(header::SET_COOKIE) {
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            if parts.any(|part| part == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// Returns true if the browser has the cookie of a session.
    pub(super) fn has_session(&self) -> bool {
        self.cookies
            .keys()
            .any(|name| name.ends_with("rolecall-session"))
    }

    fn authorize(client: &Client, scope: &str, prompt: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client.id()),
                ("redirect_uri", &client.redirect_uri),
                ("scope", scope),
                ("state", "s"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("prompt", prompt),
            ])
            .finish();
        format!("/authorize?{query}")
    }

    /// Signs a user in through a client, by the session of this browser if it is theirs and lives.
    pub(super) async fn sign_in(
        &mut self,
        node: &Node,
        client: &Client,
        user: &str,
        scope: &str,
    ) -> SignedIn {
        let code = self.code(node, client, user, scope).await;
        redeem(node, client, &code).await
    }

    /// Signs a user in and returns the code.
    pub(super) async fn code(
        &mut self,
        node: &Node,
        client: &Client,
        user: &str,
        scope: &str,
    ) -> String {
        let path = Self::authorize(client, scope, "login");
        let begun = self.get(node, &path).await;
        let page = begun.is(303).header("location").unwrap().to_owned();
        let (_, flow) = page.split_once("flow=").unwrap_or_else(|| panic!("{page}"));
        let form = [("flow", flow), ("username", user), ("password", PASSWORD)];
        let done = self.post(node, "/login", &form).await;
        code_of(&done, client)
    }

    /// Asks silently who is signed in; `None` if nobody is.
    pub(super) async fn silently(&mut self, node: &Node, client: &Client) -> Option<String> {
        let path = Self::authorize(client, "openid", "none");
        let answer = self.get(node, &path).await;
        let location = answer.is(303).header("location").unwrap();
        (!location.contains("error=login_required")).then(|| code_of(&answer, client))
    }

    /// Asks silently for a code, which may be refused for any reason that is no fault of the server.
    pub(super) async fn try_silently(
        &mut self,
        node: &Node,
        client: &Client,
        scope: &str,
    ) -> Result<String, ()> {
        let path = Self::authorize(client, scope, "none");
        let answer = self.get(node, &path).await;
        assert!(!answer.status.is_server_error(), "{answer:?}");
        match answer.header("location") {
            Some(location) if location.contains("code=") => Ok(code_of(&answer, client)),
            _ => Err(()),
        }
    }

    /// Sends parameters to `/logout`.
    pub(super) async fn log_out(&mut self, node: &Node, parameters: &[(&str, &str)]) -> Response {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        self.get(node, &format!("/logout?{query}")).await
    }

    /// Submits the form of the page that asks.
    pub(super) async fn confirm(&mut self, node: &Node, page: &Response) -> Response {
        let fields = fields(page);
        assert!(
            fields.iter().any(|(name, _)| name == "confirmed"),
            "{page:?}"
        );
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.post(node, "/logout", &fields).await
    }
}

#[track_caller]
fn code_of(answer: &Response, client: &Client) -> String {
    let location = answer.is(303).header("location").unwrap();
    let query = location.strip_prefix(&format!("{}?", client.redirect_uri));
    let query = query.unwrap_or_else(|| panic!("{location}"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let code = pairs.find(|(name, _)| name == "code");
    code.unwrap_or_else(|| panic!("{location}")).1.into_owned()
}

/// Exchanges a code.
pub(super) async fn try_redeem(node: &Node, client: &Client, code: &str) -> Response {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &client.redirect_uri),
        ("code_verifier", VERIFIER),
    ];
    node.form_as(&client.credentials, "/token", &form)
        .send()
        .await
}

pub(super) async fn redeem(node: &Node, client: &Client, code: &str) -> SignedIn {
    let tokens = try_redeem(node, client, code).await;
    let access = tokens.is(200).text("access_token");
    SignedIn {
        sid: crate::support::session_id(&access),
        access,
        refresh: tokens.text("refresh_token"),
        id_token: tokens.json["id_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The hidden fields of the only form of a page.
pub(super) fn fields(page: &Response) -> Vec<(String, String)> {
    let html = std::str::from_utf8(&page.is(200).body).unwrap();
    assert_eq!(html.matches("<form").count(), 1, "{html}");
    let inputs = html.split("<input type=\"hidden\" ").skip(1);
    let attribute = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!("{name}=\"")).unwrap();
        let value = rest.split('"').next().unwrap();
        // what minijinja escapes
        value
            .replace("&#x2f;", "/")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    };
    inputs
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect()
}

/// Expects a page, and no redirect.
#[track_caller]
pub(super) fn is_page(response: &Response, status: u16) -> String {
    assert_eq!(response.is(status).header("location"), None);
    let kind = response.header("content-type");
    assert_eq!(kind, Some("text/html; charset=utf-8"));
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// Waits until nothing is left to send.
pub(super) async fn all_sent(app: &TestApp) {
    eventually("everything is sent", async || {
        app.db.count("logout_notices").await == 0
    })
    .await;
}

/// The revision, and the rows that a log-out changes.
pub(super) async fn state_of(app: &TestApp) -> (i64, i64, i64, Value) {
    (
        app.db.revision().await,
        app.db.count("browser_sessions").await,
        app.db.count("sessions").await,
        json!(app.db.count("logout_notices").await),
    )
}
