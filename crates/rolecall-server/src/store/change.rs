use std::collections::BTreeSet;

use rolecall_core::{Floor, FloorKind, Permission, Revision, RoleName, Timestamp};
use serde_json::Value;

use super::{Conn, Head, Store, StoreError, on, queries};
use crate::audit::Chain;

queries! {
    RAISE_REVISION = "UPDATE head SET revision = revision + 1 WHERE id = 1 \
        RETURNING revision, policy_revision, keys_revision, era, longest_ttl_seconds";
    RAISE_POLICY = "UPDATE head SET policy_revision = $1 WHERE id = 1";
    TELL_POLICY = "INSERT INTO policy_changes (revision, kind, name, previous) VALUES ($1, $2, $3, $4)";
    RAISE_KEYS = "UPDATE head SET keys_revision = $1 WHERE id = 1";
    WRITE_FLOOR = "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (kind, subject) DO UPDATE SET revision = excluded.revision, ends_at = excluded.ends_at";
    END_LEGACY_TOKENS = "UPDATE users SET legacy_name = NULL WHERE id = $1";
}

/// How long after the last possible token a floor is kept: the leeway of guards and some slack.
const FLOOR_SLACK_SECONDS: u64 = 30 + 60;

/// Who makes a change, as the audit log names them: by id, never by name or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A user, over the API or by `--as`.
    User(String),
    /// An OAuth client.
    Client(String),
    /// Somebody at the command line of the machine itself.
    CommandLine(String),
    /// rolecall itself, or somebody not logged in.
    System,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::CommandLine(name) => write!(f, "cli:{name}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// A transaction that may take something away.
///
/// INVARIANT: it began with raising the revision, so all changes are serialised on both databases, and
/// only it can write floors. What takes something away asks for a `&mut Change`, so that any other way
/// does not compile.
pub(crate) struct Change<'c> {
    conn: &'c mut Conn,
    head: Head,
    now: Timestamp,
    entries: Vec<Value>,
    floors: Vec<Floor>,
    raised: BTreeSet<(&'static str, String)>,
    /// Kinds and names of what is another one in the policy.
    policy: BTreeSet<(&'static str, String)>,
    keys: bool,
}

/// What a committed change means for the guards of this process.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) revision: Revision,
    pub(crate) floors: Vec<Floor>,
    pub(crate) policy: bool,
    pub(crate) keys: bool,
}

impl Change<'_> {
    pub(crate) fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// The head as it is in this transaction; its revision is the change's own.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Adds an entry to the audit log. A change without an entry changed nothing and is rolled back.
    pub(crate) fn record(&mut self, entry: Value) {
        self.entries.push(entry);
    }

    /// Discards the change: it was a dry run.
    pub(crate) fn discard(&mut self) {
        self.entries.clear();
    }

    /// Refuses the tokens about `key` that were made before this change.
    pub(crate) fn raise_floor(&mut self, kind: FloorKind, key: &str) {
        if !self.raised.insert((kind.as_str(), key.to_owned())) {
            return;
        }
        let lifetime = u64::try_from(self.head.longest_ttl_seconds)
            .unwrap_or(0)
            .saturating_add(FLOOR_SLACK_SECONDS);
        let until = self.now.plus(std::time::Duration::from_secs(lifetime));
        self.floors.push(Floor {
            kind,
            key: key.to_owned(),
            revision: self.head.revision,
            until,
        });
    }

    /// The policy is another one from this change on, in ways that are not told one by one.
    pub(crate) fn policy_changed(&mut self) {
        self.policy.insert(("all", String::new()));
    }

    /// A role is there, is gone, or holds or inherits something else from this change on.
    pub(crate) fn role_changed(&mut self, role: &RoleName) {
        self.policy.insert(("role", role.to_string()));
    }

    /// A permission is there or is gone from this change on.
    pub(crate) fn permission_changed(&mut self, permission: &Permission) {
        self.policy.insert(("permission", permission.to_string()));
    }

    /// The signing keys are other ones from this change on.
    pub(crate) fn keys_changed(&mut self) {
        self.keys = true;
    }

    async fn finish(self, chain: &Chain, actor: &Actor) -> Result<Changed, StoreError> {
        let revision = self.head.revision;
        let conn = self.conn;
        for floor in &self.floors {
            on!(conn, |c| sqlx::query(WRITE_FLOOR)
                .bind(floor.kind.as_str())
                .bind(floor.key.as_str())
                .bind(floor.revision)
                .bind(floor.until.micros())
                .execute(c)
                .await
                .map(drop))?;
            // tokens of an old application need not say when they were issued: all of this user's end
            if floor.kind == FloorKind::Subject {
                on!(conn, |c| sqlx::query(END_LEGACY_TOKENS)
                    .bind(floor.key.as_str())
                    .execute(c)
                    .await
                    .map(drop))?;
            }
        }
        for (kind, name) in &self.policy {
            on!(conn, |c| sqlx::query(TELL_POLICY)
                .bind(revision)
                .bind(*kind)
                .bind(name.as_str())
                .bind(self.head.policy_revision)
                .execute(c)
                .await
                .map(drop))?;
        }
        let policy = !self.policy.is_empty();
        if policy {
            on!(conn, |c| sqlx::query(RAISE_POLICY)
                .bind(revision)
                .execute(c)
                .await
                .map(drop))?;
        }
        if self.keys {
            on!(conn, |c| sqlx::query(RAISE_KEYS)
                .bind(revision)
                .execute(c)
                .await
                .map(drop))?;
        }
        chain
            .append(
                conn,
                revision,
                self.now,
                &actor.to_string(),
                Value::Array(self.entries),
            )
            .await?;
        Ok(Changed {
            revision,
            floors: self.floors,
            policy,
            keys: self.keys,
        })
    }
}

impl Store {
    /// The one way to change policy, assignments, subjects, clients or keys, or to end a session.
    ///
    /// Returns after the commit; an error, and a change that told nothing, leave everything as it was.
    pub(crate) async fn change<T, E>(
        &self,
        chain: &Chain,
        actor: &Actor,
        now: Timestamp,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<(T, Option<Changed>), E>
    where
        E: From<StoreError>,
    {
        let mut conn = self.begin().await?;
        let outcome = attempt(&mut conn, chain, actor, now, work).await;
        match outcome {
            Ok((done, Some(changed))) => {
                conn.commit().await?;
                Ok((done, Some(changed)))
            }
            Ok((done, None)) => {
                conn.rollback().await?;
                Ok((done, None))
            }
            Err(error) => {
                // the error that the caller hears is the first one
                let _ = conn.rollback().await;
                Err(error)
            }
        }
    }
}

async fn attempt<T, E>(
    conn: &mut Conn,
    chain: &Chain,
    actor: &Actor,
    now: Timestamp,
    work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, E>,
) -> Result<(T, Option<Changed>), E>
where
    E: From<StoreError>,
{
    let row = on!(conn, |c| sqlx::query_as(RAISE_REVISION).fetch_one(c).await)
        .map_err(StoreError::from)?;
    let head = Head::from_row(row);
    let mut change = Change {
        conn,
        head,
        now,
        entries: Vec::new(),
        floors: Vec::new(),
        raised: BTreeSet::new(),
        policy: BTreeSet::new(),
        keys: false,
    };
    let done = work(&mut change).await?;
    if change.entries.is_empty() {
        return Ok((done, None));
    }
    let changed = change.finish(chain, actor).await?;
    Ok((done, Some(changed)))
}
