//! rolecall's routes below a prefix that the application chose.

use rolecall::ManualClock;
use rolecall_server::NewUser;

use crate::support::{Browser, Database, ISSUER, Node, PASSWORD, START, builder_at, on_both};

on_both![y370_a_form_of_another_site_is_refused_below_a_prefix];

const PREFIX: &str = "/auth";

/// A node with rolecall below the prefix, and the user alice.
async fn nested(db: &Database) -> Node {
    let builder = builder_at(&db.url, &ManualClock::at(START));
    let builder = builder.public_url(&format!("{ISSUER}{PREFIX}"));
    let node = Node::nested(builder, PREFIX).await;
    let alice = NewUser::new("alice").password(PASSWORD);
    let accounts = node.embedded().accounts("test");
    accounts.create(alice).await.unwrap();
    node
}

/// A browser in which alice is signed in.
async fn signed_in(node: &Node) -> Browser<'_> {
    let mut browser = Browser::new(node);
    let begun = browser.open("/auth/account").await;
    let location = begun.is(303).header("location").unwrap();
    let flow = location.strip_prefix("/auth/login?flow=").unwrap();
    let form = [
        ("flow", flow),
        ("username", "alice"),
        ("password", PASSWORD),
    ];
    let answer = browser.submit("/auth/login", &form).await;
    assert_eq!(answer.is(303).header("location"), Some("/auth/account"));
    browser.open("/auth/account").await.is(200);
    browser
}

async fn y370_a_form_of_another_site_is_refused_below_a_prefix(db: Database) {
    let node = nested(&db).await;
    let mut browser = signed_in(&node).await;
    let mut other = signed_in(&node).await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        for path in [
            "/login",
            "/login/continue",
            "/login/other",
            "/login/choice",
            "/login/password",
            "/consent",
            "/account/end",
            "/account/withdraw",
        ] {
            let path = format!("{PREFIX}{path}");
            let form = [("others", "all"), ("client", "x"), ("flow", "x")];
            let refused = browser.submit_with(&path, &form, headers).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}");
        }
        // clients send people here from their own pages
        for path in ["/auth/authorize", "/auth/logout"] {
            let answer = browser.submit_with(path, &[], headers).await;
            assert_ne!(answer.status, 403, "{path} {headers:?}");
        }
    }
    other.open("/auth/account").await.is(200);
    let own = [("sec-fetch-site", "same-origin"), ("origin", ISSUER)];
    let ended = browser.submit_with("/auth/account/end", &[("others", "all")], &own);
    ended.await.is(303);
    other.open("/auth/account").await.is(303);
}
