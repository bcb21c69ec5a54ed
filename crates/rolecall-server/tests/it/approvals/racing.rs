//! Two people act on one request at once.

use http::Method;

use super::PATH;
use crate::support::{First, Node, ROUNDS, Race, races};

races![
    of_two_who_confirm_at_once_one_does,
    what_is_ended_while_it_is_confirmed_is_one_of_the_two,
];

async fn of_two_who_confirm_at_once_one_does(mut race: Race) {
    let alice = race.payers().await;
    race.user("cora", &["giver"]).await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.login("ann").await;
        let id = here.ask(&ann, &alice).await;
        let confirm = |node: &Node, token: &str| {
            let ask = node.request(Method::POST, format!("{PATH}/{id}/confirm"));
            ask.token(token)
        };
        let one = confirm(here, &here.login("ben").await);
        let two = confirm(there, &there.login("cora").await);
        let revision = race.db.revision().await;
        let (one, two) = race.run(one, two).await;
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        race.won_by(if statuses[0] == 204 {
            First::One
        } else {
            First::Two
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404], "round {round}: {one:?} {two:?}");
        assert_eq!(race.db.revision().await, revision + 1);
        race.unassign(&alice, "payer").await;
    }
    race.was_a_race();
}

async fn what_is_ended_while_it_is_confirmed_is_one_of_the_two(mut race: Race) {
    let alice = race.payers().await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.login("ann").await;
        let id = here.ask(&ann, &alice).await;
        let confirm = here.request(Method::POST, format!("{PATH}/{id}/confirm"));
        let confirm = confirm.token(&here.login("ben").await);
        let end = there
            .request(Method::DELETE, format!("{PATH}/{id}"))
            .token(&ann);
        let (confirmed, ended) = race.run(confirm, end).await;
        ended.done();
        let given = race.assigned(&alice).await;
        if confirmed.status == 204 {
            assert_eq!(given, ["payer"], "round {round}");
            race.won_by(First::One);
            race.unassign(&alice, "payer").await;
        } else {
            confirmed.is(404);
            assert_eq!(given, [""; 0], "round {round}");
            race.won_by(First::Two);
        }
        assert_eq!(race.open().await, [""; 0]);
    }
    race.was_a_race();
}
