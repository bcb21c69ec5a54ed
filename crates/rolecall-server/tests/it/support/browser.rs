//! A browser that signs a user in by the pages, as far as tests of other things need it.

use std::collections::BTreeMap;

use http::Method;

use super::{Credentials, Node, PASSWORD, Response};

/// The code verifier of RFC 7636 appendix B, and its challenge.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser with its cookies.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    node: &'a Node,
    cookies: BTreeMap<String, String>,
    address: Option<String>,
    language: Option<String>,
    agent: Option<String>,
}

/// The end of a sign-in: what the client gets, and whether the user was asked for their consent.
#[derive(Debug)]
pub(crate) struct SignInAnswer {
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) was_asked: bool,
}

impl SignInAnswer {
    /// Reads the answer that a response sends to the client at `redirect_uri`; `None` for a page or another place.
    pub(crate) fn of(response: &Response, redirect_uri: &str) -> Option<Self> {
        let location = response.header("location")?;
        let query = location.strip_prefix(redirect_uri)?.strip_prefix('?')?;
        assert_eq!(response.status, 303, "{response:?}");
        let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
        Some(Self {
            parameters: parameters.collect(),
            was_asked: false,
        })
    }

    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        self.parameters
            .get("code")
            .unwrap_or_else(|| panic!("no code: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        self.parameters
            .get("error")
            .unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self {
            node,
            cookies: BTreeMap::new(),
            address: None,
            language: None,
            agent: None,
        }
    }

    /// Lets the browser ask for pages in a language.
    pub(crate) fn preferring(mut self, language: &str) -> Self {
        self.language = Some(language.to_owned());
        self
    }

    /// Lets the browser send a `User-Agent`.
    pub(crate) fn named(mut self, agent: &str) -> Self {
        self.agent = Some(agent.to_owned());
        self
    }

    /// A browser at an address.
    pub(crate) fn at(node: &'a Node, address: &str) -> Self {
        Self {
            address: Some(address.to_owned()),
            ..Self::new(node)
        }
    }

    /// Sends the next requests to another node, as a load balancer does.
    pub(crate) fn go_to(&mut self, node: &'a Node) {
        self.node = node;
    }

    /// The value of the cookie `__Host-rolecall-NAME`.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let value = self.cookies.get(&format!("__Host-rolecall-{name}"))?;
        Some(value.as_str())
    }

    /// Puts a cookie `__Host-rolecall-NAME` into the browser.
    pub(crate) fn set_cookie(&mut self, name: &str, value: &str) {
        let name = format!("__Host-rolecall-{name}");
        self.cookies.insert(name, value.to_owned());
    }

    /// Opens a page.
    pub(crate) async fn open(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, None, &[]).await
    }

    /// Submits a form.
    pub(crate) async fn submit(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        self.send(Method::POST, path, Some(form), &[]).await
    }

    /// Submits a form with further headers.
    pub(crate) async fn submit_with(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Response {
        self.send(Method::POST, path, Some(form), headers).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self.node.request(method, path);
        if let Some(address) = &self.address {
            request = request.peer(address);
        }
        if let Some(language) = &self.language {
            request = request.header("accept-language", language);
        }
        if let Some(agent) = &self.agent {
            request = request.header("user-agent", agent);
        }
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await;
        for cookie in response.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    /// Sends an authorization request with a code challenge, and returns the first answer.
    pub(crate) async fn authorize(
        &mut self,
        client: &Credentials,
        redirect_uri: &str,
        more: &[(&str, &str)],
    ) -> Response {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("code_challenge", CHALLENGE)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(more)
            .finish();
        self.open(&format!("/authorize?{query}")).await
    }

    /// Begins a sign-in, which must lead to a page; returns the flow.
    pub(crate) async fn begin(
        &mut self,
        client: &Credentials,
        redirect_uri: &str,
        more: &[(&str, &str)],
    ) -> String {
        let response = self.authorize(client, redirect_uri, more).await;
        let location = response.is(303).header("location").unwrap();
        let flow = location.strip_prefix("/login?flow=");
        flow.unwrap_or_else(|| panic!("no page: {response:?}"))
            .to_owned()
    }

    /// Submits a name and a password.
    pub(crate) async fn log_in(&mut self, flow: &str, username: &str, password: &str) -> Response {
        let form = [
            ("flow", flow),
            ("username", username),
            ("password", password),
        ];
        self.submit("/login", &form).await
    }

    /// Submits the answer to the question for consent.
    pub(crate) async fn decide(&mut self, flow: &str, decision: &str) -> Response {
        let form = [("flow", flow), ("decision", decision)];
        self.submit("/consent", &form).await
    }

    /// Signs `alice` in where the pages ask for it, and allows whatever the client asks for.
    pub(crate) async fn sign_in(
        &mut self,
        client: &Credentials,
        redirect_uri: &str,
        more: &[(&str, &str)],
    ) -> SignInAnswer {
        self.sign_in_as("alice", client, redirect_uri, more).await
    }

    /// The same as another user.
    pub(crate) async fn sign_in_as(
        &mut self,
        username: &str,
        client: &Credentials,
        redirect_uri: &str,
        more: &[(&str, &str)],
    ) -> SignInAnswer {
        let mut response = self.authorize(client, redirect_uri, more).await;
        let mut was_asked = false;
        for _ in 0..4 {
            let location = response.is(303).header("location").unwrap().to_owned();
            let Some(flow) = location.strip_prefix("/login?flow=") else {
                let query = location.split_once('?').unwrap().1;
                let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
                return SignInAnswer {
                    parameters: parameters.collect(),
                    was_asked,
                };
            };
            let page = self.open(&location).await;
            let page = String::from_utf8_lossy(&page.is(200).body).into_owned();
            response = if page.contains("name=\"decision\"") {
                was_asked = true;
                self.decide(flow, "allow").await
            } else {
                self.log_in(flow, username, PASSWORD).await
            };
        }
        panic!("the sign-in does not end");
    }
}

impl Node {
    /// Exchanges a code for tokens; `more` are further form fields.
    pub(crate) async fn redeem(
        &self,
        client: &Credentials,
        code: &str,
        redirect_uri: &str,
        more: &[(&str, &str)],
    ) -> Response {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.send_as(client, &[&form[..], more].concat()).await
    }

    /// Sends a form to `/token` as the client, which may be public.
    pub(crate) async fn send_as(&self, client: &Credentials, form: &[(&str, &str)]) -> Response {
        if client.secret.is_empty() {
            let own = [("client_id", client.id.as_str())];
            return self.token(&[form, &own].concat()).await;
        }
        self.form_as(client, "/token", form).send().await
    }
}

/// Returns a page without the challenge for a passkey, which is random.
pub(crate) fn without_challenge(page: &str) -> String {
    let Some((before, rest)) = page.split_once("&quot;challenge&quot;:&quot;") else {
        return page.to_owned();
    };
    let (challenge, after) = rest.split_once("&quot;").unwrap();
    assert_eq!(challenge.len(), 43, "{challenge}");
    format!("{before}CHALLENGE{after}")
}
