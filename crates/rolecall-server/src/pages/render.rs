//! Templates to pages.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use minijinja::{Error, Value};

use super::{brand::PageClient, languages::Language};
use crate::{
    app::App,
    error::ApiError,
    http::{NoCors, cookies::CookieJar},
    web::address::path_of,
};

/// A page to show.
pub(super) struct Page {
    pub(super) template: &'static str,
    pub(super) status: StatusCode,
    pub(super) language: Language,
    /// The variables of the template.
    pub(super) values: Value,
    /// The client whose look the page has, if it has one of its own.
    pub(super) client: Option<PageClient>,
    /// Where the forms of the page lead beside this server: `form-action` binds the whole chain of redirects.
    pub(super) form_actions: Vec<String>,
}

impl Page {
    /// Returns the page as an answer. A page that cannot be written is a fault of ours, which a test rules out.
    pub(super) fn answer(self, app: &App) -> Response {
        match self.write(app) {
            Ok(html) => self.respond(app, html),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }

    fn write(&self, app: &App) -> Result<String, Error> {
        let look = &app.parts().look;
        let base = path_of(&app.settings().public_url);
        let common = look.variables(self.language, base, self.client.as_ref());
        let template = look.templates.get_template(self.template)?;
        template.render(minijinja::context! { ..self.values.clone(), ..common })
    }

    fn respond(&self, app: &App, html: String) -> Response {
        let mut response = (self.status, html).into_response();
        response.extensions_mut().insert(NoCors);
        // without TLS, browsers show the origin of a form by its referrer alone
        let is_secure = CookieJar::of(&app.settings().public_url).is_secure();
        let referrer = if is_secure {
            "no-referrer"
        } else {
            "same-origin"
        };
        let headers = response.headers_mut();
        set(headers, header::CONTENT_TYPE, "text/html; charset=utf-8");
        let policy = policy(&self.form_actions, app.parts().look.has_font);
        protect(headers, &policy, referrer);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = self.values.get_attr("seconds").ok();
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            let seconds = HeaderValue::from(seconds.unwrap_or_default().max(1));
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            set(headers, header::RETRY_AFTER, "1");
        }
        response
    }
}

/// Sets the headers that every page has.
pub(super) fn protect(headers: &mut HeaderMap, policy: &str, referrer: &'static str) {
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::REFERRER_POLICY, referrer);
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    // for servers that rolecall is embedded in, which need not set it
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn set(headers: &mut HeaderMap, name: http::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Returns the `Content-Security-Policy` of a page: no inline script or style, nothing from elsewhere.
pub(super) fn policy(form_actions: &[String], has_font: bool) -> String {
    let font = if has_font { "font-src 'self'; " } else { "" };
    let mut policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; {font}\
        base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    );
    for source in form_actions {
        let _ = write!(policy, " {source}");
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_forms_lead_to_the_client_and_nowhere_else() {
        let leads = ["https://app.example".to_owned()];
        let with_font = policy(&leads, true);
        assert_eq!(
            with_font.replace("font-src 'self'; ", ""),
            policy(&leads, false)
        );
        let policy = policy(&leads, false);
        assert!(with_font != policy && !policy.contains("font-src"));
        assert!(policy.ends_with("form-action 'self' https://app.example"));
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    }

    #[tokio::test]
    async fn y306_a_page_that_asks_to_try_again_says_when() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .open()
            .await
            .unwrap();
        for (status, when) in [
            (StatusCode::SERVICE_UNAVAILABLE, Some("1")),
            (StatusCode::BAD_REQUEST, None),
            (StatusCode::OK, None),
        ] {
            let language = Language::default();
            let page =
                super::super::answers::message(server.app(), language, status, "unavailable", "");
            assert_eq!(page.status(), status);
            let found = page.headers().get(header::RETRY_AFTER);
            assert_eq!(found.map(|value| value.to_str().unwrap()), when);
        }
    }
}
