//! Devices on which a sign-in asks for no second factor for a while.

use super::{proof::Proof, proven::Proven, store::Flow};
use crate::{
    app::App,
    error::ApiError,
    factors::remembered,
    store::{Conn, StoreError},
};

/// Adds the remembered device with this cookie to what the user of a flow has proven, if it is one of this user.
pub(super) async fn recognize(
    app: &App,
    flow: &mut Flow,
    cookie: Option<&str>,
    subject: &str,
) -> Result<(), StoreError> {
    if let Some(device) = remembered::find(app, cookie, subject).await? {
        let at_micros = app.now().micros();
        flow.proofs.add(Proof::Remembered { device, at_micros });
    }
    Ok(())
}

/// Returns true if a flow is to remember the device: where the user wants it, and the operator allows it.
pub(super) fn is_wanted(app: &App, wanted: bool) -> bool {
    wanted && app.settings().factors.remember.is_some()
}

/// Remembers the device of a sign-in that concludes, if its user wants it and has proven a second factor in it. Returns the
/// secret for its cookie. A device that stood for a factor is used by that.
pub(super) async fn keep(
    app: &App,
    conn: &mut Conn,
    flow: Option<&Flow>,
    proven: &Proven,
    address: &str,
) -> Result<Option<String>, ApiError> {
    for proof in proven.proofs() {
        if let Proof::Remembered { device, .. } = proof {
            remembered::touch(app, conn, device).await?;
        }
    }
    // a recovery code stands for a factor that is lost
    let is_factor = |proof: &Proof| matches!(proof, Proof::Totp { .. } | Proof::Passkey { .. });
    let is_wanted = flow.is_some_and(|flow| flow.remembers);
    if !is_wanted || !proven.proofs().iter().any(is_factor) {
        return Ok(None);
    }
    remembered::make(app, conn, proven.subject(), address).await
}
