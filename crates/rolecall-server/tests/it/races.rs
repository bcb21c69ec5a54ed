//! Two at once: what must never both happen, however close they come.

use http::Method;
use serde_json::json;

use crate::{
    command_line::audit_is_whole,
    refresh::Pair,
    support::{
        Ask, First, Node, PASSWORD, ROUNDS, Race, TestApp, claims, eventually, on_both, races,
    },
};

races![
    a_token_never_keeps_what_was_taken_away_while_it_was_issued,
    a_log_in_never_outlives_the_password_that_it_used,
    two_assignments_at_once_lose_neither_a_row_nor_a_number,
    an_assignment_is_never_left_behind_by_its_role,
    x050_the_last_two_administrators_never_take_each_other_away,
    x048_two_edits_from_both_sides_never_make_a_cycle,
    x051_two_assignments_at_once_never_join_what_is_kept_apart,
    o049_a_refresh_racing_its_revocation_never_leaves_a_live_token,
];

on_both![
    one_name_is_never_registered_twice,
    one_assignment_made_twice_is_one,
    a_reset_code_is_never_used_twice,
];

/// How often a refresh races its revocation: on two nodes a thousand times for each database.
const REVOCATIONS: usize = 1000;
/// For what has nothing of the order in which things are read.
const FEW: usize = 20;

/// What is common to all races: no revision without its entry, and none twice.
async fn numbers_are_whole(app: &TestApp) {
    let revision = app.db.revision().await;
    assert_eq!(app.db.count("audit").await, revision);
    let newest = app.db.number("SELECT MAX(revision) FROM audit").await;
    assert_eq!(newest, revision);
    assert!(audit_is_whole(app).await);
}

/// A log-in from an address of its own, so that failures cost no delay.
fn log_in(node: &Node, round: usize, username: &str, password: &str) -> Ask {
    let form = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ];
    let ask = node.request(Method::POST, "/token").form(&form);
    ask.from(&format!("10.0.{}.1", round % 256))
}

/// Neither node takes any of these tokens for what it once held.
async fn all_are_refused(race: &Race, tokens: &[String], alice: &str) {
    // the other node has heard of everything when it has heard of what came last
    let last = race.other().login("alice").await;
    let sessions = format!("/api/users/{alice}/sessions");
    race.delete(sessions, race.admin().await).await.done();
    eventually("the other node has heard", async || {
        race.other().get("/api/me", &last).await.status == 401
    })
    .await;
    for token in tokens {
        for node in [race.other(), race] {
            let status = node.get("/items/", token).await.status;
            assert!([401, 403].contains(&status.as_u16()), "{status}");
        }
    }
}

async fn a_token_never_keeps_what_was_taken_away_while_it_was_issued(mut race: Race) {
    race.role("editor", &["items:read"]).await;
    let alice = race.user("alice", &["editor"]).await;
    let admin = race.admin().await.to_owned();
    let user = format!("/api/users/{alice}");
    let assignment = format!("{user}/roles/editor");
    let permission = "/api/roles/editor/permissions/items:read".to_owned();
    let status = |node: &Node, status: &str| {
        let ask = node.request(Method::PATCH, &user).token(&admin);
        ask.json(&json!({ "status": status }))
    };
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (taker, there) = race.nodes(round);
        // one kind after the other, because each takes its own time
        let kind = round * 3 / ROUNDS;
        let path = [&assignment, &permission, &user][kind];
        let take = match kind {
            2 => status(taker, "disabled"),
            _ => taker.request(Method::DELETE, path).token(&admin),
        };
        let log_in = log_in(there, round, "alice", PASSWORD);
        let (loss, issued) = race.run(take, log_in).await;
        assert!(loss.status.is_success(), "round {round}: {loss:?}");
        let (taker, there) = race.nodes(round);
        let held = if issued.status == 200 {
            let token = issued.text("access_token");
            let scope = claims(&token)["scope"].as_str().unwrap().to_owned();
            let held = scope.contains("items:read");
            // from the answer on, at the node that gave it
            let answer = taker.get("/items/", &token).await;
            if held {
                answer.ended();
            } else if answer.status != 401 || kind == 0 {
                // a policy newer than the token's revision may cost it more than it has to
                answer.forbidden("items:read");
            }
            if round % 40 == 0 {
                eventually("the other node refuses it too", async || {
                    there.get("/items/", &token).await.status != 200
                })
                .await;
            }
            tokens.push(token);
            held
        } else {
            issued.wrong_password();
            assert_eq!(kind, 2, "round {round}");
            race.forgive().await;
            false
        };
        race.won_by(if held { First::Two } else { First::One });
        if kind == 2 {
            status(&race, "active").send().await.is(200);
        } else {
            race.put(path, &admin).await.done();
        }
    }
    all_are_refused(&race, &tokens, &alice).await;
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn a_log_in_never_outlives_the_password_that_it_used(mut race: Race) {
    race.role("editor", &["items:read"]).await;
    let alice = race.user("alice", &["editor"]).await;
    let passwords = [PASSWORD, "another horse battery staple"];
    let sessions = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
    let mut tokens = Vec::new();
    for round in 0..ROUNDS {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let body = json!({ "username": "alice", "current_password": old, "new_password": new });
        let (changer, issuer) = race.nodes(round / 2);
        let change = changer.request(Method::POST, "/password").json(&body);
        let log_in = log_in(issuer, round, "alice", old);
        let (answer, logged_in) = race.run(change, log_in).await;
        answer.done();
        assert_eq!(race.db.number(&sessions).await, 0, "round {round}");
        if logged_in.status == 200 {
            let token = logged_in.text("access_token");
            race.nodes(round / 2).0.get("/items/", &token).await.ended();
            tokens.push(token);
            race.won_by(First::Two);
        } else {
            logged_in.wrong_password();
            race.won_by(First::One);
        }
        race.forgive().await;
    }
    all_are_refused(&race, &tokens, &alice).await;
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn two_assignments_at_once_lose_neither_a_row_nor_a_number(mut race: Race) {
    race.role("editor", &[]).await;
    let alice = race.user("alice", &[]).await;
    let admin = race.admin().await.to_owned();
    let path = format!("/api/users/{alice}/roles/editor");
    for round in 0..ROUNDS {
        let before = race.db.revision().await;
        let ends = |which: usize| {
            let seconds = round * 2 + which;
            format!("2030-02-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60)
        };
        let assign = |node: &Node, ends: String| {
            let ask = node.request(Method::PUT, &path).token(&admin);
            ask.json(&json!({ "expires_at": ends }))
        };
        let (here, there) = race.nodes(round);
        let (one, two) = (assign(here, ends(0)), assign(there, ends(1)));
        let (one, two) = race.run(one, two).await;
        one.done();
        two.done();
        assert_eq!(race.db.revision().await, before + 2);
        let given = race.get(format!("/api/users/{alice}/roles"), &admin).await;
        let given = given.json["items"].as_array().unwrap().clone();
        assert_eq!(given.len(), 1, "round {round}: {given:?}");
        let kept = given[0]["expires_at"].as_str().unwrap().to_owned();
        assert!([ends(0), ends(1)].contains(&kept), "round {round}: {kept}");
        // the row is the one that the newest entry tells of
        let newest = "SELECT changes FROM audit WHERE revision = (SELECT revision FROM head)";
        let told = race.db.texts(newest).await;
        assert!(told[0].contains(&kept), "round {round}: {kept}: {told:?}");
        race.won_by(if kept == ends(1) {
            First::One
        } else {
            First::Two
        });
    }
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn an_assignment_is_never_left_behind_by_its_role(mut race: Race) {
    let alice = race.user("alice", &[]).await;
    let admin = race.admin().await.to_owned();
    let path = format!("/api/users/{alice}/roles/passing");
    for round in 0..ROUNDS {
        race.role("passing", &[]).await;
        let before = race.db.revision().await;
        let (here, there) = race.nodes(round);
        let assign = here.request(Method::PUT, &path).token(&admin);
        let delete = there.request(Method::DELETE, "/api/roles/passing");
        let (assigned, deleted) = race.run(assign, delete.token(&admin)).await;
        deleted.done();
        let left = "SELECT COUNT(*) FROM role_assignments WHERE role = 'passing'";
        assert_eq!(race.db.number(left).await, 0, "round {round}");
        let made = if assigned.status == 204 {
            race.won_by(First::One);
            2
        } else {
            assigned.is(404);
            race.won_by(First::Two);
            1
        };
        assert_eq!(race.db.revision().await, before + made, "round {round}");
    }
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn x050_the_last_two_administrators_never_take_each_other_away(mut race: Race) {
    let ids = [
        race.id_of("admin").await,
        race.user("bob", &["rolecall.admin"]).await,
    ];
    let names = ["admin", "bob"];
    let role = |id: &str| format!("/api/users/{id}/roles/rolecall.admin");
    for round in 0..ROUNDS {
        // the other's role, the other's account, and last each their own role
        let kind = round * 3 / ROUNDS;
        let (here, there) = race.nodes(round);
        let tokens = [here.login("admin").await, there.login("bob").await];
        let take = |node: &Node, who: usize| {
            let (token, id) = (&tokens[who], &ids[if kind == 2 { who } else { 1 - who }]);
            if kind == 1 {
                let ask = node.request(Method::PATCH, format!("/api/users/{id}"));
                return ask.token(token).json(&json!({ "status": "disabled" }));
            }
            node.request(Method::DELETE, role(id)).token(token)
        };
        let (one, two) = (take(here, 0), take(there, 1));
        let (one, two) = race.run(one, two).await;
        let sql = "SELECT COUNT(*) FROM role_assignments a JOIN users u ON u.id = a.subject_id \
            WHERE role = 'rolecall.admin' AND NOT u.disabled";
        let left = race.db.number(sql).await;
        assert_eq!(left, 1, "round {round}: {one:?} {two:?}");
        let won = [&one, &two].map(|answer| answer.status.is_success());
        assert_ne!(won[0], won[1], "round {round}: {one:?} {two:?}");
        let winner = usize::from(won[1]);
        race.won_by([First::One, First::Two][winner]);
        // whoever is left gives it back
        let left = if kind == 2 { 1 - winner } else { winner };
        let token = race.login(names[left]).await;
        if kind == 1 {
            let path = format!("/api/users/{}", ids[1 - left]);
            let body = json!({ "status": "active" });
            race.patch(path, &token, body).await.is(200);
        } else {
            race.put(role(&ids[1 - left]), &token).await.done();
        }
    }
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn x051_two_assignments_at_once_never_join_what_is_kept_apart(mut race: Race) {
    race.role("payer", &[]).await;
    race.role("approver", &[]).await;
    let admin = race.admin().await.to_owned();
    let body = json!({ "name": "payments", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    race.post("/api/constraints", &admin, body).await.is(201);
    let alice = race.user("alice", &[]).await;
    let path = |role: &str| format!("/api/users/{alice}/roles/{role}");
    let held = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{alice}'");
    for round in 0..ROUNDS {
        let (here, there) = race.nodes(round);
        let give = |node: &Node, role: &str| node.request(Method::PUT, path(role)).token(&admin);
        let (one, two) = (give(here, "payer"), give(there, "approver"));
        let (one, two) = race.run(one, two).await;
        assert_eq!(race.db.number(&held).await, 1, "round {round}");
        let (first, won, lost) = if one.status == 204 {
            (First::One, "payer", two)
        } else {
            (First::Two, "approver", one)
        };
        lost.breaks("separation_of_duties");
        race.won_by(first);
        race.delete(path(won), &admin).await.done();
    }
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn x048_two_edits_from_both_sides_never_make_a_cycle(mut race: Race) {
    for role in ["a", "b", "c"] {
        race.role(role, &[]).await;
    }
    let admin = race.admin().await.to_owned();
    let cycles = "WITH RECURSIVE reach (senior, junior) AS ( \
            SELECT senior, junior FROM role_juniors \
            UNION SELECT r.senior, j.junior FROM reach r JOIN role_juniors j ON j.senior = r.junior) \
        SELECT COUNT(*) FROM reach WHERE senior = junior";
    let edge = |(senior, junior): (&str, &str)| format!("/api/roles/{senior}/juniors/{junior}");
    for round in 0..ROUNDS {
        // alone they make a cycle, or with a third role between them
        let (one, two) = if round < ROUNDS / 2 {
            (("a", "b"), ("b", "a"))
        } else {
            (("a", "b"), ("c", "a"))
        };
        if round == ROUNDS / 2 {
            race.inherit("b", "c").await;
        }
        let before = race.db.count("role_juniors").await;
        let (here, there) = race.nodes(round);
        let first = here.request(Method::PUT, edge(one)).token(&admin);
        let second = there.request(Method::PUT, edge(two)).token(&admin);
        let (first, second) = race.run(first, second).await;
        assert_eq!(race.db.count("role_juniors").await, before + 1);
        assert_eq!(race.db.number(cycles).await, 0, "round {round}");
        let (won, lost) = if first.status == 204 {
            (First::One, &second)
        } else {
            second.done();
            (First::Two, &first)
        };
        lost.breaks("role_hierarchy_cycle");
        race.won_by(won);
        let made = if won == First::One { one } else { two };
        race.delete(edge(made), &admin).await.done();
    }
    numbers_are_whole(&race).await;
    race.was_a_race();
}

async fn one_name_is_never_registered_twice(app: TestApp) {
    let other = app.second_node().await;
    for round in 0..FEW {
        let body = json!({ "username": format!("user{round}"), "password": PASSWORD });
        let upper = json!({ "username": format!("USER{round}"), "password": PASSWORD });
        let (one, two) = tokio::join!(
            app.post("/register", "", body),
            other.post("/register", "", upper),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "round {round}: {one:?} {two:?}");
    }
    assert_eq!(app.db.count("users").await, 1 + i64::try_from(FEW).unwrap());
    assert_eq!(app.db.count("subjects").await, app.db.count("users").await);
}

async fn one_assignment_made_twice_is_one(app: TestApp) {
    let other = app.second_node().await;
    app.role("editor", &[]).await;
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    for _ in 0..FEW {
        let before = app.db.revision().await;
        let (one, two) = tokio::join!(app.put(&path, admin), other.put(&path, admin));
        one.done();
        two.done();
        assert_eq!(app.db.revision().await, before + 1);
        let (one, two) = tokio::join!(app.delete(&path, admin), other.delete(&path, admin));
        one.done();
        two.done();
        assert_eq!(app.db.revision().await, before + 2);
    }
    assert_eq!(app.db.count("audit").await, app.db.revision().await);
}

async fn a_reset_code_is_never_used_twice(app: TestApp) {
    let other = app.second_node().await;
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    for round in 0..FEW {
        let path = format!("/api/users/{alice}/reset");
        let code = app.post(path, admin, json!({})).await.text("reset_code");
        let with = |new: &str| json!({ "username": "alice", "current_password": code, "new_password": new });
        let (one, two) = tokio::join!(
            app.post("/password", "", with("the horse of the first node")),
            other.post("/password", "", with("the horse of the second node")),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401], "round {round}: {one:?} {two:?}");
        app.forgive().await;
    }
}

async fn o049_a_refresh_racing_its_revocation_never_leaves_a_live_token(mut race: Race) {
    race.user("alice", &["user"]).await;
    let rounds = if race.has_two_nodes() {
        REVOCATIONS
    } else {
        ROUNDS
    };
    for round in 0..rounds {
        let (refreshing, revoking) = race.nodes(round);
        let first = refreshing.log_in("alice").await;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh),
        ];
        let refresh = refreshing.request(Method::POST, "/token").form(&form);
        let form = [("token", first.refresh.as_str())];
        let revoke = revoking.request(Method::POST, "/revoke").form(&form);
        let (refreshed, revoked) = race.run(refresh, revoke).await;
        revoked.is(200);
        let mut dead = vec![first];
        if refreshed.status == 200 {
            dead.push(Pair::of(&refreshed));
        } else {
            refreshed.oauth(400, "invalid_grant");
        }
        race.won_by(if refreshed.status == 200 {
            First::One
        } else {
            First::Two
        });
        let (refreshing, revoking) = race.nodes(round);
        for pair in &dead {
            // from the answer on: the one refuses what it revoked, and both ask the database of a refresh
            revoking.get("/api/me", &pair.access).await.ended();
            for node in [refreshing, revoking] {
                let refused = node.refresh(&pair.refresh).await;
                refused.oauth(400, "invalid_grant");
            }
        }
        if round % 100 == 0 {
            for pair in &dead {
                eventually("the other node refuses them too", async || {
                    refreshing.get("/api/me", &pair.access).await.status == 401
                })
                .await;
            }
        }
    }
    let left = "SELECT COUNT(*) FROM sessions WHERE subject_id IN (SELECT id FROM users WHERE username = 'alice')";
    assert_eq!(race.db.number(left).await, 0);
    race.was_a_race();
}
