//! The state of one node, which every handler and command works with.

use std::{
    sync::{Arc, Weak, atomic::AtomicBool},
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::{Clock, LiveState};
use rolecall_core::Timestamp;
use rolecall_passwords::{BreachedPasswords, Hasher, PasswordPolicy};
use tokio::sync::Notify;

use crate::{
    accounts::first_code::FirstRun,
    authority::{caller::Caller, policy_cache::PolicyCache},
    boxed::Boxed,
    error::ApiError,
    feed::Feed,
    heavy::HeavyWork,
    keys::ring::KeyRing,
    known_time::KnownTime,
    legacy::old_tokens::Legacy,
    login::decoys::Decoys,
    metrics::counters::Metrics,
    pages::look::Look,
    quota::{self, Quota, Quotas},
    settings::Settings,
    store::{Chain, Change, Changed, Conn, Head, PING_TIMEOUT, Store, StoreError, read_time},
    throttle::{AddressLimiter, InFlight, Repeats, Room, Turn, Turns},
    vault::MasterKeys,
    web::late_document::LateDocument,
};

/// The guards of this node refuse every token, because the database could not be polled for too long.
#[derive(Debug, thiserror::Error)]
#[error("the newest revocations known are {} s old: the database could not be polled", .age.as_secs())]
struct StaleState {
    age: Duration,
}

/// The application: the open database and everything that lives beside it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) chain: Chain,
    pub(crate) masters: MasterKeys,
    pub(crate) account_key: hmac::Key,
    pub(crate) clock: Arc<dyn Clock>,
    /// The clock of the database in tests; `None` to ask the database.
    pub(crate) database_clock: Option<Arc<dyn Clock>>,
    /// The time by which expired rows are deleted.
    pub(crate) known_time: KnownTime,
    pub(crate) live: LiveState,
    pub(crate) keys: KeyRing,
    /// The changes that guards in other processes receive.
    pub(crate) feed: Feed,
    /// Wakes the watch before its next turn.
    pub(crate) look_now: Notify,
    /// Wakes the sender of the outbox before its next turn.
    pub(crate) send_now: Notify,
    /// Wakes the sender of logout tokens before its next turn.
    pub(crate) call_now: Notify,
    /// Wakes the sender of mails before its next turn.
    pub(crate) mail_now: Notify,
    /// Sends no more mails: the server stops.
    pub(crate) mail_ends: AtomicBool,
    pub(crate) hasher: Hasher,
    pub(crate) password_policy: PasswordPolicy,
    /// The list of passwords that nobody can choose.
    pub(crate) breached: Option<Arc<BreachedPasswords>>,
    pub(crate) settings: Settings,
    pub(crate) policy: PolicyCache,
    /// Work on whole policies.
    pub(crate) heavy: HeavyWork,
    pub(crate) failing_addresses: AddressLimiter,
    pub(crate) registering_addresses: AddressLimiter,
    pub(crate) beginning_addresses: AddressLimiter,
    /// Limits the mails that strangers ask for.
    pub(crate) asking_addresses: AddressLimiter,
    pub(crate) room_for_mails: Room,
    /// Room for the sign-ins that strangers begin.
    pub(crate) room_for_sign_ins: Room,
    /// Room for those that people begin who are signed in.
    pub(crate) room_for_users: Room,
    pub(crate) failing_clients: AddressLimiter,
    pub(crate) quotas: Quotas,
    pub(crate) in_flight: InFlight,
    pub(crate) turns: Turns,
    /// Lets a few changes in one session run at the same time: one busy account must not keep all others waiting.
    pub(crate) change_turns: Turns,
    /// Lets each user export their data once at a time.
    pub(crate) export_turns: Turns,
    /// Wrong passwords that were counted a moment ago.
    pub(crate) repeats: Repeats,
    /// Hashes that unknown names cost.
    pub(crate) decoys: Decoys,
    /// The code for the first administrator.
    pub(crate) first_run: FirstRun,
    /// Tokens of the previous application, if they are accepted.
    pub(crate) legacy: Option<Legacy>,
    pub(crate) metrics: Metrics,
    /// The look of the pages.
    pub(crate) look: Look,
    /// The OpenAPI document of the routes that are mounted.
    pub(crate) document: ArcSwap<LateDocument>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn from_parts(parts: Arc<Parts>) -> Self {
        Self(parts)
    }

    pub(crate) fn downgrade(&self) -> Weak<Parts> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn policy(&self) -> &PolicyCache {
        &self.0.policy
    }

    pub(crate) fn heavy(&self) -> &HeavyWork {
        &self.0.heavy
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Returns the time of the database as far as this node knows it, which all nodes agree on.
    pub(crate) fn database_now(&self) -> Timestamp {
        match &self.0.database_clock {
            Some(clock) => clock.now(),
            None => self.0.known_time.database_at(self.0.clock.monotonic()),
        }
    }

    /// Reads the time of the database. SQLite has that of this machine.
    pub(crate) async fn read_database_time(
        &self,
        conn: &mut Conn,
    ) -> Result<Timestamp, StoreError> {
        if let Some(clock) = &self.0.database_clock {
            return Ok(clock.now());
        }
        Ok(read_time(conn).await?.unwrap_or_else(|| self.now()))
    }

    /// Takes one from a quota of `subject`.
    ///
    /// # Errors
    ///
    /// [`ApiError::TooMany`] if it is used up.
    pub(crate) fn take_quota(&self, quota: Quota, subject: &str) -> Result<(), ApiError> {
        let (limits, now) = (&self.settings().quotas, self.0.clock.monotonic());
        let taken = self.0.quotas.take(limits, quota, subject, now);
        taken.map_err(|retry_after| ApiError::TooMany { retry_after })
    }

    /// Checks that a quota of `subject` is not used up, and takes nothing.
    fn check_quota(&self, quota: Quota, subject: &str) -> Result<(), ApiError> {
        let (limits, now) = (&self.settings().quotas, self.0.clock.monotonic());
        let checked = self.0.quotas.check(limits, quota, subject, now);
        checked.map_err(|retry_after| ApiError::TooMany { retry_after })
    }

    /// Makes a change in the name of `caller`, within the quota of their changes through this client; see
    /// [`change_unlimited`](Self::change_unlimited).
    pub(crate) async fn change<T>(
        &self,
        caller: Caller<'_>,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        match quota::of_caller(caller) {
            Some((quota, key)) => self.change_within(quota, &key, caller, work).await,
            None => self.change_unlimited(caller, work).await,
        }
    }

    /// Counts an attempt to make an account from `address`: the answer says whether a name is taken.
    ///
    /// # Errors
    ///
    /// [`ApiError::TooMany`] beyond the limit of the address.
    pub(crate) fn admit_registration(&self, address: &str) -> Result<(), ApiError> {
        let now = self.0.clock.monotonic();
        match self.0.registering_addresses.take(address, now) {
            Some(retry_after) => Err(ApiError::TooMany { retry_after }),
            None => Ok(()),
        }
    }

    /// Takes one from the quota of a caller whose change a rule refuses.
    pub(crate) fn charge_refused(&self, caller: Caller<'_>, error: &ApiError) {
        if let Some((quota, key)) = quota::of_caller(caller) {
            self.charge(quota, &key, error);
        }
    }

    fn charge(&self, quota: Quota, key: &str, error: &ApiError) {
        let is_change = matches!(quota, Quota::Changes | Quota::OwnChanges);
        if is_change && error.is_refused_change() {
            // it may be used up meanwhile: the next change is then 429
            let _ = self.take_quota(quota, key);
        }
    }

    /// Makes a change within a quota, from which one is taken if the change writes something or is refused by a rule:
    /// it kept other changes waiting.
    pub(crate) async fn change_within<T>(
        &self,
        quota: Quota,
        key: &str,
        caller: Caller<'_>,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.check_quota(quota, key)?;
        let turn = self.turn_of(caller).await?;
        // used up by those that had their turns before
        self.check_quota(quota, key)?;
        let done = self.change_unlimited(caller, async |change| {
            let done = work(change).await?;
            if change.is_recorded() {
                self.take_quota(quota, key)?;
            }
            Ok(done)
        });
        let done = done.await;
        drop(turn);
        if let Err(error) = &done {
            self.charge(quota, key, error);
        }
        done
    }

    /// Makes a change in the name of `caller`. When it returns, the guards of this process refuse what the change
    /// revoked; those of other processes follow with their next poll.
    pub(crate) async fn change_unlimited<T>(
        &self,
        caller: Caller<'_>,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let done = self.change_as(caller, work).await;
        done.map_err(|error| caller.refusal(error))
    }

    /// The same with errors of another type.
    pub(crate) async fn change_as<T, E: From<StoreError> + From<ApiError>>(
        &self,
        caller: Caller<'_>,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // a token may have been issued by a clock that was ahead
        let latest = self.database_now().max(self.0.known_time.latest());
        let (actor, times) = (caller.actor(), (self.now(), latest));
        let change = self.store().change(&self.0.chain, &actor, times, work);
        let (done, changed) = change.await?;
        if let Some(changed) = changed {
            self.publish(changed).await?;
        }
        Ok(done)
    }

    /// Waits for the turn of a caller with a session, also for changes that turn out to change nothing and cost no quota.
    async fn turn_of(&self, caller: Caller<'_>) -> Result<Option<Turn>, ApiError> {
        let Some(key) = quota::turns_of_caller(caller) else {
            return Ok(None);
        };
        let turn = self.0.change_turns.wait(&key).await;
        turn.map(Some).ok_or(ApiError::Busy)
    }

    /// Makes a committed change known to the guards, caches and metrics of this process. Not generic, so that it is
    /// compiled once and not for every kind of change.
    fn publish(&self, changed: Changed) -> Boxed<'_, Result<(), ApiError>> {
        Box::pin(async move {
            self.0.metrics.audit_entries.add_one();
            for floor in &changed.floors {
                self.0.metrics.floors_raised.add_one(floor.kind.as_str());
            }
            self.0.live.raise(&changed.floors);
            self.0.live.note_revision(changed.revision);
            // only the watch feeds guards in other processes: it also knows the changes of other nodes
            self.0.look_now.notify_one();
            self.0.send_now.notify_one();
            self.0.call_now.notify_one();
            self.0.mail_now.notify_one();
            if changed.policy {
                self.load_policy(&mut self.store().read_for_watch().await?)
                    .await?;
            }
            if changed.keys {
                self.reload_keys(&mut self.store().read_for_watch().await?)
                    .await?;
            }
            tracing::info!(
                revision = changed.revision,
                policy = changed.policy,
                floors = changed.floors.len(),
                "changed"
            );
            Ok(())
        })
    }

    /// Reads the policy and passes it to the guards of this process. They derive permissions from the roles of a token
    /// that would be too long with its permissions.
    pub(crate) async fn load_policy(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let policy = self.policy().newest(conn).await?;
        self.0.live.set_policy(Arc::clone(&policy.policy));
        Ok(())
    }

    /// Reads the signing keys again and uses them, here and in the guards of this process.
    pub(crate) async fn reload_keys(&self, conn: &mut Conn) -> Result<(), ApiError> {
        let parts = self.parts();
        parts.keys.reload(&parts.live, &parts.masters, conn).await
    }

    /// Reloads the signing keys unless they are those of `head`.
    pub(crate) async fn catch_up_keys(&self, conn: &mut Conn, head: &Head) -> Result<(), ApiError> {
        let parts = self.parts();
        parts
            .keys
            .catch_up(&parts.live, &parts.masters, conn, head)
            .await
    }

    /// Returns the name by which people know this server: that of its pages, or its host.
    pub(crate) fn own_name(&self) -> String {
        let name = self.0.look.name();
        if !name.is_empty() {
            return name.to_owned();
        }
        let url = self.settings().public_url.as_str();
        let after = url.split_once("://").map_or(url, |(_, after)| after);
        after.split('/').next().unwrap_or(after).to_owned()
    }

    /// Returns the key under which failures of a user name are counted: a keyed hash, so that the table holds no names.
    pub(crate) fn account_of(&self, username: &str) -> String {
        let tag = hmac::sign(&self.0.account_key, username.as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Checks what every request needs: a database that takes writes, a head that can be read and written, signing
    /// keys that the master key opens, a state of the guards that is fresh, and memory to check passwords.
    ///
    /// # Errors
    ///
    /// An error that is answered 503.
    pub(crate) async fn check_ready(&self) -> Result<(), ApiError> {
        let parts = self.parts();
        let head = self.store().probe_head().await.map_err(ApiError::from);
        let head = head.map_err(ApiError::into_unready)?;
        if !parts.keys.is_current(&head) {
            let caught_up = async {
                let mut conn = self.store().read_for_watch().await?;
                self.catch_up_keys(&mut conn, &head).await
            };
            // health checks have short timeouts of their own
            match tokio::time::timeout(PING_TIMEOUT, caught_up).await {
                Ok(caught_up) => caught_up.map_err(ApiError::into_unready)?,
                Err(_) => return Err(StoreError::timed_out().into()),
            }
        }
        let age = parts.live.age();
        if self.settings().stale_after.is_some_and(|limit| age > limit) {
            return Err(ApiError::internal(StaleState { age }).into_unready());
        }
        if !parts.hasher.has_memory() {
            return Err(ApiError::Busy);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, task::Poll};

    use super::*;
    use crate::{LogIn, http::ClientAddress};

    async fn is_ready<T>(future: impl Future<Output = T>) -> bool {
        let mut future = pin!(future);
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn y251_changes_of_one_session_take_turns_and_keep_nobody_else_waiting() {
        let password = "a password of both";
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("alice", password, &[])
            .demo_user("bob", password, &[])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let address = ClientAddress::default();
        let log_in = async |name| {
            let tokens = server.log_in(&LogIn::new(name, password, &address)).await;
            server
                .guard()
                .verify(&tokens.unwrap().access_token)
                .unwrap()
        };
        let (alice, bob) = (log_in("alice").await, log_in("bob").await);
        let first = app.turn_of(Caller::Token(&alice)).await.unwrap();
        let second = app.turn_of(Caller::Token(&alice)).await.unwrap();
        assert!(first.is_some() && second.is_some());
        assert!(!is_ready(app.turn_of(Caller::Token(&alice))).await);
        assert!(is_ready(app.turn_of(Caller::Token(&bob))).await);
        let elsewhere = log_in("alice").await;
        assert!(is_ready(app.turn_of(Caller::Token(&elsewhere))).await);
        assert!(is_ready(app.turn_of(Caller::System)).await);
        let browser = |session| Caller::Own {
            user_id: alice.subject(),
            session,
        };
        let of_browser = app.turn_of(browser("one")).await.unwrap();
        let beside = app.turn_of(browser("one")).await.unwrap();
        assert!(of_browser.is_some() && beside.is_some());
        assert!(!is_ready(app.turn_of(browser("one"))).await);
        assert!(is_ready(app.turn_of(browser("other"))).await);
        drop(first);
        assert!(is_ready(app.turn_of(Caller::Token(&alice))).await);
    }
}
