//! A node on a fresh database.

use std::time::Duration;

use rolecall::{Clock as _, ManualClock};
use rolecall_server::{Embedded, EmbeddedBuilder, Registration, passwords::Parameters};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{CHEAP, Database, Fixture, ISSUER, MASTER_KEY, Node, PASSWORD, START};

/// A node on a fresh database, with a clock that only the test moves.
///
/// The user `admin` exists, with the roles `rolecall.admin` and `admin`.
pub(crate) struct TestApp {
    node: Node,
    pub(crate) clock: ManualClock,
    pub(crate) db: Database,
    admin: OnceCell<String>,
}

impl std::ops::Deref for TestApp {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Fixture for TestApp {
    const IS_STARTED: bool = true;

    async fn on(db: Database) -> Self {
        Self::configured(db, |builder| builder).await
    }
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        Self::on(Database::sqlite()).await
    }

    /// A node with another configuration.
    pub(crate) async fn configured(
        db: Database,
        configure: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
    ) -> Self {
        let clock = ManualClock::at(START);
        let node = Node::open(configure(builder_at(&db.url, &clock))).await;
        Self {
            node,
            clock,
            db,
            admin: OnceCell::new(),
        }
    }

    /// Opens another node on the same database, with the same clock.
    pub(crate) async fn second_node(&self) -> Node {
        self.node(|builder| builder).await
    }

    /// Opens another node on the same database, with another configuration.
    pub(crate) async fn node(
        &self,
        configure: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
    ) -> Node {
        Node::open(configure(self.builder())).await
    }

    /// The configuration of another node on the same database.
    pub(crate) fn builder(&self) -> EmbeddedBuilder {
        builder_at(&self.db.url, &self.clock)
    }

    /// Stops the node and starts another one on its database.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(async |_: &Database| {}).await
    }

    /// Stops the node, runs `work`, and starts another node on the database.
    pub(crate) async fn restart_after(self, work: impl AsyncFnOnce(&Database)) -> Self {
        self.restart_as(|builder| builder, work).await
    }

    /// Stops the node, runs `work`, and starts a node with another configuration on the database.
    pub(crate) async fn restart_as(
        self,
        configure: impl FnOnce(EmbeddedBuilder) -> EmbeddedBuilder,
        work: impl AsyncFnOnce(&Database),
    ) -> Self {
        let Self {
            node, clock, db, ..
        } = self;
        drop(node);
        work(&db).await;
        let node = Node::open(configure(builder_at(&db.url, &clock))).await;
        Self {
            node,
            clock,
            db,
            admin: OnceCell::new(),
        }
    }

    /// Moves the time of day forward. The monotonic clock stands still, so no guard's state grows stale.
    pub(crate) fn pass_time(&self, by: Duration) {
        self.clock.set(self.clock.now().plus(by));
    }

    /// Deletes the counted failures, so that they delay nothing.
    pub(crate) async fn clear_failures(&self) {
        for table in ["login_failures", "known_failures"] {
            self.db.execute(&format!("DELETE FROM {table}")).await;
        }
    }

    /// A token of `admin`.
    pub(crate) async fn admin(&self) -> &str {
        self.admin
            .get_or_init(async || self.log_in("admin").await)
            .await
    }

    /// The id of a user.
    pub(crate) async fn id_of(&self, username: &str) -> String {
        let path = format!("/api/users?username={username}");
        let found = self.get(path, self.admin().await).await;
        found.items("id").pop().unwrap()
    }

    /// Creates a user with [`PASSWORD`] and these roles; returns the id.
    pub(crate) async fn create_user(&self, username: &str, roles: &[&str]) -> String {
        let body = json!({ "username": username, "password": PASSWORD, "roles": roles });
        let created = self.post("/api/users", self.admin().await, body).await;
        created.is(201).text("id")
    }

    /// Creates a role with these permissions, which are created too.
    pub(crate) async fn create_role(&self, name: &str, permissions: &[&str]) {
        self.create_role_from(json!({ "name": name }), permissions)
            .await;
    }

    /// Creates a role that does not work by its name, with these permissions.
    pub(crate) async fn create_plain_role(&self, name: &str, permissions: &[&str]) {
        self.create_role_from(json!({ "name": name, "by_name": false }), permissions)
            .await;
    }

    async fn create_role_from(&self, body: Value, permissions: &[&str]) {
        let admin = self.admin().await;
        let created = self.post("/api/roles", admin, body).await;
        let name = created.is(201).text("name");
        for permission in permissions {
            if !permission.starts_with("rolecall.") && !permission.ends_with('*') {
                self.create_permission(permission).await;
            }
            let path = format!("/api/roles/{name}/permissions/{permission}");
            self.put(path, admin).await.no_content();
        }
    }

    /// Creates a permission unless it exists.
    pub(crate) async fn create_permission(&self, name: &str) {
        let body = json!({ "name": name });
        let created = self
            .post("/api/permissions", self.admin().await, body)
            .await;
        assert!([201, 409].contains(&created.status.as_u16()), "{created:?}");
    }

    /// Lets `senior` inherit `junior`.
    pub(crate) async fn inherit(&self, senior: &str, junior: &str) {
        let path = format!("/api/roles/{senior}/juniors/{junior}");
        self.put(path, self.admin().await).await.no_content();
    }

    pub(crate) async fn assign(&self, id: &str, role: &str) {
        let path = format!("/api/users/{id}/roles/{role}");
        self.put(path, self.admin().await).await.no_content();
    }

    pub(crate) async fn unassign(&self, id: &str, role: &str) {
        let path = format!("/api/users/{id}/roles/{role}");
        self.delete(path, self.admin().await).await.no_content();
    }

    /// Assigns a role in a tenant.
    pub(crate) async fn assign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.put(path, self.admin().await).await.no_content();
    }

    pub(crate) async fn unassign_in(&self, id: &str, role: &str, tenant: &str) {
        let path = format!("/api/users/{id}/roles/{role}?tenant={tenant}");
        self.delete(path, self.admin().await).await.no_content();
    }

    /// The newest entry of the audit log.
    pub(crate) async fn newest_entry(&self) -> Value {
        let page = self.get("/api/audit?limit=1", self.admin().await).await;
        page.json["items"][0].clone()
    }
}

/// A [`TestApp`] that hashes at the default cost, for tests about passwords.
pub(crate) struct RealHashing(TestApp);

impl std::ops::Deref for RealHashing {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Fixture for RealHashing {
    async fn on(db: Database) -> Self {
        let configure = |builder: EmbeddedBuilder| builder.hashing(Parameters::default());
        Self(TestApp::configured(db, configure).await)
    }
}

/// The configuration of a node on the database at `url`. It hashes at almost no cost, since hashing would take
/// half the time of all tests.
pub(crate) fn builder_at(url: &str, clock: &ManualClock) -> EmbeddedBuilder {
    Embedded::builder(url)
        .clock(clock.clone())
        .hashing(CHEAP)
        .connecting_late()
        .master_key(MASTER_KEY)
        .registration(Registration::Open)
        .public_url(ISSUER)
        .demo_user("admin", PASSWORD, &["rolecall.admin", "admin"])
}
