//! The command line in a process of its own, beside a running server.

use rolecall::SystemClock;

use crate::support::{
    MASTER_KEY, PASSWORD, TestApp, WRONG, command, eventually, on_both, output_of, rolecall, run,
    run_failing, verify_audit,
};

on_both![
    unassigning_on_the_command_line_takes_effect_in_the_running_server,
    a_user_disabled_on_the_command_line_is_refused_by_the_running_server,
    an_altered_or_truncated_audit_log_fails_verification,
    acting_as_a_user_permits_no_more_than_that_user_may_do,
    variables_that_kubernetes_sets_for_a_service_of_our_name_change_nothing,
    a_near_miss_is_suggested_before_a_password_is_asked_for,
    a_user_name_with_a_typing_error_is_suggested,
    a_client_without_a_grant_is_refused_with_the_flags,
    an_error_is_json_where_json_was_asked_for,
    y389_config_check_remarks_what_is_rarely_intended,
    a_user_gets_another_name_and_address_on_the_command_line,
];

async fn a_near_miss_is_suggested_before_a_password_is_asked_for(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_user("alice", &["editor"]).await;
    // no terminal, so that the prompt would be an error of its own
    let refused = run_failing(&app, &["user", "add", "bob", "--role", "edtor"]).await;
    assert_eq!(
        refused,
        "rolecall: no role `edtor`; did you mean `editor`?\n"
    );
    let refused = run_failing(&app, &["user", "add", "Alice"]).await;
    assert_eq!(refused, "rolecall: user `Alice` already exists\n");
    let refused = run_failing(&app, &["assign", "alice", "edito"]).await;
    assert_eq!(
        refused,
        "rolecall: no role `edito`; did you mean `editor`?\n"
    );
    let refused = run_failing(&app, &["role", "show", "warehouse"]).await;
    assert_eq!(refused, "rolecall: no role `warehouse`\n");
    let refused = run_failing(&app, &["user", "show", "warehouse", "--json"]).await;
    let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(
        refused,
        serde_json::json!({ "error": "no user `warehouse`" })
    );
}

async fn a_user_name_with_a_typing_error_is_suggested(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let suggested = "rolecall: no user `alcie`; did you mean `alice`?\n";
    for command in [
        &["user", "show", "alcie"][..],
        &["assign", "alcie", "user"],
        &["session", "end", "alcie"],
        &["explain", "alcie", "items:read"],
    ] {
        assert_eq!(run_failing(&app, command).await, suggested, "{command:?}");
    }
    // who may not list users does not learn their names
    let refused = run_failing(&app, &["--as", "alice", "user", "reset", "admim"]).await;
    assert_eq!(refused, "rolecall: no user `admim`\n");
}

async fn a_client_without_a_grant_is_refused_with_the_flags(app: TestApp) {
    for useless in [
        &["client", "add", "x"][..],
        &["client", "add", "x", "--grant", "refresh_token"],
    ] {
        let refused = run_failing(&app, useless).await;
        for flag in [
            "--grant password --grant refresh_token",
            "--grant client_credentials",
        ] {
            assert!(refused.contains(flag), "{refused}");
        }
    }
    assert_eq!(app.db.count("clients").await, 0);
    run(&app, &["client", "add", "x", "--grant", "password"]).await;
    assert_eq!(app.db.count("clients").await, 1);
}

async fn an_error_is_json_where_json_was_asked_for(app: TestApp) {
    for (command, expected) in [
        (
            &["--json", "user", "lst"][..],
            "unrecognized subcommand 'lst' tip: a similar subcommand exists: 'list'",
        ),
        (
            &["--json", "client", "add", "x", "--grant", "pasword"],
            "tip: a similar value exists: 'password'",
        ),
        (
            &["--json", "assign", "admin", "user", "--until", "tomorrow"],
            "RFC 3339",
        ),
        (&["--json", "--set", "listn=x", "user", "list"], "`listn`"),
    ] {
        let refused = run_failing(&app, command).await;
        let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error}");
        assert_eq!(refused.as_object().unwrap().len(), 1);
    }
}

async fn a_user_gets_another_name_and_address_on_the_command_line(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let token = app.log_in("alice").await;
    let text = run(&app, &["user", "email", "alice", "alice@example.com"]).await;
    assert_eq!(text, "e-mail address of `alice`: alice@example.com\n");
    let refused = run_failing(&app, &["user", "rename", "alice", "Bob"]).await;
    assert_eq!(refused, "rolecall: user `bob` already exists\n");
    let text = run(&app, &["user", "rename", "alice", "alicia"]).await;
    assert_eq!(text, "user `alice` is now `alicia`; all sessions ended\n");
    eventually("the token ends", async || {
        app.get("/api/me", &token).await.status == 401
    })
    .await;
    let shown = run(&app, &["user", "show", "alicia", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["id"], &shown["email"]),
        (&id.into(), &"alice@example.com".into())
    );
    run(&app, &["user", "email", "alicia"]).await;
    let shown = run(&app, &["user", "show", "alicia", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["email"].is_null());
}

async fn unassigning_on_the_command_line_takes_effect_in_the_running_server(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_user("alice", &["editor"]).await;
    app.create_user("bob", &["editor"]).await;
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    server.get("/items/", &alice).await.is(200);
    run(&app, &["unassign", "alice", "editor"]).await;
    eventually("the server refuses", async || {
        server.get("/items/", &alice).await.status == 401
    })
    .await;
    server.get("/items/", &alice).await.ended_token();
    server.get("/items/", &bob).await.is(200);
    server
        .get("/items/", &server.log_in("alice").await)
        .await
        .forbidden("items:read");
    run(&app, &["assign", "alice", "editor"]).await;
    server
        .get("/items/", &server.log_in("alice").await)
        .await
        .is(200);
}

async fn a_user_disabled_on_the_command_line_is_refused_by_the_running_server(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    let token = server.log_in("alice").await;
    run(&app, &["user", "disable", "alice"]).await;
    server
        .password_grant("alice", PASSWORD)
        .await
        .wrong_password();
    eventually("the server refuses", async || {
        server.get("/api/me", &token).await.status == 401
    })
    .await;
    // the last administrator stays
    run_failing(&app, &["user", "disable", "admin"]).await;
    server.log_in("admin").await;
    server.password_grant("admin", WRONG).await.wrong_password();
}

async fn variables_that_kubernetes_sets_for_a_service_of_our_name_change_nothing(app: TestApp) {
    let with = |more: &[(&str, &str)]| {
        let mut command = command(&app, MASTER_KEY, &["user", "list"]);
        command
            .env("ROLECALL_SERVICE_HOST", "10.0.0.7")
            .env("ROLECALL_SERVICE_PORT", "8000")
            .env("ROLECALL_PORT", "tcp://10.0.0.7:8000")
            .env("ROLECALL_PORT_8000_TCP", "tcp://10.0.0.7:8000")
            .env("ROLECALL_PORT_8000_TCP_PROTO", "tcp")
            .env("ROLECALL_PORT_8000_TCP_PORT", "8000")
            .env("ROLECALL_PORT_8000_TCP_ADDR", "10.0.0.7")
            .envs(more.iter().copied());
        output_of(command)
    };
    let output = with(&[]).await;
    assert!(output.status.success(), "{output:?}");
    // a variable that was meant as a setting is still refused
    let output = with(&[("ROLECALL_LISTENN", "127.0.0.1:1")]).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("unknown key `listenn`"), "{stderr}");
}

async fn an_altered_or_truncated_audit_log_fails_verification(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    app.unassign(&alice, "editor").await;
    let newest = app.db.revision().await;
    let (whole, stdout) = verify_audit(&app).await;
    assert!(whole && stdout.contains(&newest.to_string()), "{stdout}");
    for (harm, repair) in [
        (
            "UPDATE audit SET actor = 'nobody' WHERE revision = 3",
            "UPDATE audit SET actor = 'system' WHERE revision = 3",
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE revision = 3",
            "UPDATE audit SET at = at - 1 WHERE revision = 3",
        ),
        (
            "UPDATE audit SET revision = 1000 WHERE revision = 3",
            "UPDATE audit SET revision = 3 WHERE revision = 1000",
        ),
    ] {
        app.db.execute(harm).await;
        let (whole, stdout) = verify_audit(&app).await;
        assert!(!whole && stdout.contains("altered"), "{harm}: {stdout}");
        app.db.execute(repair).await;
        assert!(verify_audit(&app).await.0, "{repair}");
    }
    let cut = format!("DELETE FROM audit WHERE revision = {newest}");
    app.db.execute(&cut).await;
    let (whole, stdout) = verify_audit(&app).await;
    assert!(!whole && stdout.contains("truncated"), "{stdout}");
}

async fn acting_as_a_user_permits_no_more_than_that_user_may_do(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:read"]).await;
    app.create_user("clara", &["clerk"]).await;
    app.create_user("alice", &["user"]).await;
    run(&app, &["--as", "clara", "user", "list"]).await;
    let revision = app.db.revision().await;
    for refused in [
        ["--as", "clara", "audit", "list"].as_slice(),
        &["--as", "clara", "role", "list"],
        &["--as", "clara", "user", "show", "alice"],
        &["--as", "clara", "user", "disable", "alice"],
        &["--as", "clara", "role", "add", "editor"],
        &["--as", "clara", "assign", "alice", "clerk"],
        &["--as", "clara", "recover"],
        &["--as", "clara", "backup", "copy.db"],
        &["--as", "alice", "user", "list"],
    ] {
        let output = rolecall(&app, refused).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{refused:?}");
        assert!(output.stdout.is_empty(), "{refused:?}");
        assert!(
            stderr.contains("not permitted") || stderr.contains("without --as"),
            "{refused:?}: {stderr}"
        );
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn y389_config_check_remarks_what_is_rarely_intended(app: TestApp) {
    let check = async |settings: &[&str]| {
        let mut arguments: Vec<&str> = Vec::new();
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        arguments.extend(["config", "check"]);
        run(&app, &arguments).await
    };
    for (settings, wanted) in [
        (&["login.idle=2d"][..], "remark: `login.idle` is longer"),
        (&["login.max=40d"], "remark: `login.stay` is shorter"),
        (
            &["outgoing.allow=10.0.0.7,::/0"],
            "remark: `outgoing.allow` names all addresses",
        ),
    ] {
        let text = check(settings).await;
        assert!(text.contains("is valid") && text.contains(wanted), "{text}");
    }
    for settings in [
        &[][..],
        &["login.max=40d", "login.stay=off"],
        &["outgoing.allow=0.0.0.0/1,10.0.0.0/8"],
    ] {
        let text = check(settings).await;
        assert!(
            !text.contains("`login.") && !text.contains("`outgoing."),
            "{text}"
        );
    }
}
