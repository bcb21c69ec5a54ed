//! The limit on what is wrong in one sign-in, beside those of the account and the address.

use super::{
    step::FlowError,
    store::{self as flows, Flow},
};
use crate::{
    app::App,
    store::{Conn, StoreError, gate},
};

/// The wrong passwords, codes and passkeys after which a sign-in ends.
const MOST: i64 = 10;

/// Counts a wrong password, code or passkey in a flow, which ends with the last. Whoever guesses begins again, and the
/// failures of the account remain.
///
/// # Errors
///
/// [`FlowError::Ended`] if the flow has ended.
pub(crate) async fn count(app: &App, flow: &Flow) -> Result<(), FlowError> {
    let now = app.now();
    let goes_on = app
        .store()
        .write(async |conn: &mut Conn| {
            if let Some(subject) = &flow.subject_id {
                gate::hold(conn, subject).await?;
            }
            match flows::count_wrong(conn, &flow.id, now).await? {
                Some(count) if count < MOST => Ok::<_, StoreError>(true),
                Some(_) => {
                    flows::end(conn, &flow.id).await?;
                    Ok(false)
                }
                None => Ok(false),
            }
        })
        .await?;
    if goes_on {
        Ok(())
    } else {
        Err(FlowError::Ended)
    }
}
