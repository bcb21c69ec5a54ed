//! Rules of the policy that two writes could break together.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::assert_audit_complete;
use crate::support::{First, Node, ROUNDS, Race, TokenPair, races};

races![
    two_simultaneous_assignments_lose_neither_a_row_nor_a_revision,
    an_assignment_never_outlives_its_role,
    x050_the_last_two_administrators_never_remove_each_other,
    x048_two_simultaneous_edits_never_create_a_cycle,
    x051_two_simultaneous_assignments_never_violate_a_constraint,
    y191_two_simultaneous_refreshes_never_get_roles_that_exclude_each_other,
];

async fn two_simultaneous_assignments_lose_neither_a_row_nor_a_revision(mut race: Race) {
    race.create_role("editor", &[]).await;
    let alice = race.create_user("alice", &[]).await;
    let admin = race.admin().await.to_owned();
    let path = format!("/api/users/{alice}/roles/editor");
    for round in 0..ROUNDS {
        let before = race.db.revision().await;
        let ends = |which: usize| {
            let seconds = round * 2 + which;
            format!("2030-02-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60)
        };
        let assign = |node: &Node, ends: String| {
            let request = node.request(Method::PUT, &path).token(&admin);
            request.json(&json!({ "expires_at": ends }))
        };
        let (here, there) = race.nodes(round);
        let (one, two) = (assign(here, ends(0)), assign(there, ends(1)));
        let (one, two) = race.run(one, two).await;
        one.no_content();
        two.no_content();
        assert_eq!(race.db.revision().await, before + 2);
        let assignments = race.get(format!("/api/users/{alice}/roles"), &admin).await;
        let assignments = assignments.json["items"].as_array().unwrap().clone();
        assert_eq!(assignments.len(), 1, "round {round}: {assignments:?}");
        let kept = assignments[0]["expires_at"].as_str().unwrap().to_owned();
        assert!([ends(0), ends(1)].contains(&kept), "round {round}: {kept}");
        // the row is the one in the newest audit entry
        let newest = "SELECT changes FROM audit WHERE revision = (SELECT revision FROM head)";
        let changes = race.db.texts(newest).await;
        assert!(
            changes[0].contains(&kept),
            "round {round}: {kept}: {changes:?}"
        );
        race.record_winner(if kept == ends(1) {
            First::One
        } else {
            First::Two
        });
    }
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn an_assignment_never_outlives_its_role(mut race: Race) {
    let alice = race.create_user("alice", &[]).await;
    let admin = race.admin().await.to_owned();
    let path = format!("/api/users/{alice}/roles/passing");
    for round in 0..ROUNDS {
        race.create_role("passing", &[]).await;
        let before = race.db.revision().await;
        let (here, there) = race.nodes(round);
        let assign = here.request(Method::PUT, &path).token(&admin);
        let delete = there.request(Method::DELETE, "/api/roles/passing");
        let (assigned, deleted) = race.run(assign, delete.token(&admin)).await;
        deleted.no_content();
        let left = "SELECT COUNT(*) FROM role_assignments WHERE role = 'passing'";
        assert_eq!(race.db.number(left).await, 0, "round {round}");
        let made = if assigned.status == 204 {
            race.record_winner(First::One);
            2
        } else {
            assigned.is(404);
            race.record_winner(First::Two);
            1
        };
        assert_eq!(race.db.revision().await, before + made, "round {round}");
    }
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn x050_the_last_two_administrators_never_remove_each_other(mut race: Race) {
    let ids = [
        race.id_of("admin").await,
        race.create_user("bob", &["rolecall.admin"]).await,
    ];
    let names = ["admin", "bob"];
    let role = |id: &str| format!("/api/users/{id}/roles/rolecall.admin");
    for round in 0..ROUNDS {
        // first the other's role, then the other's account, last their own role
        let kind = round * 3 / ROUNDS;
        let (here, there) = race.nodes(round);
        let tokens = [here.log_in("admin").await, there.log_in("bob").await];
        let remove = |node: &Node, index: usize| {
            let (token, id) = (
                &tokens[index],
                &ids[if kind == 2 { index } else { 1 - index }],
            );
            if kind == 1 {
                let request = node.request(Method::PATCH, format!("/api/users/{id}"));
                return request.token(token).json(&json!({ "status": "disabled" }));
            }
            node.request(Method::DELETE, role(id)).token(token)
        };
        let (one, two) = (remove(here, 0), remove(there, 1));
        let (one, two) = race.run(one, two).await;
        let sql = "SELECT COUNT(*) FROM role_assignments a JOIN users u ON u.id = a.subject_id \
            WHERE role = 'rolecall.admin' AND NOT u.disabled";
        let left = race.db.number(sql).await;
        assert_eq!(left, 1, "round {round}: {one:?} {two:?}");
        let won = [&one, &two].map(|response| response.status.is_success());
        assert_ne!(won[0], won[1], "round {round}: {one:?} {two:?}");
        let winner = usize::from(won[1]);
        race.record_winner([First::One, First::Two][winner]);
        // the remaining administrator restores the other
        let left = if kind == 2 { 1 - winner } else { winner };
        let token = race.log_in(names[left]).await;
        if kind == 1 {
            let path = format!("/api/users/{}", ids[1 - left]);
            let body = json!({ "status": "active" });
            race.patch(path, &token, body).await.is(200);
        } else {
            race.put(role(&ids[1 - left]), &token).await.no_content();
        }
    }
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn x051_two_simultaneous_assignments_never_violate_a_constraint(mut race: Race) {
    race.create_role("payer", &[]).await;
    race.create_role("approver", &[]).await;
    let admin = race.admin().await.to_owned();
    let body = json!({ "name": "payments", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    race.post("/api/constraints", &admin, body).await.is(201);
    let alice = race.create_user("alice", &[]).await;
    let path = |role: &str| format!("/api/users/{alice}/roles/{role}");
    let held = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{alice}'");
    for round in 0..ROUNDS {
        let (here, there) = race.nodes(round);
        let assign = |node: &Node, role: &str| node.request(Method::PUT, path(role)).token(&admin);
        let (one, two) = (assign(here, "payer"), assign(there, "approver"));
        let (one, two) = race.run(one, two).await;
        assert_eq!(race.db.number(&held).await, 1, "round {round}");
        let (first, won, lost) = if one.status == 204 {
            (First::One, "payer", two)
        } else {
            (First::Two, "approver", one)
        };
        lost.violates("separation_of_duties");
        race.record_winner(first);
        race.delete(path(won), &admin).await.no_content();
    }
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn x048_two_simultaneous_edits_never_create_a_cycle(mut race: Race) {
    for role in ["a", "b", "c"] {
        race.create_role(role, &[]).await;
    }
    let admin = race.admin().await.to_owned();
    let cycles = "WITH RECURSIVE reach (senior, junior) AS ( \
            SELECT senior, junior FROM role_juniors \
            UNION SELECT r.senior, j.junior FROM reach r JOIN role_juniors j ON j.senior = r.junior) \
        SELECT COUNT(*) FROM reach WHERE senior = junior";
    let edge = |(senior, junior): (&str, &str)| format!("/api/roles/{senior}/juniors/{junior}");
    for round in 0..ROUNDS {
        // the two edges make a cycle directly, or through a third role
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
            second.no_content();
            (First::Two, &first)
        };
        lost.violates("role_hierarchy_cycle");
        race.record_winner(won);
        let made = if won == First::One { one } else { two };
        race.delete(edge(made), &admin).await.no_content();
    }
    assert_audit_complete(&race).await;
    race.assert_both_won();
}

async fn y191_two_simultaneous_refreshes_never_get_roles_that_exclude_each_other(mut race: Race) {
    race.create_role("payer", &[]).await;
    race.create_role("approver", &[]).await;
    let body = json!({
        "name": "payments", "kind": "dynamic", "roles": ["payer", "approver"], "at_most": 1, "per": "subject",
    });
    race.post("/api/constraints", race.admin().await, body)
        .await
        .is(201);
    race.create_user("alice", &["payer", "approver"]).await;
    let mut tokens = [
        race.open_session("alice").await.refresh,
        race.other_node().open_session("alice").await.refresh,
    ];
    for round in 0..ROUNDS {
        // every token has expired, and no session has
        race.pass_time(Duration::from_mins(30));
        let refresh = |node: &Node, token: &str, role: &str| {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("scope", role),
            ];
            node.request(Method::POST, "/token").form(&form)
        };
        let (here, there) = race.nodes(round);
        let pay = refresh(here, &tokens[0], "role:payer");
        let approve = refresh(there, &tokens[1], "role:approver");
        let (pay, approve) = race.run(pay, approve).await;
        let (winner, first, loser) = if pay.status == 200 {
            (0, &pay, &approve)
        } else {
            (1, &approve, &pay)
        };
        loser.oauth_error(400, "invalid_scope");
        tokens[winner] = TokenPair::of(first.is(200)).refresh;
        race.record_winner([First::One, First::Two][winner]);
    }
    race.assert_both_won();
}
