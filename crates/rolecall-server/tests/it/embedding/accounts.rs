//! Users, as the application's own code creates, finds and changes them.

use std::{sync::Arc, time::Duration};

use rolecall::{Clock as _, Principal};
use rolecall_server::{
    AccountError, AccountErrorKind, Accounts, Assigned, Assignment, NewUser, UserStatus,
};
use serde_json::json;

use crate::support::{PASSWORD, TestApp, WRONG, on_both};

on_both![
    a_user_is_created_found_and_changed,
    users_are_found_by_name_address_and_many_ids,
    pages_have_no_gaps_and_no_repeats,
    a_value_that_cannot_be_taken_is_named_and_changes_nothing,
    the_audit_log_names_the_part_of_the_application,
    a_disabled_user_loses_access_at_once_and_gets_it_back,
    roles_are_assigned_with_tenant_time_and_reason,
    a_role_that_needs_approval_is_requested,
    the_last_administrator_stays,
    a_caller_can_do_no_more_than_at_the_api,
    a_token_that_has_ended_does_nothing,
    a_reset_code_sets_a_password,
    texts_that_cannot_be_stored_find_nobody,
];

impl TestApp {
    fn users(&self) -> Accounts<'static> {
        self.embedded().accounts("seed")
    }

    /// The verified caller behind a token.
    fn caller(&self, token: &str) -> Arc<Principal> {
        self.guard().verify(token).unwrap()
    }
}

fn kind<T: std::fmt::Debug>(refused: Result<T, AccountError>) -> AccountErrorKind {
    refused.unwrap_err().kind()
}

fn invalid(field: &str) -> AccountErrorKind {
    AccountErrorKind::Invalid {
        field: field.to_owned(),
    }
}

async fn a_user_is_created_found_and_changed(app: TestApp) {
    let users = app.users();
    app.create_role("editor", &[]).await;
    let new = NewUser::new("Anna").password(PASSWORD).role("editor");
    let created = users.create(new.email("anna@example.com")).await.unwrap();
    assert!(created.reset_code.is_none());
    let anna = created.user;
    assert_eq!(
        (anna.username.as_str(), anna.status),
        ("anna", UserStatus::Active)
    );
    assert_eq!(anna.roles, ["editor"]);
    assert_eq!(users.find(&anna.id).await.unwrap(), Some(anna.clone()));
    // the application's password is lasting
    app.log_in("anna").await;
    let renamed = users.rename(&anna.id, "anne").await.unwrap();
    assert_eq!((renamed.username.as_str(), &renamed.id), ("anne", &anna.id));
    let moved = users
        .set_email(&anna.id, Some("anne@example.com"))
        .await
        .unwrap();
    assert_eq!(moved.email.as_deref(), Some("anne@example.com"));
    assert_eq!(users.set_email(&anna.id, None).await.unwrap().email, None);
    let shown = app
        .get(format_args!("/api/users/{}", anna.id), app.admin().await)
        .await;
    assert_eq!(shown.json["username"], "anne");
    users.delete(&anna.id).await.unwrap();
    users.delete(&anna.id).await.unwrap();
    assert_eq!(users.find(&anna.id).await.unwrap(), None);
}

async fn users_are_found_by_name_address_and_many_ids(app: TestApp) {
    let users = app.users();
    let mut ids = Vec::new();
    // more than one statement looks up
    for number in 0..45 {
        let new = NewUser::new(&format!("user{number}")).email("Same@Example.com");
        ids.push(users.create(new).await.unwrap().user.id);
        app.pass_time(Duration::from_secs(1));
    }
    let mut asked: Vec<&str> = ids.iter().map(String::as_str).rev().collect();
    asked.extend(["nobody", "", "nul\0", &ids[0]]);
    let found = users.find_all(&asked).await.unwrap();
    let found: Vec<&str> = found.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(found, ids, "ordered by id, each once");
    assert!(users.find_all(&[]).await.unwrap().is_empty());
    assert_eq!(kind(users.find_all(&["x"; 201]).await), invalid("ids"));
    assert_eq!(users.find_all(&["x"; 200]).await.unwrap(), []);

    let by_name = users.find_by_name("USER7").await.unwrap().unwrap();
    assert_eq!(by_name.id, ids[7]);
    assert_eq!(users.find_by_name("user").await.unwrap(), None);
    let by_email = users.find_by_email("same@example.COM").await.unwrap();
    assert_eq!(by_email.len(), 45);
    assert_eq!(users.find_by_email("same@example").await.unwrap(), []);
}

async fn pages_have_no_gaps_and_no_repeats(app: TestApp) {
    let users = app.users();
    for number in 0..5 {
        users
            .create(NewUser::new(&format!("user{number}")))
            .await
            .unwrap();
        app.pass_time(Duration::from_secs(1));
    }
    for limit in 0..8 {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = users.page("user", &after, limit).await.unwrap();
            assert!(page.users.len() <= limit.max(1));
            seen.extend(page.users.into_iter().map(|user| user.username));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(
            seen,
            ["user0", "user1", "user2", "user3", "user4"],
            "{limit}"
        );
    }
}

async fn a_value_that_cannot_be_taken_is_named_and_changes_nothing(app: TestApp) {
    let users = app.users();
    let anna = users.create(NewUser::new("anna")).await.unwrap().user.id;
    let revision = app.db.revision().await;
    let create = async |user: NewUser| kind(users.create(user).await);
    let new = || NewUser::new("bob");
    assert_eq!(create(NewUser::new("")).await, invalid("username"));
    assert_eq!(create(new().password("short")).await, invalid("password"));
    assert_eq!(create(new().email("nowhere")).await, invalid("email"));
    assert_eq!(create(new().role("No Role")).await, invalid("role"));
    assert_eq!(
        create(new().role("nothing")).await,
        AccountErrorKind::NotFound
    );
    assert_eq!(
        create(NewUser::new("Anna")).await,
        AccountErrorKind::Conflict
    );
    assert_eq!(
        kind(users.rename("nobody", "bob").await),
        AccountErrorKind::NotFound
    );
    assert_eq!(
        kind(users.rename(&anna, "admin").await),
        AccountErrorKind::Conflict
    );
    assert_eq!(
        kind(users.set_email(&anna, Some("@")).await),
        invalid("email")
    );
    let assign = async |given: Assignment| kind(users.assign(&anna, given).await);
    assert_eq!(assign("nothing".into()).await, AccountErrorKind::NotFound);
    assert_eq!(assign("No Role".into()).await, invalid("role"));
    assert_eq!(
        assign(Assignment::of("user").in_tenant("No Tenant")).await,
        invalid("tenant")
    );
    assert_eq!(
        assign(Assignment::of("user").because("\u{202e}")).await,
        invalid("reason")
    );
    let past = app.clock.now().minus(Duration::from_secs(1));
    assert_eq!(
        assign(Assignment::of("user").until(past)).await,
        invalid("expires_at")
    );
    assert_eq!(app.db.revision().await, revision);
}

async fn the_audit_log_names_the_part_of_the_application(app: TestApp) {
    for (part, actor) in [
        ("seed", "app:seed"),
        ("night\nly\u{202e} job", "app:nightlyjob"),
        ("", "app:"),
    ] {
        let users = app.embedded().accounts(part);
        let user = users.create(NewUser::new("anna")).await.unwrap().user;
        assert_eq!(app.newest_entry().await["actor"], actor);
        users.delete(&user.id).await.unwrap();
    }
    let long = "x".repeat(1000);
    let users = app.embedded().accounts(&long);
    users.create(NewUser::new("anna")).await.unwrap();
    let actor = app.newest_entry().await["actor"].as_str().unwrap().len();
    assert_eq!(actor, "app:".len() + 64);
    let assigned = users.find_by_name("anna").await.unwrap().unwrap();
    users.assign(&assigned.id, "user").await.unwrap();
    let roles = users.roles(&assigned.id).await.unwrap();
    assert!(roles[0].assigned_by.starts_with("app:xxx"));
}

async fn a_disabled_user_loses_access_at_once_and_gets_it_back(app: TestApp) {
    let (users, anna) = (app.users(), app.create_user("anna", &[]).await);
    let token = app.log_in("anna").await;
    let disabled = users.disable(&anna).await.unwrap();
    assert_eq!(disabled.status, UserStatus::Disabled);
    app.get("/api/me", &token).await.ended_token();
    app.password_grant("anna", PASSWORD).await.wrong_password();
    assert_eq!(
        users.enable(&anna).await.unwrap().status,
        UserStatus::Active
    );
    let token = app.log_in("anna").await;
    users.end_sessions(&anna).await.unwrap();
    app.get("/api/me", &token).await.ended_token();
    app.log_in("anna").await;
    for refused in [
        kind(users.disable("nobody").await),
        kind(users.enable("nobody").await),
        kind(users.end_sessions("nobody").await),
        kind(users.reset_password("nobody").await),
        kind(users.roles("nobody").await),
        kind(users.assign("nobody", "user").await),
        kind(users.unassign("nobody", "user", None).await),
    ] {
        assert_eq!(refused, AccountErrorKind::NotFound);
    }
}

async fn roles_are_assigned_with_tenant_time_and_reason(app: TestApp) {
    let (users, anna) = (app.users(), app.create_user("anna", &[]).await);
    app.create_role("editor", &["items:read"]).await;
    let (start, end) = (Duration::from_hours(1), Duration::from_hours(2));
    let (start, end) = (app.clock.now().plus(start), app.clock.now().plus(end));
    let given = Assignment::of("editor")
        .in_tenant("acme")
        .starting_at(start);
    let given = given.until(end).because("holiday cover");
    assert_eq!(users.assign(&anna, given).await.unwrap(), Assigned::InForce);
    users.assign(&anna, "editor").await.unwrap();
    let roles = users.roles(&anna).await.unwrap();
    let tenants: Vec<Option<&str>> = roles.iter().map(|role| role.tenant.as_deref()).collect();
    assert_eq!(tenants, [None, Some("acme")]);
    let local = &roles[1];
    assert_eq!(
        (local.valid_from, local.expires_at),
        (Some(start), Some(end))
    );
    assert_eq!(local.reason.as_deref(), Some("holiday cover"));
    let token = app.log_in("anna").await;
    app.get("/items/", &token).await.is(200);
    users.unassign(&anna, "editor", None).await.unwrap();
    app.get("/items/", &token).await.ended_token();
    users.unassign(&anna, "editor", Some("acme")).await.unwrap();
    users.unassign(&anna, "editor", Some("acme")).await.unwrap();
    assert_eq!(users.roles(&anna).await.unwrap(), []);
}

async fn a_role_that_needs_approval_is_requested(app: TestApp) {
    let (users, anna) = (app.users(), app.create_user("anna", &[]).await);
    let admin = app.admin().await;
    app.create_role("payer", &[]).await;
    app.patch("/api/roles/payer", admin, json!({ "approval": true }))
        .await
        .is(200);
    let asked = users.assign(&anna, "payer").await.unwrap();
    let Assigned::Requested { request } = asked else {
        panic!("{asked:?}");
    };
    let open = app.get("/api/assignment-requests", admin).await;
    assert_eq!(open.items("id"), [request]);
    assert_eq!(users.roles(&anna).await.unwrap(), []);
}

async fn the_last_administrator_stays(app: TestApp) {
    let (users, admin) = (app.users(), app.id_of("admin").await);
    let role = "rolecall.admin";
    for refused in [
        kind(users.disable(&admin).await),
        kind(users.delete(&admin).await),
        kind(users.unassign(&admin, role, None).await),
    ] {
        assert_eq!(refused, AccountErrorKind::Conflict);
    }
}

async fn a_caller_can_do_no_more_than_at_the_api(app: TestApp) {
    app.create_role("clerk", &["rolecall.users:read", "rolecall.users:write"])
        .await;
    app.create_user("clerk", &["clerk"]).await;
    let anna = app.create_user("anna", &[]).await;
    let boss = app.id_of("admin").await;
    let clerk = app.caller(&app.log_in("clerk").await);
    let users = app.embedded().accounts_for(&clerk);
    assert!(users.find(&anna).await.unwrap().is_some());
    users.rename(&anna, "anne").await.unwrap();
    let actor = format!("user:{}", clerk.subject());
    assert_eq!(app.newest_entry().await["actor"], actor);
    // a password that the clerk knows must be changed
    let created = users
        .create(NewUser::new("bob").password(PASSWORD))
        .await
        .unwrap();
    assert_eq!(created.user.status, UserStatus::PasswordChangeRequired);
    let revision = app.db.revision().await;
    for refused in [
        users.assign(&anna, "clerk").await.map(drop),
        users
            .create(NewUser::new("eve").role("clerk"))
            .await
            .map(drop),
        users.end_sessions(&anna).await,
        users.roles(&anna).await.map(drop),
        // the delegation limit: the administrator holds more
        users.disable(&boss).await.map(drop),
        users.reset_password(&boss).await.map(drop),
        users.delete(&boss).await,
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), AccountErrorKind::Forbidden, "{refused}");
        let text = refused.to_string();
        assert!(text.starts_with("the caller lacks "), "{text}");
    }
    let nobody = app.caller(&app.log_in("anne").await);
    let users = app.embedded().accounts_for(&nobody);
    for refused in [
        users.find(&anna).await.map(drop),
        users.find_by_name("anne").await.map(drop),
        users.find_by_email("a@b").await.map(drop),
        users.find_all(&[&anna]).await.map(drop),
        users.page("", "", 10).await.map(drop),
        users.rename(&anna, "other").await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), AccountErrorKind::Forbidden);
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn a_token_that_has_ended_does_nothing(app: TestApp) {
    let token = app.log_in("admin").await;
    let caller = app.caller(&token);
    app.post("/api/me/logout", &token, json!({}))
        .await
        .no_content();
    let users = app.embedded().accounts_for(&caller);
    let revision = app.db.revision().await;
    let refused = users.create(NewUser::new("anna")).await.unwrap_err();
    assert_eq!(refused.kind(), AccountErrorKind::Ended);
    assert_eq!(app.db.revision().await, revision);
}

async fn a_reset_code_sets_a_password(app: TestApp) {
    let users = app.users();
    let created = users.create(NewUser::new("anna")).await.unwrap();
    let code = created.reset_code.unwrap();
    assert!(!format!("{code:?}").contains(&code.code));
    app.replace_password("anna", &code.code, PASSWORD)
        .await
        .no_content();
    let token = app.log_in("anna").await;
    let code = users.reset_password(&created.user.id).await.unwrap();
    app.get("/api/me", &token).await.ended_token();
    app.password_grant("anna", PASSWORD).await.wrong_password();
    app.replace_password("anna", &code.code, WRONG)
        .await
        .no_content();
}

async fn texts_that_cannot_be_stored_find_nobody(app: TestApp) {
    let users = app.users();
    for text in ["", "\0", "a\0b", "' OR 1=1 --", "\u{10ffff}"] {
        assert_eq!(users.find(text).await.unwrap(), None, "{text:?}");
        assert_eq!(users.find_by_name(text).await.unwrap(), None, "{text:?}");
        assert_eq!(users.find_by_email(text).await.unwrap(), [], "{text:?}");
        assert_eq!(users.find_all(&[text]).await.unwrap(), [], "{text:?}");
        let renamed = kind(users.rename(text, "anna").await);
        assert_eq!(renamed, AccountErrorKind::NotFound, "{text:?}");
        users.delete(text).await.unwrap();
    }
    assert_eq!(kind(users.page("\0", "", 10).await), invalid("search"));
    assert_eq!(kind(users.page("", "\0", 10).await), invalid("after"));
}
