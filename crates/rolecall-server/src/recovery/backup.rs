//! Backups: complete, checked when they are made, and with a checksum by which later damage is noticed.

use std::{fs, path::Path};

use super::{
    checksum,
    error::{RecoveryError, failed},
};
use crate::{
    app::App,
    error::chain_of,
    store::{
        file,
        integrity::{self, Depth},
    },
};

/// Copies a SQLite database while it is in use, if it is sound. The copy does not contain the master key.
pub(crate) async fn back_up(app: &App, to: &Path, depth: Depth) -> Result<(), RecoveryError> {
    if file::exists(to)? {
        return Err(RecoveryError::Exists(to.to_owned()));
    }
    // a copy of a damaged database would look sound, since copying builds its pages anew
    if let Some(source) = app.store().sqlite_file() {
        integrity::check(source, depth).await?;
    }
    let partial = file::beside(to, ".partial");
    let claimed = file::claim(&partial).map_err(failed(&partial))?;
    let Some(_claimed) = claimed else {
        return Err(RecoveryError::Busy(to.to_owned()));
    };
    // another one may have been made while the database was checked
    let outcome = if file::exists(to)? {
        Err(RecoveryError::Exists(to.to_owned()))
    } else {
        copy(app, &partial, to).await
    };
    if outcome.is_err() {
        // an incomplete backup is worse than none
        let _ = fs::remove_file(&partial);
    }
    outcome
}

async fn copy(app: &App, partial: &Path, to: &Path) -> Result<(), RecoveryError> {
    let copied = app.store().copy_to(&partial.to_string_lossy()).await;
    let copied = copied.map_err(|error| RecoveryError::Copy {
        path: to.to_owned(),
        reason: chain_of(&error),
    })?;
    if !copied {
        return Err(RecoveryError::Postgres);
    }
    integrity::check_and_fold(partial, Depth::Full).await?;
    let sum = checksum::compute(partial).map_err(failed(partial))?;
    // first, so that no backup is ever without it
    checksum::write(to, &sum).map_err(failed(&checksum::path_of(to)))?;
    match file::publish(partial, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(RecoveryError::Exists(to.to_owned()))
        }
        outcome => outcome.map_err(failed(to)),
    }
}
