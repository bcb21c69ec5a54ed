//! `backup`, `restore`, `recover` and `migrate`.

use std::{path::Path, process::ExitCode};

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    context::{Context, load, system_user},
    error::CliError,
    globals::GlobalFlags,
    output::{print_json, write_out},
    plan_output::EXIT_DIFFERENCES,
};
use crate::{
    authority::caller::Caller,
    configured,
    recovery::{backup, error::RecoveryError, restore, service},
    start::{self, Options, StartError},
    stderr,
    store::{Opening, integrity::Depth, migrate},
};

impl From<RecoveryError> for CliError {
    fn from(error: RecoveryError) -> Self {
        Self::Refused(error.to_string())
    }
}

pub(super) async fn back_up(context: &Context, to: &Path, depth: Depth) -> Result<(), CliError> {
    backup::back_up(&context.app, to, depth).await?;
    if context.json {
        return print_json(&json!({ "backup": to }));
    }
    write_out(&format!(
        "backup written to {} and checked, with its checksum beside it; keep the master key too, in another place: a backup cannot be used without it\n",
        to.display()
    ))
}

pub(super) async fn restore(
    globals: &GlobalFlags,
    from: &Path,
    force: bool,
) -> Result<(), CliError> {
    let config = load(globals, &[])?;
    let system_user = system_user();
    let caller = Caller::CommandLine {
        system_user: &system_user,
    };
    let options = configured::options(&config, None);
    let restored = restore::restore(options, from, force, caller).await?;
    if globals.json {
        return print_json(&json!({
            "sessions_ended": restored.sessions,
            "checksum": restored.has_checksum,
            "damaged_database": restored.set_aside,
        }));
    }
    let text = "backup restored; all tokens issued so far are refused";
    print_ended(false, restored.sessions, text)?;
    if !restored.has_checksum {
        write_out(&format!(
            "no {}.sha256 lies beside the backup: its structure is sound, but changed values would not be noticed\n",
            from.display()
        ))?;
    }
    if let Some(path) = restored.set_aside {
        write_out(&format!(
            "the replaced database is damaged; it is now {}\n",
            path.display()
        ))?;
    }
    Ok(())
}

/// Updates the schema of a dump from before an upgrade, as `restore` does: a start would update it too, and let the tokens
/// of the time before in. It creates no tables where there are none.
pub(super) async fn update_schema(globals: &GlobalFlags) -> Result<(), CliError> {
    let config = load(globals, &[])?;
    let (url, schema) = (&config.database.url, config.database.schema.as_ref());
    let state = migrate::inspect(url.expose_secret(), schema)
        .await
        .map_err(StartError::from)?;
    if state.found == 0 || state.found >= state.known {
        return Ok(());
    }
    let options = Options {
        opening: Opening::Create,
        ..configured::options(&config, None)
    };
    start::open(options).await?.app.store().close().await;
    // programs that read the output see no difference
    stderr::print_line(format_args!(
        "the schema is updated from version {} to {}",
        state.found, state.known
    ));
    Ok(())
}

pub(super) async fn recover(context: &Context) -> Result<(), CliError> {
    let ended = service::recover(&context.app, context.caller()).await?;
    print_ended(
        context.json,
        ended,
        "recovered; all tokens issued so far are refused",
    )
}

fn print_ended(json: bool, ended: u64, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "sessions_ended": ended }))
    } else {
        write_out(&format!("{text}; {ended} sessions ended\n"))
    }
}

/// Updates the schema, or with `check` only compares it: status 2 if an update is needed.
pub(super) async fn migrate(globals: &GlobalFlags, check: bool) -> Result<ExitCode, CliError> {
    let config = load(globals, &[])?;
    let (url, schema) = (&config.database.url, config.database.schema.as_ref());
    let before = migrate::inspect(url.expose_secret(), schema)
        .await
        .map_err(StartError::from)?;
    if check {
        let current = before.found == before.known;
        let text = if current {
            "the schema is up to date".to_owned()
        } else {
            format!(
                "the schema is at version {} of {}: `rolecall migrate` or the next start updates it",
                before.found, before.known
            )
        };
        print_schema(globals.json, before.found, before.known, &text)?;
        return Ok(if current {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(EXIT_DIFFERENCES)
        });
    }
    let options = Options {
        opening: Opening::Create,
        ..configured::options(&config, None)
    };
    start::open(options).await?.app.store().close().await;
    let text = format!("the schema is at version {}", before.known);
    print_schema(globals.json, before.known, before.known, &text)?;
    Ok(ExitCode::SUCCESS)
}

fn print_schema(json: bool, found: i64, known: i64, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "schema": found, "known": known }))
    } else {
        write_out(&format!("{text}\n"))
    }
}
