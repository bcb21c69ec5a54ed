//! Two people act on one request at once.

use http::Method;

use super::PATH;
use crate::support::{First, Node, ROUNDS, Race, races};

races![
    of_two_simultaneous_confirmations_one_succeeds,
    a_request_is_either_confirmed_or_withdrawn_never_both,
];

async fn of_two_simultaneous_confirmations_one_succeeds(mut race: Race) {
    let alice = race.create_payers().await;
    race.create_user("cora", &["giver"]).await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.log_in("ann").await;
        let id = here.request_payer(&ann, &alice).await;
        let confirm = |node: &Node, token: &str| {
            let request = node.request(Method::POST, format!("{PATH}/{id}/confirm"));
            request.token(token)
        };
        let one = confirm(here, &here.log_in("ben").await);
        let two = confirm(there, &there.log_in("cora").await);
        let revision = race.db.revision().await;
        let (one, two) = race.run(one, two).await;
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        race.record_winner(if statuses[0] == 204 {
            First::One
        } else {
            First::Two
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404], "round {round}: {one:?} {two:?}");
        assert_eq!(race.db.revision().await, revision + 1);
        race.unassign(&alice, "payer").await;
    }
    race.assert_both_won();
}

async fn a_request_is_either_confirmed_or_withdrawn_never_both(mut race: Race) {
    let alice = race.create_payers().await;
    for round in 0..ROUNDS / 4 {
        let (here, there) = race.nodes(round);
        let ann = here.log_in("ann").await;
        let id = here.request_payer(&ann, &alice).await;
        let confirm = here.request(Method::POST, format!("{PATH}/{id}/confirm"));
        let confirm = confirm.token(&here.log_in("ben").await);
        let end = there
            .request(Method::DELETE, format!("{PATH}/{id}"))
            .token(&ann);
        let (confirmed, ended) = race.run(confirm, end).await;
        ended.no_content();
        let assigned = race.assigned_roles(&alice).await;
        if confirmed.status == 204 {
            assert_eq!(assigned, ["payer"], "round {round}");
            race.record_winner(First::One);
            race.unassign(&alice, "payer").await;
        } else {
            confirmed.is(404);
            assert_eq!(assigned, [""; 0], "round {round}");
            race.record_winner(First::Two);
        }
        assert_eq!(race.pending_requests().await, [""; 0]);
    }
    race.assert_both_won();
}
