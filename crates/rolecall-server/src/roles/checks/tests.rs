use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rolecall::PermissionName as _;
use rolecall_core::{Constraint, ConstraintKind, PolicyBuilder, RoleName};
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::{
    Embedded,
    authority::{may, rights::Rights},
    roles::{
        assigning::{Assignee, Validity},
        assignments, constraints,
        definition::{self, NewRole},
        holder_store::each_holder,
    },
    store::{StoreError, query, read_head, testing::postgres_database},
};

const STATIC: ConstraintKind = ConstraintKind::Static;

/// A node with the roles `role-0` to `role-49`.
struct Node {
    node: Embedded,
    _folder: tempfile::TempDir,
}

fn role(number: usize) -> RoleName {
    format!("role-{number}").parse().unwrap()
}

impl Node {
    async fn open(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = || format!("sqlite:{}", folder.path().join("rolecall.db").display());
        let node = Embedded::builder(&url.unwrap_or_else(file))
            .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
            .open()
            .await
            .unwrap();
        let one = Self {
            node,
            _folder: folder,
        };
        for number in 0..50 {
            let name = role(number);
            let wanted = NewRole::new(&name, "");
            definition::create(one.app(), Caller::System, wanted)
                .await
                .unwrap();
        }
        one
    }

    fn app(&self) -> &App {
        self.node.app()
    }

    async fn execute(&self, sql: String) {
        let run = async |conn: &mut Conn| {
            query(sqlx::AssertSqlSafe(sql)).execute(conn).await?;
            Ok::<_, StoreError>(())
        };
        self.app().store().write(run).await.unwrap();
    }

    async fn add_user(&self, id: &str, roles: impl IntoIterator<Item = usize>) {
        self.execute(format!(
            "INSERT INTO subjects (id, kind) VALUES ('{id}', 'user')"
        ))
        .await;
        self.execute(format!(
            "INSERT INTO users (id, kind, username, disabled, must_change_password, created_at, updated_at) \
             VALUES ('{id}', 'user', 'name-{id}', FALSE, FALSE, 0, 0)"
        ))
        .await;
        for number in roles {
            self.execute(format!(
                "INSERT INTO role_assignments (subject_id, role, assigned_by, assigned_at) \
                 VALUES ('{id}', 'role-{number}', 'test', 0)"
            ))
            .await;
        }
    }

    async fn assign(&self, id: &str, number: usize) {
        assignments::assign(
            self.app(),
            Caller::System,
            Assignee::User(id),
            &role(number),
            None,
            &Validity::default(),
        )
        .await
        .unwrap();
    }
}

/// Keeps `role-0` and `role-1` apart.
fn apart(kind: ConstraintKind) -> Constraint {
    let roles = BTreeSet::from([role(0), role(1)]);
    Constraint::new(kind, roles, 1).unwrap()
}

/// Makes a change that adds a constraint, and counts how often it is tried.
async fn add_constraint(
    app: &App,
    checks: &Checks,
    kind: ConstraintKind,
    tries: &AtomicUsize,
    begun: &Notify,
) -> Result<(), ApiError> {
    loop {
        let done = app.change(Caller::System, async |change| {
            tries.fetch_add(1, Ordering::Relaxed);
            begun.notify_one();
            let needed = may::WriteRoles::NAME;
            let rights = Rights::require(app, change, Caller::System, needed).await?;
            let mut after = PolicyBuilder::from(&**rights.policy);
            after.constraint("apart".parse().unwrap(), apart(kind));
            let after = after.build().unwrap();
            let before = &rights.policy.policy;
            checks.require(app, change, before, &after).await?;
            change.record(json!({ "action": "test" }));
            Ok(())
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, Caller::System, done).await {
            return done;
        }
    }
}

/// Generates two tests for each function, on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(super::Node::open(None).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(url) = super::postgres_database(stringify!($name)).await {
                    super::$name(super::Node::open(Some(url)).await).await;
                }
            }
        }
    )+ };
}

on_both![
    y231_other_changes_go_on_while_holders_are_looked_at,
    y231_what_was_found_holds_until_roles_change,
    y231_a_constraint_that_nobody_breaks_is_created,
    y234_a_session_forbids_a_constraint_however_many_users_could_break_it,
    y230_holders_are_handed_over_once_each_and_one_at_a_time,
];

async fn y231_other_changes_go_on_while_holders_are_looked_at(node: Node) {
    node.add_user("one", [0]).await;
    let (app, checks) = (node.app(), Checks::default());
    let (tries, begun) = (AtomicUsize::new(0), Notify::new());
    // the check waits for this turn
    let turn = app.heavy().turn(Purpose::Holders).await.ok();
    let other = async {
        begun.notified().await;
        node.assign("one", 1).await;
        drop(turn);
    };
    let added = add_constraint(app, &checks, STATIC, &tries, &begun);
    let (added, ()) = tokio::join!(added, other);
    let Err(ApiError::Separation(found)) = added else {
        panic!("{added:?}");
    };
    assert_eq!(found.subjects[0].id, "one");
    // it was refused without another change
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}

/// Returns checks that have found, wrongly, that nobody breaks the constraint, for a change after the newest one.
async fn wrong_checks(app: &App) -> Checks {
    let mut conn = app.store().read().await.unwrap();
    let head = read_head(&mut conn).await.unwrap();
    let policy = app.policy().newest(&mut conn).await.unwrap();
    let mut after = PolicyBuilder::from(&**policy);
    after.constraint("apart".parse().unwrap(), apart(STATIC));
    let checks = Checks::default();
    let wanted = Wanted {
        revision: head.revision + 1,
        before: Arc::clone(&policy.policy),
        after: Arc::new(after.build().unwrap()),
    };
    let nobody = Findings {
        suspects: Vec::new(),
        ended: Ended::Subjects(Vec::new()),
    };
    checks.state().found = Some((wanted, nobody));
    checks
}

async fn y231_what_was_found_holds_until_roles_change(node: Node) {
    node.add_user("one", [0, 1]).await;
    let app = node.app();
    let record = async |action: &str| {
        let work = async |change: &mut Change<'_>| {
            change.record(json!({ "action": action }));
            Ok::<_, ApiError>(())
        };
        app.change(Caller::System, work).await.unwrap();
    };
    let (tries, begun) = (AtomicUsize::new(0), Notify::new());
    let checks = wrong_checks(app).await;
    for action in HARMLESS {
        record(action).await;
    }
    add_constraint(app, &checks, STATIC, &tries, &begun)
        .await
        .unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    let checks = wrong_checks(app).await;
    record("session.ended").await;
    record("role.assigned").await;
    let added = add_constraint(app, &checks, STATIC, &tries, &begun).await;
    assert!(matches!(added, Err(ApiError::Separation(_))), "{added:?}");
    // too many to read
    let checks = wrong_checks(app).await;
    for _ in 0..60 {
        record("session.ended").await;
    }
    let added = add_constraint(app, &checks, STATIC, &tries, &begun).await;
    assert!(matches!(added, Err(ApiError::Separation(_))), "{added:?}");
    // a change that cannot be tried twice looks itself
    let added = add_constraint(app, &Checks::inside(), STATIC, &tries, &begun).await;
    assert!(matches!(added, Err(ApiError::Separation(_))), "{added:?}");
}

async fn y231_a_constraint_that_nobody_breaks_is_created(node: Node) {
    node.add_user("one", [0]).await;
    node.add_user("two", [1, 2]).await;
    let (app, checks) = (node.app(), Checks::default());
    let (tries, begun) = (AtomicUsize::new(0), Notify::new());
    add_constraint(app, &checks, STATIC, &tries, &begun)
        .await
        .unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    let roles = [role(0), role(1)];
    let wanted = constraints::NewConstraint {
        kind: ConstraintKind::Static,
        roles: &roles,
        at_most: 1,
        per: None,
    };
    let name = "apart".parse().unwrap();
    constraints::create(app, Caller::System, &name, wanted)
        .await
        .unwrap();
    // nobody holds these: nothing has to be looked at
    let turn = app.heavy().turn(Purpose::Holders).await.ok();
    assert!(turn.is_some());
    definition::create(app, Caller::System, NewRole::new(&role(99), ""))
        .await
        .unwrap();
}

async fn y234_a_session_forbids_a_constraint_however_many_users_could_break_it(node: Node) {
    let app = node.app();
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MAX_ENDED})"
    );
    node.execute(format!(
        "{numbers} INSERT INTO subjects (id, kind) SELECT 'user-' || n, 'user' FROM numbers"
    ))
    .await;
    node.execute(format!(
        "{numbers} INSERT INTO users (id, kind, username, disabled, must_change_password, created_at, updated_at) \
         SELECT 'user-' || n, 'user', 'name-' || n, FALSE, FALSE, 0, 0 FROM numbers"
    ))
    .await;
    for number in 0..2 {
        node.execute(format!(
            "{numbers} INSERT INTO role_assignments (subject_id, role, assigned_by, assigned_at) \
             SELECT 'user-' || n, 'role-{number}', 'test', 0 FROM numbers"
        ))
        .await;
    }
    let (tries, begun) = (AtomicUsize::new(0), Notify::new());
    let (now, later) = (
        app.now().micros(),
        app.now().plus(Duration::from_hours(1)).micros(),
    );
    node.execute(format!(
        "INSERT INTO sessions (id, subject_id, client_id, address, created_at, last_used_at, expires_at, salt) \
         VALUES ('session', 'user-7', 'rolecall', '', {now}, {now}, {later}, 'salt')"
    ))
    .await;
    for checks in [Checks::default(), Checks::inside()] {
        let kind = ConstraintKind::Dynamic;
        let added = add_constraint(app, &checks, kind, &tries, &begun).await;
        let Err(ApiError::Separation(found)) = added else {
            panic!("{added:?}");
        };
        assert_eq!(found.subjects[0].id, "user-7");
    }
}

async fn y230_holders_are_handed_over_once_each_and_one_at_a_time(node: Node) {
    let mut expected: BTreeMap<String, BTreeSet<RoleName>> = BTreeMap::new();
    for number in 0..60_usize {
        let roles = BTreeSet::from([number % 50, number * 7 % 50, number * number % 50]);
        let id = format!("user-{number:03}");
        node.add_user(&id, roles.iter().copied()).await;
        expected.insert(id, roles.into_iter().map(role).collect());
    }
    // more roles than one statement looks for
    let wanted: BTreeSet<RoleName> = (0..45).map(role).collect();
    expected.retain(|_, roles| !roles.is_disjoint(&wanted));
    let mut found = BTreeMap::new();
    let mut conn = node.app().store().read().await.unwrap();
    each_holder(&mut conn, &wanted, |holder| {
        assert_eq!(holder.name, format!("name-{}", holder.id));
        let count = holder.assignments.len();
        let roles: BTreeSet<RoleName> = holder.assignments.into_iter().map(|a| a.role).collect();
        assert_eq!(roles.len(), count);
        assert!(
            found.insert(holder.id, roles).is_none(),
            "handed over twice"
        );
    })
    .await
    .unwrap();
    assert_eq!(found, expected);
    each_holder(&mut conn, &BTreeSet::new(), |holder| panic!("{holder:?}"))
        .await
        .unwrap();
}
