//! What every handler and command works with.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::body::Bytes;
use rolecall::{Clock, LiveState};
use rolecall_core::{RoleName, Timestamp};
use rolecall_passwords::{Hasher, PasswordPolicy};
use tokio::sync::Notify;

use crate::{
    accounts::authority::Caller,
    audit::Chain,
    error::ApiError,
    feed::Feed,
    keys::ring::{self, KeyRing},
    legacy::Legacy,
    metrics::Metrics,
    roles::{policy_cache::PolicyCache, store::read_consistently},
    sessions::service::SessionLimits,
    store::{Change, Conn, Store, StoreError},
    throttle::{AddressLimiter, InFlight, Turns},
    vault::MasterKeys,
};

/// What the configuration says, as far as the services need it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    /// The audience of tokens for which none was asked.
    pub(crate) audience: String,
    pub(crate) access_ttl: Duration,
    pub(crate) max_token_bytes: usize,
    /// How long a signing key signs; none means until somebody rotates.
    pub(crate) rotate_every: Option<Duration>,
    pub(crate) registration_open: bool,
    pub(crate) registration_roles: BTreeSet<RoleName>,
    pub(crate) password_grant: bool,
    pub(crate) sessions: SessionLimits,
    /// Names of demo users, whose password the list of common ones may hold.
    pub(crate) exempt_users: BTreeSet<String>,
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
            .map_err(|error| error.discreet(caller).receipted(caller))?;
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
                ring::load(self, &mut self.store().read().await?).await?;
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
        let policy = read_consistently(self.policy(), conn).await?;
        self.0.live.set_policy(Arc::clone(&policy.1));
        Ok(())
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
