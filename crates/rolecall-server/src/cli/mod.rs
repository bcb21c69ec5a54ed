//! The command line. It calls the same service functions as the API, on the configured database.

mod arguments;
mod assignments;
mod audit;
mod clients;
mod config;
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
mod prompt;
mod recovery;
mod roles;
mod serve;
mod sessions;
mod times;
mod users;

use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::{Arguments, AuditCommand, Command, ImportCommand};
use self::context::Context;

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
        Command::User { ref command } => users::run(&Context::open(&arguments).await?, command)
            .await
            .map(done),
        Command::Role { ref command } => roles::run(&Context::open(&arguments).await?, command)
            .await
            .map(done),
        Command::Policy { ref command } => policy::run(&arguments, command).await,
        Command::Assign(ref options) => {
            assignments::assign(&Context::open(&arguments).await?, options)
                .await
                .map(done)
        }
        Command::Unassign(ref options) => {
            assignments::unassign(&Context::open(&arguments).await?, options)
                .await
                .map(done)
        }
        Command::Explain(ref options) => explain::run(&Context::open(&arguments).await?, options)
            .await
            .map(done),
        Command::Client { ref command } => clients::run(&Context::open(&arguments).await?, command)
            .await
            .map(done),
        Command::Key { ref command } => keys::run(&Context::open(&arguments).await?, command)
            .await
            .map(done),
        Command::Session { ref command } => {
            sessions::run(&Context::open(&arguments).await?, command)
                .await
                .map(done)
        }
        Command::Import {
            command: ImportCommand::Users(ref options),
        } => import::users(&Context::open(&arguments).await?, options).await,
        Command::Backup { ref file } => {
            let context = Context::open(&arguments).await?;
            context.demand_machine()?;
            recovery::back_up(&context, file).await.map(done)
        }
        Command::Restore { ref file, force } => {
            recovery::restore(&arguments, file, force).await.map(done)
        }
        Command::Recover => recovery::recover(&Context::open(&arguments).await?)
            .await
            .map(done),
        Command::Health => health::run(&arguments).await.map(done),
        Command::Doctor { list: true } => doctor::list(&arguments).map(done),
        Command::Doctor { list: false } => doctor::run(&arguments).await,
        Command::Migrate { check } => recovery::migrate(&arguments, check).await,
        Command::Audit { ref command } => {
            let context = Context::open(&arguments).await?;
            context.demand("rolecall.audit:read").await?;
            match command {
                AuditCommand::List { limit } => audit::list(&context, *limit).await.map(done),
                AuditCommand::Verify => audit::verify(&context).await,
            }
        }
    }
}
