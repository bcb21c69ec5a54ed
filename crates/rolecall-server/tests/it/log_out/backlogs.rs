//! Much that waits, and much that ends at once.

use rolecall::Clock as _;

use super::support::{Browser, Site, all_sent};
use crate::{
    queries::queries_of,
    support::{TestApp, on_both},
};

on_both![
    y382_many_logout_tokens_reach_a_client_and_are_found_by_index,
    y383_ending_many_sign_ins_takes_as_many_queries_as_ending_one,
    y383_a_user_has_so_many_sign_ins_that_are_over_and_the_client_of_others_is_told,
    y384_whatever_refers_to_a_row_that_is_deleted_is_found_by_index,
];

/// Numbers from 1.
fn numbers(count: usize) -> String {
    format!(
        "(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n) AS numbers"
    )
}

/// Signs alice in, and adds copies of what that left in `signed_in_clients`.
async fn sign_in_often(site: &Site, copies: usize, browser_session: &str) -> Browser {
    let mut browser = Browser::default();
    browser.sign_in(site, &site.client, "alice", "openid").await;
    let first = "(SELECT * FROM signed_in_clients ORDER BY session_id LIMIT 1) p";
    let copy = format!(
        "INSERT INTO signed_in_clients (session_id, browser_session, subject_id, client_id, ends_at) \
         SELECT 'zz-' || {browser_session} || CAST(numbers.n AS TEXT), {browser_session}, p.subject_id, p.client_id, \
             p.ends_at - numbers.n FROM {first} CROSS JOIN {}",
        numbers(copies)
    );
    site.db.execute(&copy).await;
    browser
}

async fn y382_many_logout_tokens_reach_a_client_and_are_found_by_index(site: Site) {
    let alice = site.id_of("alice").await;
    let client = site.client.id();
    let notices = format!(
        "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
         SELECT 's' || CAST(numbers.n AS TEXT), '{client}', '{alice}', 0, 0, {} FROM {}",
        site.clock.now().micros(),
        numbers(40)
    );
    site.db.execute(&notices).await;
    all_sent(&site).await;
    assert_eq!(site.party.sids().len(), 40);
    let indexed = if site.db.is_sqlite() {
        "SELECT name FROM pragma_index_info('logout_notices_by_client_and_time') ORDER BY seqno"
    } else {
        "SELECT CAST(a.attname AS TEXT) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid \
         WHERE i.indexrelid = 'logout_notices_by_client_and_time'::regclass ORDER BY a.attnum"
    };
    assert_eq!(
        site.db.texts(indexed).await,
        ["client_id", "next_attempt_at", "session_id"]
    );
}

async fn y383_ending_many_sign_ins_takes_as_many_queries_as_ending_one(site: Site) {
    let mut needed = Vec::new();
    for copies in [1, 300] {
        sign_in_often(&site, copies, "'elsewhere'").await;
        let path = format!("/api/users/{}/sessions", site.id_of("alice").await);
        let admin = site.admin().await;
        let (ended, queries) = queries_of(site.delete(path, admin)).await;
        ended.is(204);
        needed.push(queries);
        assert_eq!(site.db.count("signed_in_clients").await, 0);
        all_sent(&site).await;
    }
    assert!(needed[1] <= needed[0] + 3, "{needed:?}");
    assert_eq!(site.party.sids().len(), 1 + 1 + 1 + 300);
}

async fn y383_a_user_has_so_many_sign_ins_that_are_over_and_the_client_of_others_is_told(
    site: Site,
) {
    // of a browser that is still signed in, and of one that is not
    let lives = "(SELECT id FROM browser_sessions ORDER BY id LIMIT 1)";
    sign_in_often(&site, 620, lives).await;
    site.db
        .execute(&format!(
            "INSERT INTO signed_in_clients (session_id, browser_session, subject_id, client_id, ends_at) \
             SELECT 'over-' || CAST(numbers.n AS TEXT), 'gone', subject_id, client_id, ends_at \
             FROM signed_in_clients CROSS JOIN {} WHERE session_id NOT LIKE 'zz-%'",
            numbers(30)
        ))
        .await;
    assert_eq!(site.db.count("signed_in_clients").await, 651);
    let mut browser = Browser::default();
    browser
        .sign_in(&site, &site.client, "alice", "openid")
        .await;
    // what lives, and the newest of what is over
    assert_eq!(site.db.count("signed_in_clients").await, 2 + 500);
    let over = "signed_in_clients WHERE browser_session = 'gone'";
    assert_eq!(site.db.count(over).await, 0);
    all_sent(&site).await;
    let told = site.party.sids();
    assert_eq!(told.len(), 120);
    assert!(told.iter().all(|sid| sid.starts_with("zz-")), "{told:?}");
    // nobody is signed out
    site.party.answer(&[]);
    assert!(browser.silently(&site, &site.client).await.is_some());
}

async fn y384_whatever_refers_to_a_row_that_is_deleted_is_found_by_index(app: TestApp) {
    let without = if app.db.is_sqlite() {
        "SELECT m.name || '.' || f.\"from\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
         WHERE m.type = 'table' AND f.seq = 0 AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) l \
             JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND l.partial = 0 AND i.name = f.\"from\") ORDER BY 1"
    } else {
        "SELECT CAST(t.relname AS TEXT) || '.' || CAST(a.attname AS TEXT) FROM pg_constraint f \
         JOIN pg_class t ON t.oid = f.conrelid \
         JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1] \
         WHERE f.contype = 'f' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = f.conrelid \
             AND i.indkey[0] = f.conkey[1] AND i.indpred IS NULL) ORDER BY 1"
    };
    let without = app.db.texts(without).await;
    assert!(without.is_empty(), "{without:?}");
}
