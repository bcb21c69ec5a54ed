//! Keys for ID tokens whose algorithm is another one than that of access tokens. They are made when the first client needs
//! them.

use rolecall::token::Algorithm;

use super::{
    fresh::{Fresh, NewKey},
    lifecycle, master,
    store::{self, Listed, Slot, State},
};
use crate::{app::App, error::ApiError, store::Change, vault::MasterKey};

/// Generates the keys that ID tokens with `algorithm` need and that do not exist, before the change that needs them.
pub(crate) async fn prepare(app: &App, algorithm: Algorithm) -> Result<Fresh, ApiError> {
    let listed = store::list(&mut app.store().read().await?).await?;
    let needed = [algorithm];
    let missing = lifecycle::missing(&listed, target(&listed), &needed);
    let wanted = missing.flat_map(|algorithm| [(Slot::IdToken(algorithm), algorithm); 2]);
    Fresh::generate(wanted.collect()).await
}

/// Sees to it that keys for ID tokens with `algorithm` exist.
pub(crate) async fn ensure(
    app: &App,
    change: &mut Change<'_>,
    algorithm: Algorithm,
    fresh: &mut Fresh,
) -> Result<(), ApiError> {
    let (listed, master) = master::list_keys(change.conn(), &app.parts().masters).await?;
    for algorithm in lifecycle::missing(&listed, target(&listed), &[algorithm]) {
        fill_slot(change, master, fresh, algorithm).await?;
    }
    Ok(())
}

/// Returns the algorithm that access tokens have from the next rotation on.
fn target(listed: &Listed) -> Algorithm {
    let next = listed.one(Slot::Access, State::Next);
    let key = next.or_else(|| listed.one(Slot::Access, State::Active));
    key.map_or(Algorithm::Es256, |key| key.algorithm)
}

/// Makes the first two keys of a slot. They need no lead: nobody has verified an ID token of this algorithm before.
pub(super) async fn fill_slot(
    change: &mut Change<'_>,
    master: &MasterKey,
    fresh: &mut Fresh,
    algorithm: Algorithm,
) -> Result<(), ApiError> {
    let (slot, active_from) = (Slot::IdToken(algorithm), change.now());
    let active = NewKey {
        slot,
        algorithm,
        state: State::Active,
        active_from,
    };
    fresh.insert(change, master, &active).await?;
    fresh
        .insert_next(change, master, (slot, algorithm), active_from)
        .await
}
