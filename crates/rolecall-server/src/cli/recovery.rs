use std::{path::Path, process::ExitCode};

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    CliError,
    arguments::Arguments,
    context::{Context, load, options, system_user},
    output::{print_json, write_out},
};
use crate::{
    authority::caller::Caller,
    recovery::service::{self, RecoveryError},
    store::migrate,
};

impl From<RecoveryError> for CliError {
    fn from(error: RecoveryError) -> Self {
        Self::Refused(error.to_string())
    }
}

pub(super) async fn back_up(context: &Context, to: &Path) -> Result<(), CliError> {
    service::back_up(&context.app, to).await?;
    if context.json {
        return print_json(&json!({ "backup": to }));
    }
    write_out(&format!(
        "the database is copied to {}; keep the master key too, in another place: without it the copy is of no use\n",
        to.display()
    ))
}

pub(super) async fn restore(
    arguments: &Arguments,
    from: &Path,
    force: bool,
) -> Result<(), CliError> {
    let config = load(arguments, &[])?;
    let system_user = system_user();
    let caller = Caller::CommandLine {
        system_user: &system_user,
    };
    let ended = service::restore(options(&config, None), from, force, caller).await?;
    say(
        arguments.json,
        ended,
        "the backup is in place and recovered: every token made before is refused",
    )
}

pub(super) async fn recover(context: &Context) -> Result<(), CliError> {
    let ended = service::recover(&context.app, context.caller()).await?;
    say(
        context.json,
        ended,
        "recovered: every token made before is refused",
    )
}

fn say(json: bool, ended: u64, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "sessions_ended": ended }))
    } else {
        write_out(&format!("{text}; {ended} sessions have ended\n"))
    }
}

/// Status 0 if there is nothing to do, 2 if there is.
pub(super) async fn migrate(arguments: &Arguments, check: bool) -> Result<ExitCode, CliError> {
    let config = load(arguments, &[])?;
    let before = migrate::read_version(config.database.url.expose_secret())
        .await
        .map_err(crate::StartError::from)?;
    if check {
        let text = match before.found.cmp(&before.known) {
            std::cmp::Ordering::Equal => "the schema is up to date".to_owned(),
            std::cmp::Ordering::Less => format!(
                "the schema is at version {} of {}: `rolecall migrate` or the next start brings it up to date",
                before.found, before.known
            ),
            std::cmp::Ordering::Greater => {
                return Err(crate::StartError::from(crate::OpenError::Newer {
                    found: before.found,
                    known: before.known,
                })
                .into());
            }
        };
        tell(arguments.json, before.found, before.known, &text)?;
        let current = before.found == before.known;
        return Ok(if current {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        });
    }
    Context::open(arguments).await?;
    let text = format!("the schema is at version {}", before.known);
    tell(arguments.json, before.known, before.known, &text)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(json: bool, found: i64, known: i64, text: &str) -> Result<(), CliError> {
    if json {
        print_json(&json!({ "schema": found, "known": known }))
    } else {
        write_out(&format!("{text}\n"))
    }
}
