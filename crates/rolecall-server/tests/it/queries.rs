//! Frequent operations make as many queries on large data as on small.

use std::{
    fmt::Write as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tracing::{Event, Instrument as _, Subscriber, span};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::support::{PASSWORD, TestApp, on_both};

on_both! {
    issuing_a_token_takes_no_more_queries_with_many_roles,
    a_guarded_request_makes_no_query,
    the_queries_of_a_document_depend_on_its_changes_not_on_the_policy_size,
}

/// Counts the queries that the database driver reports, per span, because tests run in parallel and the server
/// polls the database by itself.
struct Counter;

#[derive(Clone)]
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(Count(Arc::default()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Count(count)) = span.extensions().get() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Runs `operation` and counts its queries.
pub(crate) async fn queries_of<T>(operation: impl Future<Output = T>) -> (T, usize) {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        let only = Targets::new()
            .with_target("sqlx::query", tracing::Level::TRACE)
            .with_target(module_path!(), tracing::Level::TRACE);
        let subscriber = tracing_subscriber::registry().with(only).with(Counter);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    let span = tracing::info_span!("operation");
    let done = operation.instrument(span.clone()).await;
    let count = span.with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<tracing_subscriber::Registry>();
        let span = registry.unwrap().span_data(id);
        let count = tracing_subscriber::registry::SpanData::extensions(&span.unwrap())
            .get::<Count>()
            .cloned();
        count.unwrap().0.load(Ordering::Relaxed)
    });
    (done, count.unwrap())
}

/// The fewest queries of several logins: opening a connection makes queries too.
async fn fewest_of_a_login(app: &TestApp) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..5 {
        let (_, queries) = queries_of(app.log_in("alice")).await;
        fewest = fewest.min(queries);
    }
    fewest
}

async fn issuing_a_token_takes_no_more_queries_with_many_roles(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    app.log_in("alice").await;
    let few = fewest_of_a_login(&app).await;
    let id = app.id_of("alice").await;
    for number in 0..20 {
        let role = format!("role-{number}");
        app.create_role(&role, &[&format!("object{number}:read")])
            .await;
        app.assign(&id, &role).await;
    }
    app.log_in("alice").await;
    let many = fewest_of_a_login(&app).await;
    assert_eq!(few, many);
    assert!((1..=20).contains(&few), "{few}");
    let (mut wrong, mut nobody) = (usize::MAX, usize::MAX);
    for _ in 0..3 {
        let guess = app.password_grant("alice", "wrong horse battery staple");
        let (response, queries) = queries_of(guess).await;
        response.wrong_password();
        wrong = wrong.min(queries);
        let guess = app.password_grant("nobody", PASSWORD);
        let (response, queries) = queries_of(guess).await;
        response.wrong_password();
        nobody = nobody.min(queries);
    }
    assert!((1..=20).contains(&wrong), "{wrong}");
    // a difference would reveal which users exist
    assert_eq!(wrong, nobody);
}

async fn a_guarded_request_makes_no_query(app: TestApp) {
    let token = app.log_in("admin").await;
    for _ in 0..2 {
        let (response, queries) = queries_of(app.get("/admin-only", &token)).await;
        assert_eq!((response.status.as_u16(), queries), (200, 0));
    }
    let (response, queries) = queries_of(app.get("/edit", &token)).await;
    assert_eq!((response.status.as_u16(), queries), (403, 0));
    // the counter counts
    let (_, queries) = queries_of(app.get("/api/me", &token)).await;
    assert!(queries > 0);
}

/// The fewest queries of replacing one policy by another and back.
async fn fewest_of_a_document(app: &TestApp, before: &str, after: &str) -> usize {
    let admin = app.admin().await;
    let put = async |document: &str| {
        app.put_policy(admin, document, "*").await.is(200);
    };
    put(before).await;
    let mut fewest = usize::MAX;
    for _ in 0..5 {
        let ((), queries) = queries_of(async {
            put(after).await;
            put(before).await;
        })
        .await;
        fewest = fewest.min(queries);
    }
    fewest
}

async fn the_queries_of_a_document_depend_on_its_changes_not_on_the_policy_size(app: TestApp) {
    let small = "[permissions]\n\"a:b\" = \"\"\n[roles.admin]\n";
    let with = |policy: &str| format!("{policy}[roles.one]\n");
    let few = fewest_of_a_document(&app, small, &with(small)).await;
    let mut large = small.to_owned();
    for number in 0..500 {
        let _ = write!(large, "[roles.r{number}]\npermissions = [\"a:b\"]\n");
    }
    let many = fewest_of_a_document(&app, &large, &with(&large)).await;
    // after each change the policy is read again, by the request or by the poll, whichever comes first
    let reading = 2 * 6;
    assert!(many <= few + reading, "{few} {many}");
    assert!(few > 10, "{few}");
}
