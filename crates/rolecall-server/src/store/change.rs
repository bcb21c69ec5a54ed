//! Changes: transactions that may take something away.

use std::collections::BTreeSet;

use rolecall_core::{Floor, FloorKind, Permission, Revision, RoleName, TenantName, Timestamp};
use serde_json::Value;

use crate::boxed::Boxed;

use super::{
    actor::Actor,
    chain::Chain,
    conn::Conn,
    details::Details,
    error::StoreError,
    floors::{OwnedFloor, write_floors},
    head::{Head, read_head},
    open::Store,
    pools::Lane,
    probe::PING_TIMEOUT,
    query::{queries, query},
    role_losses::clients_reached,
};

queries! {
    RAISE_REVISION = "UPDATE head SET revision = revision + 1 WHERE id = 1 \
        RETURNING revision, policy_revision, keys_revision, era, longest_ttl_seconds";
    RAISE_POLICY = "UPDATE head SET policy_revision = $1 WHERE id = 1";
    RECORD_POLICY_CHANGE = "INSERT INTO policy_changes (revision, kind, name, previous) VALUES ($1, $2, $3, $4)";
    RAISE_KEYS = "UPDATE head SET keys_revision = $1 WHERE id = 1";
    FORGET_DEVICES = "DELETE FROM rolecall_remembered_devices WHERE subject_id = $1";
    WRITE_DETAILS = "INSERT INTO audit_details (revision, part, changes) VALUES ($1, $2, $3)";
}

/// The time for which a floor is kept after the last token below it has expired: the leeway of guards and some slack.
const FLOOR_SLACK_SECONDS: u64 = 30 + 60;

/// A transaction that may take something away.
///
/// INVARIANT: it began with raising the revision, so all changes are serialized on both databases, and
/// only it can write floors. A function that takes something away asks for a `&mut Change`, so that it does not
/// compile in any other transaction.
pub(crate) struct Change<'c> {
    conn: &'c mut Conn,
    head: Head,
    now: Timestamp,
    /// The latest time that the database or a node has shown, from which the end of floors counts.
    latest: Timestamp,
    entries: Vec<Value>,
    details: Option<Details>,
    /// The number of entries written to the outbox.
    notices: i64,
    floors: Vec<OwnedFloor>,
    raised: BTreeSet<(&'static str, String, Option<String>)>,
    /// The permissions that holders of the roles with a floor lose.
    lost: BTreeSet<Permission>,
    /// The kinds and names of the parts of the policy that change.
    policy: BTreeSet<(&'static str, String)>,
    keys: bool,
}

/// The result of a committed change, for the guards of this process.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) revision: Revision,
    pub(crate) floors: Vec<Floor>,
    pub(crate) policy: bool,
    pub(crate) keys: bool,
}

impl Change<'_> {
    /// Returns the connection, inside the transaction.
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// Returns the head as it is in this transaction; its revision is the change's own.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the time of the change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the latest time that the database or a node has shown: what was issued may have been issued at it.
    pub(crate) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Adds an entry to the audit log. A change without an entry is rolled back.
    pub(crate) fn record(&mut self, entry: Value) {
        self.entries.push(entry);
    }

    /// Writes changes beside the audit entry, which then holds their digest: an entry itself must stay short. A change
    /// that records nothing else is rolled back.
    pub(crate) async fn record_beside(&mut self, changes: &[Value]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let revision = self.head.revision;
        let details = self.details.get_or_insert_default();
        let part = details.parts;
        let text = Value::from(changes).to_string();
        details.add(&text);
        query(WRITE_DETAILS)
            .bind(revision)
            .bind(part)
            .bind(text)
            .execute(self.conn)
            .await?;
        Ok(())
    }

    /// Returns the number of entries that the change wrote to the outbox.
    pub(super) fn notices(&self) -> i64 {
        self.notices
    }

    pub(super) fn count_notices(&mut self, written: u64) {
        let written = i64::try_from(written).unwrap_or(i64::MAX);
        self.notices = self.notices.saturating_add(written);
    }

    /// Returns true if the change will be written: something was recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Discards the change, as after a dry run.
    pub(crate) fn discard(&mut self) {
        self.entries.clear();
    }

    /// Ends the tokens about `key` that were issued before this change; those with roles end by
    /// [`end_roles`](Self::end_roles).
    pub(crate) fn raise_floor(&mut self, kind: FloorKind, key: &str) {
        self.add_floor(None, None, kind, key);
    }

    /// Ends the tokens with `roles`, whose holders lose `lost`.
    pub(crate) fn end_roles(&mut self, roles: &BTreeSet<RoleName>, lost: BTreeSet<Permission>) {
        for role in roles {
            self.add_floor(None, None, FloorKind::Role, role.as_str());
        }
        self.lost.extend(lost);
    }

    /// Ends a single token or session of `owner`. With too many of them, all tokens of `owner` end.
    pub(crate) fn raise_floor_of(&mut self, owner: &str, kind: FloorKind, key: &str) {
        self.add_floor(Some(owner), None, kind, key);
    }

    /// Ends the tokens about `key` that were issued before this change: those for `tenant`, if there is one.
    pub(crate) fn raise_floor_in(
        &mut self,
        tenant: Option<&TenantName>,
        kind: FloorKind,
        key: &str,
    ) {
        let owner = tenant.filter(|_| kind == FloorKind::Subject).map(|_| key);
        self.add_floor(owner, tenant, kind, key);
    }

    fn add_floor(
        &mut self,
        owner: Option<&str>,
        tenant: Option<&TenantName>,
        kind: FloorKind,
        key: &str,
    ) {
        let tenant = tenant.map(ToString::to_string);
        let raised = (kind.as_str(), key.to_owned(), tenant.clone());
        if !self.raised.insert(raised) {
            return;
        }
        let lifetime = u64::try_from(self.head.longest_ttl_seconds)
            .unwrap_or(0)
            .saturating_add(FLOOR_SLACK_SECONDS);
        let until = self
            .now
            .max(self.latest)
            .plus(std::time::Duration::from_secs(lifetime));
        self.floors.push(OwnedFloor {
            floor: Floor {
                kind,
                key: key.to_owned(),
                tenant,
                revision: self.head.revision,
                until,
            },
            owner: owner.map(str::to_owned),
        });
    }

    /// Notes that the policy changes as a whole, and not only in single roles and permissions.
    pub(crate) fn policy_changed(&mut self) {
        self.policy.insert(("all", String::new()));
    }

    /// Notes that a role is created or deleted, or holds or inherits something else.
    pub(crate) fn role_changed(&mut self, role: &RoleName) {
        self.policy.insert(("role", role.to_string()));
    }

    /// Notes that a permission is created or deleted.
    pub(crate) fn permission_changed(&mut self, permission: &Permission) {
        self.policy.insert(("permission", permission.to_string()));
    }

    /// Notes that the signing keys change.
    pub(crate) fn keys_changed(&mut self) {
        self.keys = true;
    }

    /// If a role loses something or is lost, ends the tokens that depend on it without its name as well: those through
    /// clients whose ceiling names no role but what was lost, and those through clients to which a user may sign in by the role.
    ///
    /// INVARIANT: a floor of the role does not reach such tokens.
    async fn end_tokens_without_role_names(&mut self) -> Result<(), StoreError> {
        let roles = self.floors.iter();
        let roles = roles.filter(|one| one.floor.kind == FloorKind::Role);
        let roles: BTreeSet<&str> = roles.map(|one| one.floor.key.as_str()).collect();
        if roles.is_empty() {
            return Ok(());
        }
        let clients = clients_reached(self.conn, &roles, &self.lost).await?;
        for client in clients {
            self.raise_floor(FloorKind::Client, &client);
        }
        Ok(())
    }

    /// Forgets the remembered devices of each user whose tokens end, whatever the reason is. What ends in one tenant alone
    /// says nothing about who the user is.
    async fn forget_devices(&mut self) -> Result<(), StoreError> {
        let subjects = self.floors.iter().map(|one| &one.floor);
        let is_whole = |floor: &&Floor| floor.kind == FloorKind::Subject && floor.tenant.is_none();
        let subjects = subjects.filter(is_whole);
        for subject in subjects {
            let forget = query(FORGET_DEVICES).bind(subject.key.as_str());
            forget.execute(self.conn).await?;
        }
        Ok(())
    }
}

impl<'a> Change<'a> {
    /// Writes floors, revisions and the audit entry; `None` if the change has no entry and is to be rolled back.
    fn finish(
        mut self,
        chain: &'a Chain,
        actor: &'a Actor,
    ) -> Boxed<'a, Result<Option<Changed>, StoreError>> {
        Box::pin(async move {
            if self.entries.is_empty() {
                return Ok(None);
            }
            self.end_tokens_without_role_names().await?;
            self.forget_devices().await?;
            let revision = self.head.revision;
            let conn = self.conn;
            let floors = write_floors(conn, self.floors).await?;
            for (kind, name) in &self.policy {
                query(RECORD_POLICY_CHANGE)
                    .bind(revision)
                    .bind(*kind)
                    .bind(name.as_str())
                    .bind(self.head.policy_revision)
                    .execute(conn)
                    .await?;
            }
            let policy = !self.policy.is_empty();
            if policy {
                query(RAISE_POLICY).bind(revision).execute(conn).await?;
            }
            if self.keys {
                query(RAISE_KEYS).bind(revision).execute(conn).await?;
            }
            let mut changes = self.entries;
            changes.extend(self.details.map(Details::change));
            chain
                .append(conn, revision, self.now, &actor.to_string(), changes)
                .await?;
            Ok(Some(Changed {
                revision,
                floors,
                policy,
                keys: self.keys,
            }))
        })
    }
}

/// Raises the revision. From here to the end of the transaction no other change runs.
async fn start(
    conn: &mut Conn,
    now: Timestamp,
    latest: Timestamp,
) -> Result<Change<'_>, StoreError> {
    let head = query(RAISE_REVISION).fetch_one(conn).await?;
    Ok(Change {
        conn,
        head,
        now,
        latest,
        entries: Vec::new(),
        details: None,
        notices: 0,
        floors: Vec::new(),
        raised: BTreeSet::new(),
        lost: BTreeSet::new(),
        policy: BTreeSet::new(),
        keys: false,
    })
}

impl Store {
    /// Changes policy, assignments, subjects, clients or keys, or ends a session: the only way to do so.
    ///
    /// `now` is the time of this node and `latest` the latest that the database or a node has shown.
    ///
    /// Returns after the commit; an error, and a change that recorded nothing, leave everything as it was.
    pub(crate) async fn change<T, E>(
        &self,
        chain: &Chain,
        actor: &Actor,
        (now, latest): (Timestamp, Timestamp),
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<(T, Option<Changed>), E>
    where
        E: From<StoreError>,
    {
        let mut conn = match self.begin(Lane::Changes).await {
            Ok(conn) => conn,
            Err(error) => return Err(self.contended(error).await.into()),
        };
        let outcome = match start(&mut conn, now, latest).await {
            Ok(change) => attempt(change, chain, actor, work).await,
            Err(error) => Err(self.contended(error).await.into()),
        };
        match outcome {
            Ok((done, Some(changed))) => {
                conn.commit().await?;
                Ok((done, Some(changed)))
            }
            Ok((done, None)) => {
                conn.rollback().await;
                Ok((done, None))
            }
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Tells the wait for another change from a database that does not answer: the head can be read meanwhile.
    async fn contended(&self, error: StoreError) -> StoreError {
        if !error.is_wait() {
            return error;
        }
        let read = async { read_head(&mut self.read_for_watch().await?).await };
        match tokio::time::timeout(PING_TIMEOUT, read).await {
            Ok(Ok(_)) => StoreError::Contended,
            _ => error,
        }
    }
}

async fn attempt<T, E>(
    mut change: Change<'_>,
    chain: &Chain,
    actor: &Actor,
    work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, E>,
) -> Result<(T, Option<Changed>), E>
where
    E: From<StoreError>,
{
    let done = work(&mut change).await?;
    let changed = change.finish(chain, actor).await?;
    Ok((done, changed))
}
