//! Codes that somebody typed as their second factor.

use rolecall_core::Timestamp;

use super::{recovery_codes, store, totp::Secret};
use crate::{
    app::App,
    error::ApiError,
    keys::master,
    store::{Conn, StoreError},
};

/// A code that is right, and that was not used up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RightCode {
    /// The code of a time step, by the application with this id.
    Totp { factor: String, step: i64 },
    /// The hash of a recovery code.
    Recovery { hash: String },
}

/// Compares a code with those of all applications of a user, and with the recovery codes. `None` if it is wrong.
pub(crate) async fn check(
    app: &App,
    subject: &str,
    typed: &str,
) -> Result<Option<RightCode>, ApiError> {
    let mut conn = app.store().read().await?;
    if let Some(hash) = recovery_codes::hash(app, subject, typed) {
        let exists = store::has_code(&mut conn, subject, &hash).await?;
        return Ok(exists.then_some(RightCode::Recovery { hash }));
    }
    let applications = store::list_totp(&mut conn, subject).await?;
    drop(conn);
    let mut found = None;
    for one in applications {
        let step = open(app, &one)?.step_of(typed, app.now(), one.last_step);
        // the others are compared all the same
        found = found.or(step.map(|step| RightCode::Totp {
            factor: one.id,
            step,
        }));
    }
    Ok(found)
}

/// Opens the secret of an application.
pub(crate) fn open(app: &App, sealed: &store::SealedTotp) -> Result<Secret, ApiError> {
    let master = master::find(&app.parts().masters, &sealed.master)?;
    let opened = master::open_factor(master, &sealed.id, &sealed.secret);
    opened.map(Secret::from_bytes).map_err(ApiError::internal)
}

impl RightCode {
    /// Uses up the code; false if somebody else was faster, or it was no recovery code.
    pub(crate) async fn spend(
        &self,
        conn: &mut Conn,
        subject: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Totp { factor, step } => store::spend(conn, (factor, subject), *step, now).await,
            Self::Recovery { hash } => recovery_codes::spend(conn, subject, hash).await,
        }
    }
}
