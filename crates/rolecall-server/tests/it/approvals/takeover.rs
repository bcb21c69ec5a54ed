//! One person does not act as two: through a client, or as the subject of the request.

use serde_json::json;

use super::{PATH, expect_refusal, payer};
use crate::support::{Credentials, PASSWORD, Phone, TestApp, on_both, run};

on_both![
    y004_a_client_does_not_request_for_a_user,
    y004_who_controls_a_client_does_not_confirm_what_it_requested,
    y004_a_client_from_before_requests_only_after_its_secret_is_new,
    y004_changes_of_who_logs_in_as_the_subject_end_pending_requests,
    y476_a_factor_that_is_removed_ends_pending_requests,
];

/// Creates a client that may assign roles, as the caller with `token`.
async fn create_robot(app: &TestApp, token: &str, name: &str) -> Credentials {
    let body = json!({ "name": name, "grants": ["client_credentials"], "roles": ["giver"] });
    let created = app.post("/api/clients", token, body).await;
    let secret = created.is(201).text("client_secret");
    Credentials::new(&created.text("client_id"), &secret)
}

/// Lets `ann` and `ben` create clients.
async fn with_clerks(app: &TestApp) {
    let clerk = ["rolecall.clients:write", "rolecall.users:write"];
    app.create_role("clerk", &clerk).await;
    for name in ["ann", "ben"] {
        let id = app.id_of(name).await;
        app.assign(&id, "clerk").await;
    }
}

async fn y004_a_client_does_not_request_for_a_user(app: TestApp) {
    let alice = app.create_payers().await;
    let robot = create_robot(&app, app.admin().await, "robot").await;
    let token = app.act_as(&robot).await;
    expect_refusal(&app, app.put(payer(&alice), &token), "for a user").await;
    assert_eq!(app.pending_requests().await, [""; 0]);
    // a role that needs no second person is not requested but assigned
    app.create_plain_role("plain", &["payments:make"]).await;
    app.put(format!("/api/users/{alice}/roles/plain"), &token)
        .await
        .no_content();
    // a request from before is not confirmed
    let id = app.request_payer(&app.log_in("ann").await, &alice).await;
    let requester = format!("client:{}", robot.id);
    app.db
        .execute(&format!(
            "UPDATE assignment_requests SET requested_by = '{requester}'"
        ))
        .await;
    let ben = app.log_in("ben").await;
    expect_refusal(&app, app.confirm(&ben, &id), "for a user").await;
}

async fn y004_who_controls_a_client_does_not_confirm_what_it_requested(app: TestApp) {
    app.create_payers().await;
    with_clerks(&app).await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let worker = app.create_client("worker", json!({})).await;
    let robot = create_robot(&app, &ann, "robot").await;
    let path = format!("/api/clients/{}/roles/payer", worker.id);
    let token = app.act_as(&robot).await;
    let id = app.put(&path, &token).await.is(202).text("id");
    let controls = "you control the client";
    expect_refusal(&app, app.confirm(&ann, &id), controls).await;
    app.confirm(&ben, &id).await.no_content();
    app.delete(&path, &ben).await.no_content();
    // who is shown a new secret controls the client too, and ends what it requested before
    app.put(&path, &token).await.is(202);
    let rotate = format!("/api/clients/{}/secret", robot.id);
    app.post(&rotate, &ben, json!({})).await.is(200);
    assert_eq!(app.pending_requests().await, [""; 0]);
    let id = app.put(&path, &token).await.is(202).text("id");
    for token in [&ann, &ben] {
        expect_refusal(&app, app.confirm(token, &id), controls).await;
    }
    app.confirm(app.admin().await, &id).await.no_content();
}

async fn y004_a_client_from_before_requests_only_after_its_secret_is_new(app: TestApp) {
    app.create_payers().await;
    let worker = app.create_client("worker", json!({})).await;
    let robot = create_robot(&app, app.admin().await, "robot").await;
    app.db.execute("DELETE FROM client_controllers").await;
    let path = format!("/api/clients/{}/roles/payer", worker.id);
    let token = app.act_as(&robot).await;
    let id = app.put(&path, &token).await.is(202).text("id");
    let ben = app.log_in("ben").await;
    expect_refusal(&app, app.confirm(&ben, &id), "it is not known").await;
    let rotate = format!("/api/clients/{}/secret", robot.id);
    let admin = app.admin().await;
    app.post(&rotate, admin, json!({})).await.is(200);
    let id = app.put(&path, &token).await.is(202).text("id");
    app.confirm(&ben, &id).await.no_content();
}

async fn y004_changes_of_who_logs_in_as_the_subject_end_pending_requests(app: TestApp) {
    let alice = app.create_payers().await;
    with_clerks(&app).await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let user = format!("/api/users/{alice}");
    let ended = async |id: &str| {
        assert_eq!(
            app.newest_entry().await["changes"]
                .to_string()
                .matches("role.request_ended")
                .count(),
            1
        );
        app.confirm(&ben, id).await.is(404);
        app.get(format!("{PATH}/{id}"), app.admin().await)
            .await
            .is(404);
    };
    let own = app.log_in("alice").await;
    let id = app.request_payer(&ann, &alice).await;
    let address = json!({ "email": "alice@mail.example" });
    app.patch("/api/me", &own, address).await.is(200);
    ended(&id).await;
    let id = app.request_payer(&ann, &alice).await;
    let body = json!({ "current_password": PASSWORD, "new_password": "another pass phrase" });
    app.put_json("/api/me/password", &own, body)
        .await
        .no_content();
    ended(&id).await;
    for body in [
        json!({ "email": "other@mail.example" }),
        json!({ "username": "alicia" }),
        json!({ "status": "password_change_required" }),
    ] {
        let id = app.request_payer(&ann, &alice).await;
        app.patch(&user, &ann, body).await.is(200);
        ended(&id).await;
    }
    let id = app.request_payer(&ann, &alice).await;
    app.post(format!("{user}/reset"), &ann, json!({}))
        .await
        .is(200);
    ended(&id).await;
    let id = app.request_payer(&ann, &alice).await;
    run(&app, &["user", "reset", "alicia"]).await;
    ended(&id).await;
    // who is shown the new secret of a client can act as it
    let worker = app.create_client("worker", json!({})).await;
    let path = format!("/api/clients/{}/roles/payer", worker.id);
    let id = app.put(&path, &ann).await.is(202).text("id");
    let rotate = format!("/api/clients/{}/secret", worker.id);
    app.post(&rotate, &ann, json!({})).await.is(200);
    ended(&id).await;
}

async fn y476_a_factor_that_is_removed_ends_pending_requests(app: TestApp) {
    use rolecall::Clock as _;
    let alice = app.create_payers().await;
    with_clerks(&app).await;
    let (ann, own) = (app.log_in("ann").await, app.log_in("alice").await);
    let begun = app.post("/api/me/factors/totp", &own, json!({})).await;
    let (factor, phone) = (begun.is(201).text("id"), Phone::with(&begun.text("secret")));
    let code = json!({ "code": phone.code(app.clock.now()) });
    let path = format!("/api/me/factors/{factor}/confirm");
    app.post(path, &own, code).await.is(200);
    let id = app.request_payer(&ann, &alice).await;
    let path = format!("/api/users/{alice}/factors/{factor}");
    app.delete(path, &ann).await.no_content();
    let entry = app.newest_entry().await.to_string();
    assert!(entry.contains("role.request_ended"), "{entry}");
    let ben = app.log_in("ben").await;
    app.confirm(&ben, &id).await.is(404);
}
