//! A node that reads only what changed knows the same as one that reads everything.

use rolecall_core::{Permission, PermissionPattern, RoleName};

use crate::{
    Embedded,
    app::App,
    authority::{caller::Caller, policy_store},
    error::ApiError,
    roles::{
        definition::{self, NewRole, RoleChanges},
        permissions, service,
    },
    store::{Conn, StoreError, query, testing::postgres_database},
};

const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const ROLES: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "r5"];
const PERMISSIONS: [&str; 4] = ["a:x", "a:y", "b:x", "b:y"];

fn role(number: usize) -> RoleName {
    ROLES[number % ROLES.len()].parse().unwrap()
}

fn permission(number: usize) -> Permission {
    PERMISSIONS[number % PERMISSIONS.len()].parse().unwrap()
}

/// One edit, whatever its numbers say; many are refused, as they should be.
async fn edit(app: &App, numbers: [usize; 3]) -> Result<(), ApiError> {
    let [kind, one, other] = numbers;
    let caller = Caller::System;
    let held: PermissionPattern = match other % 6 {
        4 => "a:*".parse().unwrap(),
        5 => "b:*".parse().unwrap(),
        _ => permission(other).into(),
    };
    match kind % 10 {
        0 | 1 => definition::create(
            app,
            caller,
            NewRole {
                approval: other.is_multiple_of(2),
                by_name: !other.is_multiple_of(3),
                ..NewRole::new(&role(one), "")
            },
        )
        .await
        .map(drop),
        2 => service::delete(app, caller, &role(one)).await.map(drop),
        3 => service::grant(app, caller, &role(one), &held)
            .await
            .map(drop),
        4 => service::revoke(app, caller, &role(one), &held)
            .await
            .map(drop),
        5 | 6 => service::inherit(app, caller, &role(one), &role(other))
            .await
            .map(drop),
        8 => definition::update(
            app,
            caller,
            &role(one),
            RoleChanges {
                approval: Some(other.is_multiple_of(2)),
                by_name: Some(!other.is_multiple_of(3)),
                ..RoleChanges::default()
            },
        )
        .await
        .map(drop),
        7 => service::disinherit(app, caller, &role(one), &role(other))
            .await
            .map(drop),
        _ if one % 3 == 0 => permissions::delete(app, caller, &permission(other)).await,
        _ => permissions::create(app, caller, &permission(other), "")
            .await
            .map(drop),
    }
}

/// What the node makes of the changes since, beside what is read from nothing.
async fn agrees(app: &App, what: &str) {
    let mut conn = app.store().read().await.unwrap();
    let cached = app.policy().newest(&mut conn).await.unwrap();
    let whole = policy_store::read_policy(&mut conn).await.unwrap();
    assert_eq!(**cached, whole, "after {what}");
}

async fn two_nodes_agree_after_every_edit(url: &str) {
    let node = async || {
        let builder = Embedded::builder(url).master_key(MASTER_KEY);
        builder.open().await.unwrap()
    };
    let (one, two) = (node().await, node().await);
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 10_007).unwrap()
    };
    let mut done = 0;
    for round in 0..240 {
        let numbers = [next(), next(), next()];
        let node = if next() % 2 == 0 { &one } else { &two };
        done += usize::from(edit(node.app(), numbers).await.is_ok());
        agrees(
            one.app(),
            &format!("edit {round} {numbers:?} on the first node"),
        )
        .await;
        // the second looks only now and then, and has several changes to follow
        if round % 7 == 0 {
            agrees(
                two.app(),
                &format!("edit {round} {numbers:?} on the second node"),
            )
            .await;
        }
    }
    assert!(done > 60, "only {done} edits were made");
    let rows = "SELECT COUNT(*) FROM policy_changes WHERE kind = 'all'";
    let mut conn = one.app().store().read().await.unwrap();
    let all: i64 = query(rows).fetch_one(&mut conn).await.unwrap();
    assert!(all <= 2, "edits say what they touch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_anew_is_what_would_be_read_whole_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    two_nodes_agree_after_every_edit(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_anew_is_what_would_be_read_whole_on_postgresql() {
    if let Some(url) = postgres_database("policy_cache").await {
        two_nodes_agree_after_every_edit(&url).await;
    }
}

#[tokio::test]
async fn a_gap_in_the_changes_has_everything_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
    let node = async || {
        let builder = Embedded::builder(&url).master_key(MASTER_KEY);
        builder.open().await.unwrap()
    };
    let (one, two) = (node().await, node().await);
    agrees(two.app(), "the start").await;
    for number in 0..4 {
        definition::create(one.app(), Caller::System, NewRole::new(&role(number), ""))
            .await
            .unwrap();
    }
    // as a program of before would have written it: a change that nobody tells of
    let forget = "DELETE FROM policy_changes WHERE name = 'r1'";
    let forgotten = one
        .app()
        .store()
        .write(async |conn: &mut Conn| {
            let rows = query(forget).execute(conn).await?;
            Ok::<u64, StoreError>(rows)
        })
        .await;
    assert_eq!(forgotten.unwrap(), 1);
    agrees(two.app(), "a gap").await;
}

#[test]
fn what_was_read_before_the_cache_was_forgotten_is_not_kept_afterwards() {
    let cache = super::PolicyCache::default();
    let since = cache.times_cleared();
    cache.forget();
    cache.keep(since, 100, rolecall_core::Policy::default());
    assert!(cache.latest().is_none());
    cache.keep(cache.times_cleared(), 7, rolecall_core::Policy::default());
    assert_eq!(cache.latest().unwrap().revision, 7);
}
