#![expect(clippy::panic, reason = "a fuzz target reports a fault by a panic")]

use std::sync::LazyLock;

use tokio::runtime::Runtime;

use crate::{
    Embedded,
    authority::caller::Caller,
    clients::{
        registration::ClientRegistration,
        service::{self, Brought},
    },
    login::flow::{
        answer::Answer,
        request::{AuthorizationRequest, Prompt},
    },
    oauth::{
        authorize::{AuthorizeError, parse},
        parameters::{HINT, KNOWN, MAX_HINT, MAX_REQUEST, MAX_VALUE},
    },
};

/// What inputs write for the id of the client, which is random.
const CLIENT: &str = "APP";
const REDIRECTS: [&str; 2] = ["https://app.example/cb", "https://app.example/cb?a=b"];

/// A server with one client.
struct Server {
    runtime: Runtime,
    embedded: Embedded,
    client: String,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    let (embedded, client) = runtime.block_on(async {
        let builder = Embedded::builder("sqlite::memory:").master_key(&"5c7e0b1a".repeat(8));
        let builder = builder.public_url("https://id.example");
        let embedded = builder.open().await;
        let embedded = embedded.unwrap_or_else(|error| panic!("{error}"));
        let wanted = ClientRegistration {
            name: "app".to_owned(),
            grants: vec!["authorization_code".to_owned()],
            audiences: vec!["https://api.example".to_owned()],
            redirect_uris: REDIRECTS.map(str::to_owned).into(),
            ..ClientRegistration::default()
        };
        let (app, brought) = (embedded.app(), Brought::default());
        let created = service::create(app, Caller::System, &wanted, brought, &[]).await;
        let created = created.unwrap_or_else(|error| panic!("{error}"));
        (embedded, created.0.client.id)
    });
    Server {
        runtime,
        embedded,
        client,
    }
});

/// Reads the parameters of an authorization request, and compares the result with the lenient parser of the URL Standard.
///
/// # Panics
///
/// If an answer leads to an address that the client has not registered, if a request is accepted that lacks something, or
/// if a request changes when it is stored.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let server = &*SERVER;
    let encoded = text.replace(CLIENT, &server.client);
    let parsed = parse(server.embedded.app(), &encoded);
    let sent = Sent::of(&encoded);
    match server.runtime.block_on(parsed) {
        Ok(request) => {
            assert_eq!(request.client_id, server.client);
            sent.check_request(&request, &server.client);
        }
        Err(AuthorizeError::Answer(answer)) => sent.check_answer(&answer, &server.client),
        Err(AuthorizeError::Page(why)) => assert!(
            encoded.len() > MAX_REQUEST || !sent.may_be_answered(&server.client),
            "{why}"
        ),
        Err(AuthorizeError::Failed(error)) => panic!("{error}"),
    }
}

/// The known parameters, as the URL Standard reads them.
struct Sent(Vec<(String, String)>);

impl Sent {
    fn of(encoded: &str) -> Self {
        let pairs = form_urlencoded::parse(encoded.as_bytes()).into_owned();
        Self(
            pairs
                .filter(|(name, _)| KNOWN.contains(&name.as_str()))
                .collect(),
        )
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a parameter; an empty one counts as absent.
    fn get(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().find(|value| !value.is_empty())
    }

    /// Whether the client may hear of the request, whatever else is wrong with it.
    fn may_be_answered(&self, client: &str) -> bool {
        let once = |name: &&str| *name == "resource" || self.all(name).len() <= 1;
        let longest = |name: &str| if name == HINT { MAX_HINT } else { MAX_VALUE };
        let fits = |(name, value): &(String, String)| {
            value.len() <= longest(name) && !value.contains('\0')
        };
        let uri = self.get("redirect_uri");
        KNOWN.iter().all(once)
            && self.0.iter().all(fits)
            && self.get("client_id") == Some(client)
            && uri.is_some_and(|uri| REDIRECTS.contains(&uri))
    }

    fn check_request(&self, request: &AuthorizationRequest, client: &str) {
        assert!(self.may_be_answered(client));
        assert_eq!(request.client_id, client);
        assert_eq!(
            Some(request.redirect_uri.as_str()),
            self.get("redirect_uri")
        );
        assert_eq!(request.state.as_deref(), self.get("state"));
        assert_eq!(request.nonce.as_deref(), self.get("nonce"));
        assert_eq!(request.login_hint.as_deref(), self.get("login_hint"));
        assert_eq!(self.get("response_type"), Some("code"));
        assert_eq!(self.get("code_challenge_method"), Some("S256"));
        assert_eq!(
            request.code_challenge.as_deref(),
            self.get("code_challenge")
        );
        assert!(
            request
                .code_challenge
                .as_ref()
                .is_some_and(|one| one.len() == 43)
        );
        for unsupported in ["request", "request_uri", "registration"] {
            assert_eq!(self.get(unsupported), None);
        }
        assert!(request.prompt == [Prompt::None] || !request.prompts(Prompt::None));
        assert!(request.max_age.is_none_or(|age| age >= 0));
        let audiences = ["https://id.example", "https://api.example"];
        assert!(
            audiences.contains(&request.audience.as_str()),
            "{}",
            request.audience
        );
        // what names a permission or a role can be read again
        assert!(request.scope.as_deref().is_none_or(str::is_empty) || request.asked().is_some());
        let stored = serde_json::to_string(request).unwrap_or_else(|error| panic!("{error}"));
        let again = serde_json::from_str::<AuthorizationRequest>(&stored);
        assert_eq!(again.ok().as_ref(), Some(request));
    }

    fn check_answer(&self, answer: &Answer, client: &str) {
        assert!(self.may_be_answered(client));
        let uri = answer.target.redirect_uri.as_str();
        assert_eq!(Some(uri), self.get("redirect_uri"));
        let location = answer.location();
        let query = location.strip_prefix(uri).and_then(|rest| rest.get(1..));
        let query = query.unwrap_or_else(|| panic!("{location}"));
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let all = |name: &str| -> Vec<&str> {
            let named = pairs.iter().filter(|(found, _)| found == name);
            named.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(all("iss"), ["https://id.example"]);
        assert_eq!(
            all("state"),
            self.get("state").into_iter().collect::<Vec<_>>()
        );
        assert_eq!(all("error").len(), 1);
        assert!(all("code").is_empty() && !location.contains('#'));
        let printable = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        assert!(
            all("error_description")
                .iter()
                .all(|text| text.chars().all(printable))
        );
    }
}
