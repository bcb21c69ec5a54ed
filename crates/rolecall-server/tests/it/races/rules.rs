//! Rules of the policy that two writes could break together.

use http::Method;
use serde_json::json;

use super::numbers_are_whole;
use crate::support::{First, Node, ROUNDS, Race, races};

races![
    two_assignments_at_once_lose_neither_a_row_nor_a_number,
    an_assignment_is_never_left_behind_by_its_role,
    x050_the_last_two_administrators_never_take_each_other_away,
    x048_two_edits_from_both_sides_never_make_a_cycle,
    x051_two_assignments_at_once_never_join_what_is_kept_apart,
];

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
