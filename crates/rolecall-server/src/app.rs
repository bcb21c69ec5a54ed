//! What every handler and command works with.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use axum::body::Bytes;
use rolecall::{Clock, LiveState};
use rolecall_core::Timestamp;
use tokio::sync::Notify;

use crate::{
    authority::{caller::Caller, policy_cache::PolicyCache},
    error::ApiError,
    feed::Feed,
    keys::ring::KeyRing,
    legacy::old_tokens::Legacy,
    metrics::Metrics,
    passwords::{Hasher, PasswordPolicy},
    settings::Settings,
    store::{Chain, Change, Conn, Head, Store, StoreError},
    throttle::{AddressLimiter, InFlight, Turns},
    vault::MasterKeys,
};

/// The application: the open database and everything that lives beside it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) chain: Chain,
    pub(crate) masters: MasterKeys,
    pub(crate) account_key: hmac::Key,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: LiveState,
    pub(crate) keys: KeyRing,
    /// What guards elsewhere are told.
    pub(crate) feed: Feed,
    /// Has the watch look at once, rather than at its next turn.
    pub(crate) look_now: Notify,
    pub(crate) hasher: Hasher,
    pub(crate) password_policy: PasswordPolicy,
    pub(crate) settings: Settings,
    pub(crate) policy: PolicyCache,
    pub(crate) failing_addresses: AddressLimiter,
    pub(crate) registering_addresses: AddressLimiter,
    pub(crate) failing_clients: AddressLimiter,
    pub(crate) in_flight: InFlight,
    pub(crate) turns: Turns,
    /// Tokens of an application that was there before, where they are taken.
    pub(crate) legacy: Option<Legacy>,
    pub(crate) metrics: Metrics,
    /// The OpenAPI document, written when the routes are mounted.
    pub(crate) document: OnceLock<Bytes>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn from_parts(parts: Arc<Parts>) -> Self {
        Self(parts)
    }

    pub(crate) fn downgrade(&self) -> std::sync::Weak<Parts> {
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

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Makes a change in the name of `caller`. Before it returns, the guards of this process refuse
    /// what the change took away; those of other processes follow within their poll.
    pub(crate) async fn change<T>(
        &self,
        caller: Caller<'_>,
        work: impl AsyncFnOnce(&mut Change<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let now = self.now();
        let (done, changed) = self
            .store()
            .change(&self.0.chain, &caller.actor(), now, work)
            .await
            .map_err(|error| caller.refusal(error))?;
        if let Some(changed) = changed {
            self.0.metrics.audit_entries.add_one();
            for floor in &changed.floors {
                self.0.metrics.floors_raised.add_one(floor.kind.as_str());
            }
            self.0.live.raise(&changed.floors);
            // the watch alone feeds the guards elsewhere: it knows what other processes did in between
            self.0.look_now.notify_one();
            if changed.policy {
                self.load_policy(&mut self.store().read().await?).await?;
            }
            if changed.keys {
                self.reload_keys(&mut self.store().read().await?).await?;
            }
            tracing::info!(
                revision = changed.revision,
                policy = changed.policy,
                floors = changed.floors.len(),
                "changed"
            );
        }
        Ok(done)
    }

    /// Reads the policy and gives it to the guards of this process: by it, tokens that were too long to
    /// carry their permissions get them from their roles.
    pub(crate) async fn load_policy(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let policy = self.policy().newest(conn).await?;
        self.0.live.set_policy(Arc::clone(&policy.policy));
        Ok(())
    }

    /// Reads the signing keys anew and puts them in use, here and in the guards of this process.
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

    /// What a user name is counted under: a keyed hash, so that the table of failures holds no names.
    pub(crate) fn account_of(&self, username: &str) -> String {
        use base64::Engine as _;
        let tag = hmac::sign(&self.0.account_key, username.as_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.store().ping().await
    }
}
