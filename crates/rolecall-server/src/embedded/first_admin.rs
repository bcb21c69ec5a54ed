//! The first administrator of an application.

use std::fmt;

use rolecall_core::RoleName;
use serde_json::json;

use crate::{
    accounts::{
        registration::{self, NewAccount, ResetCode},
        reset, service,
    },
    app::App,
    authority::{builtin, caller::Caller, subject::Status},
    error::{ApiError, chain_of},
    profile::input::ProfileInput,
    roles::assignments,
    start_error::StartError,
    stderr,
    times::rfc3339,
};

/// The first administrator, if one is to be created.
#[derive(Clone, Debug)]
pub(super) struct FirstAdmin {
    username: String,
    /// Roles beside `rolecall.admin`.
    roles: Vec<String>,
}

impl FirstAdmin {
    pub(super) fn new(username: &str, roles: &[&str]) -> Self {
        Self {
            username: username.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }
}

/// The code for the first administrator, and what to do with it.
struct Notice<'a> {
    username: &'a str,
    code: &'a ResetCode,
    public_url: &'a str,
    min_length: usize,
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, length) = (self.public_url, self.min_length);
        let expires_at = rfc3339(self.code.expires_at);
        let body = json!({
            "username": self.username,
            "current_password": self.code.code,
            "new_password": format!("CHOOSE AT LEAST {length} CHARACTERS"),
        });
        // a quote would end the argument of the shell
        let body = body.to_string().replace('\'', "'\\''");
        write!(
            f,
            "There is no administrator yet. Set the password of `{}` with this one-time code, which works until \
             {expires_at} or the next start:\n\n    {}\n\n\
             curl --fail-with-body {url}/password -H 'content-type: application/json' \\\n    -d '{body}'\n",
            self.username, self.code.code
        )
    }
}

impl FirstAdmin {
    /// Prints a code for the first administrator if there is no administrator.
    pub(super) async fn ensure(&self, app: &App) -> Result<(), StartError> {
        let Some(code) = self.make_code(app).await? else {
            return Ok(());
        };
        let notice = Notice {
            username: &self.username,
            code: &code,
            public_url: &app.settings().public_url,
            min_length: app.parts().password_policy.min_length,
        };
        stderr::print_line(&notice);
        Ok(())
    }

    /// Creates the user if there is no administrator, and returns a code for the one who has not used the code before.
    async fn make_code(&self, app: &App) -> Result<Option<ResetCode>, StartError> {
        if assignments::count_admins(app).await? > 0 {
            return Ok(None);
        }
        let failed = |error: ApiError| match error {
            error if error.is_outage() => error.into(),
            error => StartError::FirstAdmin(self.username.clone(), chain_of(&error)),
        };
        match self.create(app).await {
            // created by an earlier start, or by another node that starts at the same time
            Err(ApiError::AlreadyThere { .. }) => self.renew_code(app).await.map_err(failed),
            Err(error) => Err(failed(error)),
            Ok(code) => Ok(code),
        }
    }

    async fn create(&self, app: &App) -> Result<Option<ResetCode>, ApiError> {
        let mut roles = vec![builtin::ADMIN_ROLE.clone()];
        for role in &self.roles {
            let role: RoleName = role.parse().map_err(ApiError::internal)?;
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let wanted = NewAccount {
            username: &self.username,
            password: None,
            email: None,
            email_verified: false,
            roles,
            profile: ProfileInput::default(),
            address: None,
        };
        let (_, code) = registration::create(app, Caller::System, &wanted).await?;
        Ok(code)
    }

    /// Replaces the code of the user who has not used it. `None` if the user has used it by now.
    async fn renew_code(&self, app: &App) -> Result<Option<ResetCode>, ApiError> {
        let refused = |detail: &str| ApiError::rule("first_administrator", detail, Vec::new());
        let found = service::find_id(app, &self.username).await?;
        let id = found.ok_or_else(|| refused("a user with a similar name exists"))?;
        let user = service::get(app, Caller::System, &id).await?;
        if !user.roles.contains(&builtin::ADMIN_ROLE) {
            return Err(refused(
                "a user with this name exists who does not have the role `rolecall.admin`: choose another name, or \
                 assign the role with `rolecall assign`",
            ));
        }
        match user.status {
            Status::PasswordChangeRequired => reset::renew_unused(app, &id).await,
            Status::Active => Ok(None),
            Status::Disabled => Err(refused(
                "the user is disabled: enable it with `rolecall user enable`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body};
    use http::{Method, Request, StatusCode, header};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::Embedded;

    const PASSWORD: &str = "a password of the first administrator";

    fn root() -> FirstAdmin {
        FirstAdmin {
            username: "root".to_owned(),
            roles: Vec::new(),
        }
    }

    async fn send(app: &Router, request: Request<Body>) -> (StatusCode, Value) {
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 100_000).await;
        (
            status,
            serde_json::from_slice(&body.unwrap()).unwrap_or_default(),
        )
    }

    /// Sends the command of a notice, with a password instead of the placeholder.
    async fn paste(app: &Router, notice: &str) -> StatusCode {
        let (_, body) = notice.split_once("-d '").unwrap();
        let (body, _) = body.rsplit_once('\'').unwrap();
        let mut body: Value = serde_json::from_str(&body.replace("'\\''", "'")).unwrap();
        body["new_password"] = PASSWORD.into();
        let request = Request::builder()
            .method(Method::POST)
            .uri("/password")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()));
        send(app, request.unwrap()).await.0
    }

    async fn notice(server: &Embedded) -> Option<String> {
        let code = root().make_code(server.app()).await.unwrap()?;
        let notice = Notice {
            username: "root",
            code: &code,
            public_url: "http://127.0.0.1:8000",
            min_length: 15,
        };
        Some(notice.to_string())
    }

    #[tokio::test]
    async fn the_printed_command_makes_an_administrator_who_can_log_in() {
        let server = Embedded::open("sqlite::memory:").await.unwrap();
        let app: Router = server.routes().unwrap().into_axum();
        let outdated = notice(&server).await.unwrap();
        let newest = notice(&server).await.unwrap();
        assert!(newest.contains("curl --fail-with-body http://127.0.0.1:8000/password"));
        assert!(newest.contains("CHOOSE AT LEAST 15 CHARACTERS"), "{newest}");
        assert_eq!(paste(&app, &outdated).await, StatusCode::UNAUTHORIZED);
        assert_eq!(paste(&app, &newest).await, StatusCode::NO_CONTENT);
        assert_eq!(notice(&server).await, None, "there is an administrator");
        assert_eq!(paste(&app, &newest).await, StatusCode::UNAUTHORIZED);

        let form = format!("grant_type=password&username=root&password={PASSWORD}");
        let request = Request::post("/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.replace(' ', "+")));
        let (status, tokens) = send(&app, request.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        let token = tokens["access_token"].as_str().unwrap();
        let request = Request::get("/api/users")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty());
        assert_eq!(send(&app, request.unwrap()).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_code_that_was_used_a_moment_ago_is_not_replaced() {
        let server = Embedded::open("sqlite::memory:").await.unwrap();
        let app: Router = server.routes().unwrap().into_axum();
        let notice = notice(&server).await.unwrap();
        assert_eq!(paste(&app, &notice).await, StatusCode::NO_CONTENT);
        // another node had counted no administrator before
        let renewed = root().renew_code(server.app()).await.unwrap();
        assert!(renewed.is_none());
    }

    #[test]
    fn a_name_with_quotes_stays_one_argument_of_the_shell() {
        let code = ResetCode {
            id: String::new(),
            code: "AAAA-BBBB".to_owned(),
            hash: String::new(),
            expires_at: rolecall_core::Timestamp::from_seconds(0),
            is_unconfirmed: false,
        };
        let notice = Notice {
            username: "o'brien",
            code: &code,
            public_url: "https://login.example",
            min_length: 8,
        };
        assert!(notice.to_string().contains(r#""username":"o'\''brien""#));
    }
}
