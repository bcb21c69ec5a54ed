//! The command line. Its commands call the same service functions as the HTTP API, on the configured database.

mod arguments;
mod assignments;
mod audit;
mod client_options;
mod clients;
mod config;
mod consents;
mod constraints;
mod context;
mod dev;
mod doctor;
mod error;
mod explain;
mod factors;
mod globals;
mod health;
mod import;
mod invitations;
mod keys;
mod mail;
mod output;
mod pages;
mod passwords;
mod permissions;
mod plan_output;
mod policy;
mod policy_arguments;
mod policy_import;
mod prompt;
mod recovery;
mod requests;
mod resources;
mod roles;
mod serve;
mod sessions;
mod starting;
mod templates;
mod threads;
mod times;
mod usage;
mod user_profiles;
mod user_resets;
mod user_shown;
mod users;

use std::{io, process::ExitCode, time::Duration};

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use self::{
    arguments::{Arguments, Command, print_completions},
    context::Context,
    error::CliError,
    import::ImportCommand,
    output::printable_lines,
};
use crate::{logging, stderr, store::integrity::Depth};

/// How long the end of the process waits for threads.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the command of this process's arguments and returns its exit status: 0 for success, 1 for an error, and 2
/// where a command documents it.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::refuse(&error),
    };
    let json = arguments.globals.json;
    let outcome = match start_runtime(&arguments.command) {
        Ok(runtime) => {
            let outcome = runtime.block_on(dispatch(arguments));
            logging::flush();
            // what still runs was given up before, and may wait for something that never answers
            runtime.shutdown_timeout(END_TIMEOUT);
            outcome
        }
        Err(reason) => Err(CliError::Refused(reason)),
    };
    match outcome {
        Ok(code) => code,
        // `rolecall user list | head` closes the pipe early
        Err(CliError::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) if json => {
            stderr::print_line(serde_json::json!({ "error": error.to_string() }));
            ExitCode::FAILURE
        }
        Err(error) => {
            let text = printable_lines(&error.to_string());
            stderr::print_line(format_args!("rolecall: {text}"));
            ExitCode::FAILURE
        }
    }
}

/// Makes the threads of a command. `health` needs none: it has to answer where the server has used all up, and a pool that
/// cannot start one would panic.
fn start_runtime(command: &Command) -> Result<Runtime, String> {
    let mut builder = if matches!(command, Command::Health) {
        Builder::new_current_thread()
    } else {
        threads::check_limit()?;
        Builder::new_multi_thread()
    };
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| format!("cannot start the runtime: {error}"))
}

async fn dispatch(arguments: Arguments) -> Result<ExitCode, CliError> {
    let Arguments { globals, command } = arguments;
    if globals.act_as.is_some() && !acts_for_a_user(&command) {
        return Err(CliError::installation());
    }
    let done = |(): ()| ExitCode::SUCCESS;
    match command {
        Command::Dev(options) => Box::pin(dev::run(&globals, &options)).await.map(done),
        Command::Serve(options) => Box::pin(serve::run(&globals, &options)).await.map(done),
        Command::Completions { shell } => print_completions(shell).map(done),
        Command::Config { command } => config::run(&globals, &command).map(done),
        Command::Templates { command } => templates::run(&globals, &command),
        Command::Passwords { command } => passwords::run(&globals, &command),
        Command::Policy { command } => Box::pin(policy::run(&globals, &command)).await,
        Command::Restore { file, force } => {
            recovery::restore(&globals, &file, force).await.map(done)
        }
        Command::Health => health::run(&globals).await.map(done),
        Command::Doctor { list: true, .. } => doctor::list(&globals).map(done),
        Command::Doctor { full, .. } => Box::pin(doctor::run(&globals, Depth::of(full))).await,
        Command::Migrate { check } => Box::pin(recovery::migrate(&globals, check)).await,
        command => {
            // nobody else may decide that the schema is updated
            if matches!(command, Command::Recover) && globals.act_as.is_none() {
                Box::pin(recovery::update_schema(&globals)).await?;
            }
            let context = Context::open(&globals).await?;
            match run_on_database(&context, &command).await {
                Err(error) => Err(context.suggest(error).await),
                done => done,
            }
        }
    }
}

/// Returns false for commands that concern the whole installation, to which no user can be limited.
fn acts_for_a_user(command: &Command) -> bool {
    !matches!(
        command,
        Command::Dev(_)
            | Command::Serve(_)
            | Command::Completions { .. }
            | Command::Config { .. }
            | Command::Templates { .. }
            | Command::Passwords { .. }
            | Command::Backup { .. }
            | Command::Restore { .. }
            | Command::Health
            | Command::Doctor { .. }
            | Command::Migrate { .. }
            | Command::Mail { .. }
    )
}

/// Runs a command that needs the database open.
async fn run_on_database(context: &Context, command: &Command) -> Result<ExitCode, CliError> {
    match command {
        Command::User { command } => users::run(context, command).await?,
        Command::Invitation { command } => invitations::run(context, command).await?,
        Command::Role { command } => roles::run(context, command).await?,
        Command::Permission { command } => permissions::run(context, command).await?,
        Command::Constraint { command } => constraints::run(context, command).await?,
        Command::Assign(options) => assignments::assign(context, options).await?,
        Command::Unassign(options) => assignments::unassign(context, options).await?,
        Command::Request { command } => requests::run(context, command).await?,
        Command::Explain(options) => explain::run(context, options).await?,
        Command::Client { command } => clients::run(context, command).await?,
        Command::Resource { command } => resources::run(context, command).await?,
        Command::Consent { command } => consents::run(context, command).await?,
        Command::Key { command } => keys::run(context, command).await?,
        Command::Session { command } => sessions::run(context, command).await?,
        Command::Mail { command } => mail::run(context, command).await?,
        Command::Import {
            command: ImportCommand::Users(options),
        } => return import::users(context, options).await,
        Command::Backup { file, full } => {
            recovery::back_up(context, file, Depth::of(*full)).await?;
        }
        Command::Recover => recovery::recover(context).await?,
        Command::Audit { command } => return audit::run(context, command).await,
        // `dispatch` runs these itself
        Command::Dev(_)
        | Command::Serve(_)
        | Command::Completions { .. }
        | Command::Config { .. }
        | Command::Templates { .. }
        | Command::Passwords { .. }
        | Command::Policy { .. }
        | Command::Restore { .. }
        | Command::Health
        | Command::Doctor { .. }
        | Command::Migrate { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::RuntimeFlavor;

    use super::*;

    #[test]
    fn y303_a_health_check_starts_no_threads() {
        let flavor = |command: &Command| {
            let runtime = start_runtime(command).unwrap();
            runtime.handle().runtime_flavor()
        };
        assert_eq!(flavor(&Command::Health), RuntimeFlavor::CurrentThread);
        let migrate = Command::Migrate { check: true };
        assert_eq!(flavor(&migrate), RuntimeFlavor::MultiThread);
    }
}
