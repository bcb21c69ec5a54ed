//! The command line. It calls the same service functions as the API, on the configured database.

mod arguments;
mod assignments;
mod audit;
mod clients;
mod config;
mod constraints;
mod context;
mod dev;
mod doctor;
mod explain;
mod health;
mod import;
mod keys;
mod output;
mod pages;
mod policy;
mod policy_arguments;
mod policy_import;
mod prompt;
mod recovery;
mod requests;
mod roles;
mod serve;
mod sessions;
mod times;
mod users;

use self::{
    arguments::{Arguments, AuditCommand, Command, ImportCommand},
    context::Context,
};
use std::process::ExitCode;

use clap::Parser as _;

/// Why a command ends with status 1: a sentence for whoever typed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Start(#[from] crate::StartError),
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
    #[error("{0}")]
    Refused(String),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

impl From<crate::error::ApiError> for CliError {
    fn from(error: crate::error::ApiError) -> Self {
        Self::Refused(output::explain(&error))
    }
}

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Refused(crate::error::chain_of(&error))
    }
}

impl CliError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// What a configuration means for commands that serve nothing.
pub(crate) fn options(config: &crate::config::Config) -> crate::start::Options {
    context::options(config, None)
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rolecall: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(arguments)) {
        Ok(code) => code,
        // a reader that has seen enough closes the pipe: that is no error
        Err(CliError::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rolecall: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<ExitCode, CliError> {
    let done = |(): ()| ExitCode::SUCCESS;
    match arguments.command {
        Command::Dev(ref options) => dev::run(&arguments, options).await.map(done),
        Command::Serve(ref options) => serve::run(&arguments, options).await.map(done),
        Command::Completions { shell } => arguments::completions(shell).map(done),
        Command::Config { ref command } => config::run(&arguments, command).map(done),
        Command::Policy { ref command } => policy::run(&arguments, command).await,
        Command::Restore { ref file, force } => {
            recovery::restore(&arguments, file, force).await.map(done)
        }
        Command::Health => health::run(&arguments).await.map(done),
        Command::Doctor { list: true } => doctor::list(&arguments).map(done),
        Command::Doctor { list: false } => doctor::run(&arguments).await,
        Command::Migrate { check } => recovery::migrate(&arguments, check).await,
        ref command => on_database(&Context::open(&arguments).await?, command).await,
    }
}

/// Commands on the database as it is.
async fn on_database(context: &Context, command: &Command) -> Result<ExitCode, CliError> {
    match command {
        Command::User { command } => users::run(context, command).await?,
        Command::Role { command } => roles::run(context, command).await?,
        Command::Constraint { command } => constraints::run(context, command).await?,
        Command::Assign(options) => assignments::assign(context, options).await?,
        Command::Unassign(options) => assignments::unassign(context, options).await?,
        Command::Request { command } => requests::run(context, command).await?,
        Command::Explain(options) => explain::run(context, options).await?,
        Command::Client { command } => clients::run(context, command).await?,
        Command::Key { command } => keys::run(context, command).await?,
        Command::Session { command } => sessions::run(context, command).await?,
        Command::Import {
            command: ImportCommand::Users(options),
        } => return import::users(context, options).await,
        Command::Backup { file } => {
            context.demand_machine()?;
            recovery::back_up(context, file).await?;
        }
        Command::Recover => recovery::recover(context).await?,
        Command::Audit { command } => match command {
            AuditCommand::List { limit } => audit::list(context, *limit).await?,
            AuditCommand::Verify => return audit::verify(context).await,
        },
        // `dispatch` runs these without a database of their own
        Command::Dev(_)
        | Command::Serve(_)
        | Command::Completions { .. }
        | Command::Config { .. }
        | Command::Policy { .. }
        | Command::Restore { .. }
        | Command::Health
        | Command::Doctor { .. }
        | Command::Migrate { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
