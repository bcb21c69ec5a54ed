//! Hooks: what happened to an account reaches the application, whatever fails in between.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rolecall_server::{AccountEvent, AccountEventKind, EmbeddedBuilder};
use serde_json::json;

use crate::support::{
    Database, Fixture, NEW_PASSWORD, PASSWORD, TestApp, eventually, on_both, run,
};

on_both![
    every_event_reaches_its_hook_in_order,
    a_deleted_role_is_lost_by_each_holder_and_assignment,
    y204_an_event_outlives_the_process_that_wrote_it,
    y205_a_hook_that_fails_or_panics_gets_the_same_event_again,
    y205_an_event_that_always_fails_is_given_up_and_blocks_nobody_for_ever,
    a_failing_event_delays_no_other_user_and_is_overtaken_by_none_of_its_own,
    y206_two_nodes_run_each_hook_once,
    what_another_process_does_reaches_the_hook,
    without_hooks_and_after_a_refusal_nothing_is_written,
];

/// The events that hooks got.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<AccountEvent>>>);

impl Seen {
    fn add(&self, event: AccountEvent) {
        self.0.lock().unwrap().push(event);
    }

    fn all(&self) -> Vec<AccountEvent> {
        self.0.lock().unwrap().clone()
    }

    /// The events of one user.
    fn of(&self, user: &str) -> Vec<AccountEvent> {
        let all = self.all().into_iter();
        all.filter(|event| event.user_id == user).collect()
    }

    async fn count(&self, number: usize) {
        eventually("the events", async || self.all().len() >= number).await;
        assert_eq!(self.all().len(), number);
    }

    async fn count_of(&self, user: &str, number: usize) -> Vec<AccountEvent> {
        eventually("the user's events", async || self.of(user).len() >= number).await;
        let events = self.of(user);
        assert_eq!(events.len(), number, "{events:?}");
        events
    }

    /// Adds hooks for everything, which record and succeed.
    fn record(&self, builder: EmbeddedBuilder) -> EmbeddedBuilder {
        let hook = || {
            let seen = self.clone();
            move |event| {
                seen.add(event);
                std::future::ready(Ok::<(), std::io::Error>(()))
            }
        };
        builder
            .on_registered(hook())
            .on_deleted(hook())
            .on_disabled(hook())
            .on_password_changed(hook())
            .on_role_lost(hook())
    }
}

fn failed() -> std::io::Error {
    std::io::Error::other("the application is not there")
}

/// An application that records every event.
struct Recording {
    app: TestApp,
    seen: Seen,
}

impl std::ops::Deref for Recording {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Fixture for Recording {
    async fn on(db: Database) -> Self {
        let seen = Seen::default();
        let app = TestApp::configured(db, |builder| seen.record(builder)).await;
        // the demo user of every test
        seen.count(1).await;
        Self { app, seen }
    }
}

async fn outbox_is_emptied(app: &TestApp) {
    eventually("an empty outbox", async || {
        app.db.count("rolecall_outbox").await == 0
    })
    .await;
}

async fn every_event_reaches_its_hook_in_order(app: Recording) {
    let registered = app.register("alice", PASSWORD).await;
    let id = registered.is(201).text("id");
    let first = app.seen.count_of(&id, 1).await.remove(0);
    assert_eq!(first.kind, AccountEventKind::Registered);
    assert_eq!(first.username.as_deref(), Some("alice"));
    assert_eq!((first.attempt, first.at), (1, crate::support::START));
    let token = app.log_in("alice").await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    app.put_json("/api/me/password", &token, body)
        .await
        .no_content();
    app.unassign(&id, "user").await;
    app.assign_in(&id, "user", "acme").await;
    app.unassign_in(&id, "user", "acme").await;
    // taken away a second time, and disabled a second time: nothing happens
    app.unassign_in(&id, "user", "acme").await;
    let path = format!("/api/users/{id}");
    let admin = app.admin().await;
    for _ in 0..2 {
        app.patch(&path, admin, json!({ "status": "disabled" }))
            .await
            .is(200);
    }
    for _ in 0..2 {
        app.delete(&path, admin).await.no_content();
    }
    let events = app.seen.count_of(&id, 6).await;
    let role = "user".parse().unwrap();
    let lost = |tenant: Option<&str>| AccountEventKind::RoleLost {
        role: Clone::clone(&role),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
    };
    let kinds: Vec<AccountEventKind> = events.iter().map(|event| event.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            AccountEventKind::Registered,
            AccountEventKind::PasswordChanged,
            lost(None),
            lost(Some("acme")),
            AccountEventKind::Disabled,
            AccountEventKind::Deleted,
        ]
    );
    let mut ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    assert_eq!(events[5].username, None);
    outbox_is_emptied(&app).await;
}

async fn a_deleted_role_is_lost_by_each_holder_and_assignment(app: Recording) {
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &["editor", "user"]).await;
    let bob = app.create_user("bob", &[]).await;
    app.assign_in(&bob, "editor", "acme").await;
    app.assign_in(&bob, "editor", "globex").await;
    app.delete("/api/roles/editor", app.admin().await)
        .await
        .no_content();
    let lost = |event: &AccountEvent| match &event.kind {
        AccountEventKind::RoleLost { role, tenant } => {
            assert_eq!(role.as_str(), "editor");
            tenant.as_ref().map(ToString::to_string)
        }
        other => panic!("{other:?}"),
    };
    let of_alice = app.seen.count_of(&alice, 2).await;
    assert_eq!(lost(&of_alice[1]), None);
    let of_bob = app.seen.count_of(&bob, 3).await;
    let tenants: Vec<_> = of_bob[1..].iter().map(lost).collect();
    assert_eq!(
        tenants,
        [Some("acme".to_owned()), Some("globex".to_owned())]
    );
}

/// The process ends between the commit and the end of the hook, which a process that is killed does too.
async fn y204_an_event_outlives_the_process_that_wrote_it(db: Database) {
    let started = Arc::new(AtomicUsize::new(0));
    let hanging = {
        let started = Arc::clone(&started);
        move |builder: EmbeddedBuilder| {
            builder.on_registered(move |_| {
                started.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<Result<(), std::io::Error>>()
            })
        }
    };
    let app = TestApp::configured(db, hanging).await;
    eventually("the first attempt", async || {
        started.load(Ordering::Relaxed) == 1
    })
    .await;
    let id = app.register("alice", PASSWORD).await.is(201).text("id");
    let app = app.restart().await;
    assert_eq!(
        app.db.count("rolecall_outbox").await,
        2,
        "of `admin` and of alice"
    );
    // the lease of the process that is gone
    app.pass_time(Duration::from_mins(2));
    let seen = Seen::default();
    let _node = app.node(|builder| seen.record(builder)).await;
    let event = seen.count_of(&id, 1).await.remove(0);
    assert_eq!(event.kind, AccountEventKind::Registered);
    let of_admin = seen.count_of(&app.id_of("admin").await, 1).await.remove(0);
    assert_eq!(of_admin.attempt, 2);
}

async fn y205_a_hook_that_fails_or_panics_gets_the_same_event_again(db: Database) {
    let seen = Seen::default();
    let failing = {
        let seen = seen.clone();
        move |builder: EmbeddedBuilder| {
            builder.on_registered(move |event| {
                let seen = seen.clone();
                async move {
                    let attempt = event.attempt;
                    seen.add(event);
                    assert_ne!(attempt, 2, "the hook panics");
                    if attempt < 4 { Err(failed()) } else { Ok(()) }
                }
            })
        }
    };
    let app = TestApp::configured(db, failing).await;
    for attempt in 1..=4 {
        seen.count(attempt).await;
        app.pass_time(Duration::from_secs(1 << (attempt - 1)));
    }
    outbox_is_emptied(&app).await;
    let events = seen.all();
    assert!(events.iter().all(|event| event.id == events[0].id));
    let attempts: Vec<u32> = events.iter().map(|event| event.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

async fn y205_an_event_that_always_fails_is_given_up_and_blocks_nobody_for_ever(db: Database) {
    let (seen, deleted) = (Seen::default(), Seen::default());
    let failing = {
        let (seen, deleted) = (seen.clone(), deleted.clone());
        move |builder: EmbeddedBuilder| {
            builder
                .on_registered(move |event| {
                    let seen = seen.clone();
                    async move {
                        seen.add(event);
                        Err::<(), _>(failed())
                    }
                })
                .on_deleted(move |event| {
                    deleted.add(event);
                    std::future::ready(Ok::<(), std::io::Error>(()))
                })
        }
    };
    let app = TestApp::configured(db, failing).await;
    let id = app.create_user("alice", &[]).await;
    app.delete(format!("/api/users/{id}"), app.admin().await)
        .await
        .no_content();
    for attempt in 1..=20 {
        assert_eq!(deleted.all().len(), 0, "not before the event before it");
        seen.count_of(&id, attempt).await;
        app.pass_time(Duration::from_hours(1));
    }
    deleted.count(1).await;
    let given_up = "SELECT COUNT(*) FROM rolecall_outbox WHERE given_up_at IS NOT NULL";
    eventually("both are given up", async || {
        app.db.number(given_up).await == 2
    })
    .await;
    app.pass_time(Duration::from_hours(24));
    let bob = app.register("bob", PASSWORD).await.is(201).text("id");
    seen.count_of(&bob, 1).await;
    assert_eq!(seen.of(&id).len(), 20);
}

async fn a_failing_event_delays_no_other_user_and_is_overtaken_by_none_of_its_own(db: Database) {
    let seen = Seen::default();
    let failing = {
        let seen = seen.clone();
        move |builder: EmbeddedBuilder| {
            let for_deleted = seen.clone();
            builder
                .on_registered(move |event| {
                    let seen = seen.clone();
                    async move {
                        let fails = event.username.is_none() && event.attempt < 3;
                        seen.add(event);
                        if fails { Err(failed()) } else { Ok(()) }
                    }
                })
                .on_deleted(move |event| {
                    for_deleted.add(event);
                    std::future::ready(Ok::<(), std::io::Error>(()))
                })
        }
    };
    let app = TestApp::configured(db, |builder| builder).await;
    let alice = app.create_user("alice", &[]).await;
    assert_eq!(
        app.db.count("rolecall_outbox").await,
        0,
        "no hook was there"
    );
    let node = app.node(failing).await;
    // as if the process had ended before it could send them
    app.db
        .execute(
            "UPDATE leases SET holder = 'gone', ends_at = 1893456060000000 WHERE name = 'outbox'",
        )
        .await;
    let body = json!({ "username": "carol", "password": PASSWORD });
    let carol = node
        .post("/api/users", app.admin().await, body)
        .await
        .is(201)
        .text("id");
    node.delete(format!("/api/users/{carol}"), app.admin().await)
        .await
        .no_content();
    node.delete(format!("/api/users/{alice}"), app.admin().await)
        .await
        .no_content();
    assert!(seen.all().is_empty());
    app.pass_time(Duration::from_mins(1));
    // carol's first event fails, and alice's does not wait for it
    seen.count_of(&alice, 1).await;
    seen.count_of(&carol, 1).await;
    for attempt in 2..=3 {
        app.pass_time(Duration::from_secs(4));
        eventually("the next attempt", async || {
            seen.of(&carol).len() >= attempt
        })
        .await;
    }
    let events = seen.count_of(&carol, 4).await;
    let kinds: Vec<_> = events.into_iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            AccountEventKind::Registered,
            AccountEventKind::Registered,
            AccountEventKind::Registered,
            AccountEventKind::Deleted
        ]
    );
}

async fn y206_two_nodes_run_each_hook_once(app: Recording) {
    let seen = app.seen.clone();
    let _other = app.node(|builder| seen.record(builder)).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(app.create_user(&format!("user{number}"), &[]).await);
    }
    seen.count(11).await;
    outbox_is_emptied(&app).await;
    for id in ids {
        seen.count_of(&id, 1).await;
    }
}

async fn what_another_process_does_reaches_the_hook(app: Recording) {
    let id = app.create_user("alice", &[]).await;
    run(&app, &["user", "disable", "alice"]).await;
    run(&app, &["user", "delete", "alice"]).await;
    let kinds: Vec<_> = app.seen.count_of(&id, 3).await;
    let kinds: Vec<_> = kinds.into_iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            AccountEventKind::Registered,
            AccountEventKind::Disabled,
            AccountEventKind::Deleted
        ]
    );
}

async fn without_hooks_and_after_a_refusal_nothing_is_written(app: TestApp) {
    app.register("alice", PASSWORD).await.is(201);
    assert_eq!(app.db.count("rolecall_outbox").await, 0);
    // a hook that hangs keeps what it got in the outbox
    let hanging = |builder: EmbeddedBuilder| {
        builder
            .on_deleted(|_| std::future::pending::<Result<(), std::io::Error>>())
            .on_registered(|_| std::future::pending::<Result<(), std::io::Error>>())
    };
    let node = app.node(hanging).await;
    let admin = app.id_of("admin").await;
    // the last administrator stays
    node.delete(format!("/api/users/{admin}"), app.admin().await)
        .await
        .is(409);
    node.post(
        "/register",
        "",
        json!({ "username": "alice", "password": PASSWORD }),
    )
    .await
    .is(409);
    assert_eq!(app.db.count("rolecall_outbox").await, 0);
    // events are written for a month after the last process with hooks
    drop(node);
    app.pass_time(Duration::from_hours(31 * 24));
    app.register("bob", PASSWORD).await.is(201);
    assert_eq!(app.db.count("rolecall_outbox").await, 0);
}
