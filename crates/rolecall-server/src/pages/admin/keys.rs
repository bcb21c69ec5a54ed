//! The signing keys: the ring, and how it is rotated and a key retired.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use rolecall_core::Timestamp;

use super::{
    super::submitted::Submitted,
    faults::Faults,
    links::{Listing, below, cut, one_more},
    views::{
        confirm::{Confirm, Effect},
        keys::{Keys, Row},
    },
    visit::Visit,
};
use crate::{
    authority::may,
    error::ApiError,
    keys::{
        lifecycle,
        service::{self, Shown},
        store::{Slot, State, StoredKey},
    },
    web::params::Segment,
};

const KEYS: &str = "/admin/keys";
const ROTATE: &str = "/admin/keys/rotate";
/// The keys on a page.
const SHOWN: usize = 50;
/// More keys than are in use at a time; the newest come first.
const MOST: i64 = 200;
/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The keys, the newest first.
pub(crate) async fn get_keys(_: Public, visit: Visit) -> Response {
    visit.answer(list(&visit).await).await
}

async fn list(visit: &Visit) -> Result<Response, ApiError> {
    let listing = Listing::read(KEYS, &visit.query, &[], &["created"]);
    let mut found =
        service::list(&visit.app, visit.caller(), listing.after, one_more(SHOWN)).await?;
    let last = cut(&mut found, SHOWN);
    let last = last.map(|one| one.key.kid.clone());
    let may_rotate = visit.may_globally(may::RotateKeys::NAME);
    let ring = Ring::read(visit).await?;
    let now = visit.app.database_now();
    let page = Keys {
        rows: found
            .iter()
            .map(|one| row(&one.key, now, may_rotate))
            .collect(),
        may_rotate,
        early_until: ring.early_until(now).map(Into::into),
        is_configured: ring.next(Slot::Access).is_none(),
        first: listing.first(),
        next: listing.next(last.as_deref()),
    };
    Ok(visit.show("admin_keys.html", &page))
}

fn row(key: &StoredKey, now: Timestamp, may_rotate: bool) -> Row {
    let end = key.retired_at.or(key.ends_at);
    let days = now.since(key.active_from).as_secs() / DAY;
    Row {
        kid: key.kid.clone(),
        algorithm: key.algorithm.to_string(),
        purpose: match key.slot {
            Slot::Access => "admin-key-access",
            Slot::IdToken(_) => "admin-key-id-token",
        },
        state: match key.state {
            State::Next => "admin-key-next",
            State::Active => "admin-key-active",
            State::Retiring => "admin-key-retiring",
            State::Retired => "admin-key-retired",
        },
        signs: key.state == State::Active,
        days: i64::try_from(days)
            .ok()
            .filter(|_| key.state == State::Active),
        created: key.created_at.into(),
        from: key.active_from.into(),
        until: end.map(Into::into),
        retire: if may_rotate && key.state != State::Retired {
            retire_path(&key.kid)
        } else {
            String::new()
        },
    }
}

fn retire_path(kid: &str) -> String {
    format!("{}/retire", below(KEYS, kid))
}

/// The newest keys, among which are all that are in use.
struct Ring(Vec<Shown>);

impl Ring {
    async fn read(visit: &Visit) -> Result<Self, ApiError> {
        let keys = service::list(&visit.app, visit.caller(), "", MOST).await?;
        Ok(Self(keys))
    }

    fn one(&self, slot: Slot, state: State) -> Option<&StoredKey> {
        let mut keys = self.0.iter().map(|one| &one.key);
        keys.find(|key| key.slot == slot && key.state == state)
    }

    fn next(&self, slot: Slot) -> Option<&StoredKey> {
        self.one(slot, State::Next)
    }

    /// Returns when the next key may sign, if not every service can have it yet.
    fn early_until(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.next(Slot::Access)?;
        lifecycle::is_early(next, now).then_some(next.active_from)
    }

    fn named(&self, kid: &str) -> Result<&StoredKey, ApiError> {
        let mut keys = self.0.iter().map(|one| &one.key);
        let found = keys.find(|key| key.kid == kid && key.state != State::Retired);
        found.ok_or_else(|| ApiError::unknown("signing key in use", &kid))
    }
}

/// Says what a rotation does (`force`: although services may not know the next key yet).
pub(crate) async fn get_rotate(_: Public, visit: Visit) -> Response {
    if let Err(error) = visit.require_fresh().await {
        return visit.refuse(error).await;
    }
    let force = visit.query.get("force") == "on";
    let made = ask_rotate(&visit, force, &Faults::default()).await;
    visit.answer(made).await
}

/// Rotates the keys.
pub(crate) async fn post_rotate(_: Public, visit: Visit, form: Submitted) -> Response {
    let force = form.get("force") == "on";
    if let Err(error) = visit.require_fresh().await {
        return visit.refuse(error).await;
    }
    let rotated = service::rotate(&visit.app, visit.caller(), force).await;
    match rotated.map_err(Faults::read) {
        Ok(rotated) if rotated.warning.is_some() => visit.done(KEYS, "key-early"),
        Ok(_) => visit.done(KEYS, "key-rotated"),
        Err(Ok(faults)) => {
            let made = ask_rotate(&visit, force, &faults).await;
            visit.answer(made).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn ask_rotate(visit: &Visit, force: bool, faults: &Faults) -> Result<Response, ApiError> {
    let ring = Ring::read(visit).await?;
    let kid = |key: Option<&StoredKey>| key.map(|key| key.kid.clone());
    let mut effects = Vec::new();
    if let Some(next) = kid(ring.next(Slot::Access)) {
        effects.push(Effect::of("admin-effect-key-signs", next));
    }
    if let Some(active) = kid(ring.one(Slot::Access, State::Active)) {
        effects.push(Effect::of("admin-effect-key-verifies", active));
    }
    effects.push(Effect::of("admin-effect-key-published", ""));
    if ring.early_until(visit.app.database_now()).is_some() {
        effects.push(Effect::of("admin-effect-key-early", ""));
    }
    let view = Confirm {
        title: "admin-rotate-keys",
        name: String::new(),
        effects,
        is_final: true,
        action: ROTATE.to_owned(),
        fields: force
            .then(|| ("force", "on".to_owned()))
            .into_iter()
            .collect(),
        back: KEYS.to_owned(),
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

/// Says what happens when a key is retired.
pub(crate) async fn get_retire(_: Public, visit: Visit, Segment(kid): Segment<String>) -> Response {
    let made = ask_retire(&visit, &kid, &Faults::default()).await;
    visit.answer(made).await
}

/// Retires a key.
pub(crate) async fn post_retire(
    _: Public,
    visit: Visit,
    Segment(kid): Segment<String>,
    _: Submitted,
) -> Response {
    let retired = service::retire(&visit.app, visit.caller(), &kid).await;
    match retired.map_err(Faults::read) {
        Ok(warning) => {
            let done = warning.map_or("key-retired", |_| "key-early");
            visit.done(KEYS, done)
        }
        Err(Ok(faults)) => {
            let made = ask_retire(&visit, &kid, &faults).await;
            visit.answer(made).await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn ask_retire(visit: &Visit, kid: &str, faults: &Faults) -> Result<Response, ApiError> {
    let ring = Ring::read(visit).await?;
    let key = ring.named(kid)?;
    let mut effects = Vec::new();
    if key.state == State::Next {
        effects.push(Effect::of("admin-effect-key-unused", kid));
    } else {
        effects.push(Effect::of("admin-effect-key-refused", kid));
    }
    let next = ring.next(key.slot).filter(|_| key.state == State::Active);
    if let Some(next) = next {
        effects.push(Effect::of("admin-effect-key-signs", next.kid.as_str()));
        if lifecycle::is_early(next, visit.app.database_now()) {
            effects.push(Effect::of("admin-effect-key-early", ""));
        }
    }
    let view = Confirm {
        title: "admin-retire-key",
        name: kid.to_owned(),
        effects,
        is_final: true,
        action: retire_path(kid),
        fields: Vec::new(),
        back: KEYS.to_owned(),
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}
