//! Logging in from a page of the application.

use std::time::Duration;

use rolecall_server::{Embedded, LogIn, LogInError, LogInErrorKind, Tokens, http::ClientAddress};

use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, WRONG, on_both};

on_both![
    a_login_gives_the_tokens_of_the_token_endpoint,
    a_login_is_described_by_the_browser_of_the_request,
    a_login_is_refused_as_at_the_token_endpoint,
    guesses_count_together_with_those_at_the_token_endpoint,
    a_password_is_changed_as_at_the_password_endpoint,
    a_new_password_that_is_refused_says_why_and_changes_nothing,
    a_refresh_token_works_once,
    logging_out_ends_the_session,
];

fn address() -> ClientAddress {
    std::net::IpAddr::from([198, 51, 100, 7]).into()
}

async fn log_in(login: &Embedded, name: &str, password: &str) -> Result<Tokens, LogInError> {
    login.log_in(&LogIn::new(name, password, &address())).await
}

async fn a_login_gives_the_tokens_of_the_token_endpoint(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let login = app.embedded();
    let tokens = log_in(login, "Alice", PASSWORD).await.unwrap();
    app.get("/items/", &tokens.access_token).await.is(200);
    assert!(tokens.refresh_token.is_some());
    assert_eq!(tokens.scope, "items:read");
    let shown = format!("{tokens:?}");
    assert!(!shown.contains(&tokens.access_token), "{shown}");
    let sessions = app.get("/api/me/sessions", &tokens.access_token).await;
    assert_eq!(sessions.items("address"), ["198.51.100.7"]);

    let from = address();
    let narrow = LogIn::new("alice", PASSWORD, &from)
        .scope("role:editor")
        .without_refresh();
    let tokens = login.log_in(&narrow).await.unwrap();
    assert_eq!(tokens.refresh_token, None);

    app.assign_in(&alice, "editor", "acme").await;
    let local = LogIn::new("alice", PASSWORD, &from).tenant("acme");
    let tokens = login.log_in(&local).await.unwrap();
    assert_eq!(tokens.tenant.as_deref(), Some("acme"));
    app.get("/t/acme/items/", &tokens.access_token)
        .await
        .is(200);
}

async fn a_login_is_described_by_the_browser_of_the_request(app: TestApp) {
    app.create_user("alice", &[]).await;
    let from = address();
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let typed = LogIn::new("alice", PASSWORD, &from).user_agent(agent);
    let tokens = app.embedded().log_in(&typed).await.unwrap();
    let sessions = app.get("/api/me/sessions", &tokens.access_token).await;
    assert_eq!(sessions.items("agent"), ["Firefox on Linux"]);
}

async fn a_login_is_refused_as_at_the_token_endpoint(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let login = app.embedded();
    let kind = async |name: &str, password: &str| {
        let refused = log_in(login, name, password).await.unwrap_err();
        (refused.kind(), refused.to_string())
    };
    let wrong = kind("alice", WRONG).await;
    assert_eq!(wrong.0, LogInErrorKind::WrongPassword);
    assert_eq!(kind("nobody", PASSWORD).await, wrong, "no name is revealed");
    assert_eq!(kind("nul\0", PASSWORD).await, wrong);
    let from = address();
    for odd in [
        LogIn::new("alice", PASSWORD, &from).scope("No Scope"),
        LogIn::new("alice", PASSWORD, &from).tenant("No Tenant"),
        LogIn::new("alice", PASSWORD, &from).tenant("acme"),
        LogIn::new("alice", PASSWORD, &from).scope("role:editor"),
    ] {
        let refused = login.log_in(&odd).await.unwrap_err();
        assert_eq!(refused.kind(), LogInErrorKind::Refused, "{refused}");
    }
    login.accounts("test").disable(&alice).await.unwrap();
    assert_eq!(kind("alice", PASSWORD).await, wrong);
    login.accounts("test").enable(&alice).await.unwrap();
    let code = login.accounts("test").reset_password(&alice).await.unwrap();
    let change = kind("alice", &code.code).await;
    assert_eq!(change.0, LogInErrorKind::PasswordChangeRequired);
}

async fn guesses_count_together_with_those_at_the_token_endpoint(app: TestApp) {
    app.create_user("alice", &[]).await;
    // the same wrong password counts once
    for guess in 0..5 {
        let wrong = format!("{WRONG} {guess}");
        if guess % 2 == 0 {
            log_in(app.embedded(), "alice", &wrong).await.unwrap_err();
        } else {
            app.password_grant("alice", &wrong).await.wrong_password();
        }
    }
    let sixth = log_in(app.embedded(), "alice", WRONG).await.unwrap_err();
    assert_eq!(sixth.kind(), LogInErrorKind::WrongPassword);
    let slowed = log_in(app.embedded(), "alice", PASSWORD).await.unwrap_err();
    let LogInErrorKind::TooMany { retry_after } = slowed.kind() else {
        panic!("{slowed:?}");
    };
    assert!(retry_after > Duration::ZERO);
    app.password_grant("alice", PASSWORD)
        .await
        .oauth_error(429, "temporarily_unavailable");
}

async fn change(login: &Embedded, current: &str, new: &str) -> Result<(), LogInError> {
    let from = address();
    let typed = LogIn::new("alice", current, &from);
    login.change_password(&typed, new).await
}

async fn a_password_is_changed_as_at_the_password_endpoint(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let login = app.embedded();
    let old = log_in(login, "alice", PASSWORD).await.unwrap();
    let users = login.accounts("test");
    let code = users.reset_password(&alice).await.unwrap().code;
    let forced = log_in(login, "alice", &code).await.unwrap_err();
    assert_eq!(forced.kind(), LogInErrorKind::PasswordChangeRequired);
    change(login, &code, NEW_PASSWORD).await.unwrap();
    let used = change(login, &code, PASSWORD).await.unwrap_err();
    assert_eq!(
        used.kind(),
        LogInErrorKind::WrongPassword,
        "a code works once"
    );
    app.get("/api/me", &old.access_token).await.ended_token();
    let new = log_in(login, "alice", NEW_PASSWORD).await.unwrap();
    // one who knows the password may change it without being forced to, and all sessions end
    change(login, NEW_PASSWORD, "a third password of alice")
        .await
        .unwrap();
    app.get("/api/me", &new.access_token).await.ended_token();
    let wrong = log_in(login, "alice", NEW_PASSWORD).await.unwrap_err();
    assert_eq!(wrong.kind(), LogInErrorKind::WrongPassword);
}

async fn a_new_password_that_is_refused_says_why_and_changes_nothing(app: TestApp) {
    app.create_user("alice", &[]).await;
    let login = app.embedded();
    let revision = app.db.revision().await;
    for (new, reason) in [
        ("short", "at least"),
        (PASSWORD, "current"),
        ("alicealicealicealice", "user name"),
    ] {
        let refused = change(login, PASSWORD, new).await.unwrap_err();
        assert_eq!(refused.kind(), LogInErrorKind::NewPassword, "{refused}");
        let reason = reason.to_lowercase();
        assert!(
            refused.to_string().to_lowercase().contains(&reason),
            "{refused}"
        );
        assert!(!refused.to_string().contains(new), "{refused}");
    }
    let wrong = change(login, WRONG, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(wrong.kind(), LogInErrorKind::WrongPassword);
    assert_eq!(app.db.revision().await, revision);
    log_in(login, "alice", PASSWORD).await.unwrap();
    // wrong passwords count together with those of logins
    for guess in 0..8 {
        let guess = format!("{WRONG} {guess}");
        change(login, &guess, NEW_PASSWORD).await.unwrap_err();
    }
    let slowed = change(login, PASSWORD, NEW_PASSWORD).await.unwrap_err();
    assert!(
        matches!(slowed.kind(), LogInErrorKind::TooMany { .. }),
        "{slowed}"
    );
}

async fn a_refresh_token_works_once(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (login, from) = (app.embedded(), address());
    let first = log_in(login, "alice", PASSWORD).await.unwrap();
    let first = first.refresh_token.unwrap();
    let second = login.refresh(&first, &from).await.unwrap();
    app.get("/api/me", &second.access_token).await.is(200);
    app.pass_time(Duration::from_mins(1));
    let replayed = login.refresh(&first, &from).await.unwrap_err();
    assert_eq!(replayed.kind(), LogInErrorKind::Ended);
    app.get("/api/me", &second.access_token).await.ended_token();
    for odd in ["", "\0", "no token"] {
        let refused = login.refresh(odd, &from).await.unwrap_err();
        assert_eq!(refused.kind(), LogInErrorKind::Ended, "{odd:?}");
    }
}

async fn logging_out_ends_the_session(app: TestApp) {
    app.create_user("alice", &[]).await;
    let login = app.embedded();
    let tokens = log_in(login, "alice", PASSWORD).await.unwrap();
    let other = app.log_in("alice").await;
    let caller = app.guard().verify(&tokens.access_token).unwrap();
    login.log_out(&caller).await.unwrap();
    app.get("/api/me", &tokens.access_token).await.ended_token();
    let refresh = tokens.refresh_token.unwrap();
    let refused = login.refresh(&refresh, &address()).await.unwrap_err();
    assert_eq!(refused.kind(), LogInErrorKind::Ended);
    app.get("/api/me", &other).await.is(200);
}
