//! Tokens and the guard in front of a server.

use std::time::Duration;

use http::Method;

use crate::support::{TestApp, on_both};

on_both![
    x011_no_spelling_of_a_path_is_a_route_without_its_guard,
    x012_no_method_gets_around_the_guard,
    x014_without_its_state_the_guard_lets_nobody_in,
];

async fn x011_no_spelling_of_a_path_is_a_route_without_its_guard(app: TestApp) {
    for path in [
        "/api/users",
        "/api/users/",
        "/api//users",
        "//api/users",
        "/api/./users",
        "/api/x/../users",
        "/api/%75sers",
        "/api%2fusers",
        "/api/users%2f",
        "/api/users;x=y",
        "/api;x/users",
        "/API/users",
        "/api/Users",
        "/api/users%20",
        "/api/users%00",
        "/api/users.json",
        "/api/users?",
        "/api/users/.",
        "/api\\users",
        "/%61pi/users",
        "/api/users%3fx",
        "/docs/../api/users",
        "/health/live/../../api/users",
        "/items",
        "/items/",
        "/items//",
        "/items/%2e",
        "/ITEMS/",
    ] {
        let ask = app.request(Method::GET, path.replace('\\', "%5c"));
        let answer = ask.send().await;
        assert!(
            [401, 404].contains(&answer.status.as_u16()),
            "{path}: {answer:?}"
        );
    }
}

async fn x012_no_method_gets_around_the_guard(app: TestApp) {
    for path in ["/api/users", "/items/", "/admin-only"] {
        for method in [
            "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND", "get", "GETX", "M-SEARCH",
        ] {
            for header in [
                "x-http-method-override",
                "x-http-method",
                "x-method-override",
                "_method",
            ] {
                let ask = app.request(
                    method.parse::<Method>().unwrap(),
                    format_args!("{path}?_method=GET"),
                );
                let answer = ask.header(header, "GET").send().await;
                assert!(
                    [401, 405].contains(&answer.status.as_u16()),
                    "{method} {path}: {answer:?}"
                );
            }
        }
    }
}

async fn x014_without_its_state_the_guard_lets_nobody_in(app: TestApp) {
    let token = app.admin().await;
    app.get("/items/", token).await;
    app.get("/api/me", token).await.is(200);
    // nobody can tell any more what was taken away: first the watch cannot read, then too much time has passed
    app.db.execute("ALTER TABLE head RENAME TO head_away").await;
    app.clock.advance(Duration::from_secs(31));
    for path in ["/api/me", "/items/", "/admin-only"] {
        let answer = app.get(path, token).await;
        answer.is(503);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert_eq!(app.get(path, "").await.status, 401, "{path}");
        assert_ne!(app.get(path, "not.a.token").await.status, 200, "{path}");
    }
    app.get("/health/live", "").await.is(200);
    app.db.execute("ALTER TABLE head_away RENAME TO head").await;
    crate::support::eventually("the guard works again", async || {
        app.get("/api/me", token).await.status == 200
    })
    .await;
}
