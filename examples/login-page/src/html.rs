//! The HTML. Replace it with your templates, which must escape what users typed.

use axum::{
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, RETRY_AFTER},
    },
    response::{Html, IntoResponse, Redirect, Response},
};
use rolecall::Denial;
use rolecall_server::{LogInError, LogInErrorKind};

/// No scripts, no other site in a frame or around this page, and forms only to the application.
const POLICY: &str =
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(crate) fn home(username: &str) -> Response {
    let body = format!(
        r#"<p>You are logged in as {}.</p>
<form method="post" action="/logout"><button>Log out</button></form>"#,
        escape(username)
    );
    page(StatusCode::OK, "Home", &body)
}

pub(crate) fn login(username: &str, error: Option<&LogInError>) -> Response {
    let body = format!(
        r#"<form method="post" action="/login">
<p><label>User name <input name="username" value="{}" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<button>Log in</button>
</form>
<p><a href="/password">Change the password, or use a one-time code</a></p>"#,
        escape(username)
    );
    with_error("Log in", error, &body)
}

/// The page for a new password. It asks for the current one again instead of keeping it.
pub(crate) fn password(username: &str, error: Option<&LogInError>) -> Response {
    let body = format!(
        r#"<form method="post" action="/password">
<p><label>User name <input name="username" value="{}" autocomplete="username" required></label></p>
<p><label>Current password or one-time code <input name="current_password" type="password" autocomplete="current-password" required></label></p>
<p><label>New password <input name="new_password" type="password" autocomplete="new-password" required></label></p>
<button>Change the password</button>
</form>"#,
        escape(username)
    );
    with_error("Choose a new password", error, &body)
}

/// The answer to a request that a guard, or `check_sender`, refuses.
pub(crate) fn denied(denial: &Denial) -> Response {
    if denial.status() == StatusCode::UNAUTHORIZED {
        return Redirect::to("/login").into_response();
    }
    page(
        denial.status(),
        "Not possible",
        &format!("<p>{}</p>", escape(&denial.to_string())),
    )
}

fn with_error(title: &str, error: Option<&LogInError>, body: &str) -> Response {
    let Some(error) = error else {
        return page(StatusCode::OK, title, body);
    };
    let kind = error.kind();
    let status = match kind {
        LogInErrorKind::WrongPassword => StatusCode::UNAUTHORIZED,
        LogInErrorKind::PasswordChangeRequired | LogInErrorKind::Refused => StatusCode::FORBIDDEN,
        LogInErrorKind::NewPassword => StatusCode::UNPROCESSABLE_ENTITY,
        LogInErrorKind::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        LogInErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = format!(
        "<p role=\"alert\">{}</p>\n{body}",
        escape(&error.to_string())
    );
    let mut response = page(status, title, &message);
    if let LogInErrorKind::TooMany { retry_after } = kind {
        let seconds = retry_after.as_secs().max(1);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n{body}\n</html>\n"
    );
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, Html(html)).into_response()
}

/// Makes text harmless between tags and in an attribute with double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
