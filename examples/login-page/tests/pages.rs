//! The pages as a browser uses them.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use rolecall::testing::assert_access_matrix;
use rolecall_server::{Embedded, NewUser};
use tower::ServiceExt as _;

const ORIGIN: &str = "https://app.example";
const PASSWORD: &str = "a long password of anna";
const NEW_PASSWORD: &str = "another long password of anna";

#[test]
fn the_access_matrix_matches_access_lock() {
    assert_access_matrix("access.lock", &[], login_page::pages);
}

struct Browser {
    app: Router,
    login: Arc<Embedded>,
    /// The site whose page sends the forms.
    origin: Option<&'static str>,
    session: Option<String>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn leads_to(&self, path: &str) -> &Self {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        assert_eq!(self.headers[header::LOCATION], path);
        self
    }

    fn shows(&self, status: u16, text: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.contains(text), "{}", self.body);
        assert!(self.headers.get(header::SET_COOKIE).is_none());
        self
    }
}

impl Browser {
    /// A browser without a session, and a user `anna`.
    async fn new() -> Self {
        let builder = login_page::login("sqlite::memory:", ORIGIN).unwrap();
        let login = Arc::new(builder.weak_hashing().open().await.unwrap());
        let anna = NewUser::new("anna").password(PASSWORD);
        login.accounts("test").create(anna).await.unwrap();
        let cookie = login_page::session_cookie(ORIGIN).unwrap();
        Self {
            app: login_page::app(&login, cookie).unwrap(),
            login,
            origin: Some(ORIGIN),
            session: None,
        }
    }

    /// Sends a request, and keeps the cookie as a browser would.
    async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let headers = request.headers_mut();
        if let Some(session) = &self.session {
            headers.insert(header::COOKIE, session.parse().unwrap());
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        if let Some(cookie) = head.headers.get(header::SET_COOKIE) {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            assert!(attributes.contains("HttpOnly") && attributes.contains("Secure"));
            let is_deleted = attributes.contains("Max-Age=0");
            self.session = (!is_deleted).then(|| pair.to_owned());
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| {
            let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
            bytes.collect::<String>()
        };
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = self.origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn log_in(&mut self, username: &str, password: &str) -> Answer {
        self.post("/login", &[("username", username), ("password", password)])
            .await
    }

    async fn change(&mut self, current: &str, new: &str) -> Answer {
        let form = [
            ("username", "anna"),
            ("current_password", current),
            ("new_password", new),
        ];
        self.post("/password", &form).await
    }
}

#[tokio::test]
async fn a_session_lasts_until_the_user_logs_out() {
    let mut browser = Browser::new().await;
    browser.get("/").await.leads_to("/login");
    browser
        .get("/login")
        .await
        .shows(200, "<form method=\"post\" action=\"/login\">");
    browser.log_in("anna", PASSWORD).await.leads_to("/");
    browser.get("/").await.shows(200, "logged in as anna");
    let session = browser.session.clone();
    browser.post("/logout", &[]).await.leads_to("/login");
    assert_eq!(browser.session, None);
    // a copy of the cookie is worth nothing any more
    browser.session = session;
    browser.get("/").await.leads_to("/login");
    // and logging out deletes it
    browser.post("/logout", &[]).await.leads_to("/login");
    assert_eq!(browser.session, None);
}

#[tokio::test]
async fn a_page_of_another_site_logs_nobody_in_or_out() {
    let mut browser = Browser::new().await;
    for origin in [None, Some("https://other.example"), Some("null")] {
        browser.origin = origin;
        browser
            .log_in("anna", PASSWORD)
            .await
            .shows(403, "Not possible");
        browser
            .change(PASSWORD, NEW_PASSWORD)
            .await
            .shows(403, "Not possible");
    }
    browser.origin = Some(ORIGIN);
    browser.log_in("anna", PASSWORD).await.leads_to("/");
    browser.origin = Some("https://other.example");
    browser
        .post("/logout", &[])
        .await
        .shows(403, "Not possible");
    browser.get("/").await.shows(200, "logged in as anna");
}

#[tokio::test]
async fn a_wrong_password_reveals_no_name_and_what_was_typed_is_no_html() {
    let mut browser = Browser::new().await;
    let wrong = browser.log_in("anna", "wrong").await;
    wrong.shows(401, "Incorrect username or password");
    let unknown = browser.log_in("bert", "wrong").await;
    assert_eq!(unknown.body, wrong.body.replace("anna", "bert"));
    let odd = browser
        .log_in("\"><script>alert(1)</script>", "wrong")
        .await;
    odd.shows(401, "&quot;&gt;&lt;script&gt;");
    assert!(
        !odd.body.contains("<script>") && !odd.body.contains("wrong"),
        "{}",
        odd.body
    );
    assert!(
        odd.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn a_one_time_code_leads_to_a_new_password() {
    let mut browser = Browser::new().await;
    browser.log_in("anna", PASSWORD).await.leads_to("/");
    let users = browser.login.accounts("test");
    let anna = users.find_by_name("anna").await.unwrap().unwrap();
    let code = users.reset_password(&anna.id).await.unwrap().code;
    browser.get("/").await.leads_to("/login");
    let forced = browser.log_in("anna", &code).await;
    forced.shows(403, "action=\"/password\"");
    assert!(forced.body.contains("value=\"anna\"") && !forced.body.contains(&code));
    browser
        .change(&code, "short")
        .await
        .shows(422, "needs at least 15");
    browser
        .change("wrong", NEW_PASSWORD)
        .await
        .shows(401, "Incorrect username or password");
    browser.change(&code, NEW_PASSWORD).await.leads_to("/");
    browser.get("/").await.shows(200, "logged in as anna");
    browser
        .change(&code, PASSWORD)
        .await
        .shows(401, "Incorrect username or password");
}
