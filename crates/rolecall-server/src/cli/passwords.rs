//! `passwords`: builds the list of breached passwords, and says whether a password could be chosen.

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Subcommand, ValueEnum};
use rolecall_passwords::{
    ListFormat, Password, PasswordPolicy, PasswordProblem, ReadOptions, Summary,
};
use serde_json::json;

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::{print_json, write_out},
    plan_output::EXIT_DIFFERENCES,
    prompt::{self, from_standard_input},
};
use crate::{breached, config::Config};

#[derive(Subcommand)]
pub(super) enum PasswordsCommand {
    /// Build a list of breached passwords from a published one, such as that of Have I Been Pwned.
    Build(BuildOptions),
    /// Check whether a password could be chosen; status 2 if it would be refused.
    Check {
        /// The user name, which a password may not be made from.
        #[arg(long, value_name = "NAME", default_value = "")]
        user: String,
    },
}

#[derive(clap::Args)]
pub(super) struct BuildOptions {
    /// The published list: lines of a SHA-1 hash, which `:` and a count may follow, or of a password.
    list: PathBuf,
    /// The file to write, for `passwords.breached`.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The format of the published list; by default the first line decides.
    #[arg(long)]
    format: Option<Format>,
    /// Leave out hashes that were found fewer times.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    min_count: u64,
    /// Replace the file if it exists; a server that uses it takes the new one.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// SHA-1 hashes.
    Sha1,
    /// Passwords as they are.
    Plain,
}

pub(super) fn run(globals: &GlobalFlags, command: &PasswordsCommand) -> Result<ExitCode, CliError> {
    match command {
        PasswordsCommand::Build(options) => build(globals, options).map(|()| ExitCode::SUCCESS),
        PasswordsCommand::Check { user } => check(globals, user),
    }
}

fn build(globals: &GlobalFlags, options: &BuildOptions) -> Result<(), CliError> {
    let read = ReadOptions {
        format: options.format.map(|format| match format {
            Format::Sha1 => ListFormat::Sha1,
            Format::Plain => ListFormat::Plain,
        }),
        min_count: options.min_count,
    };
    let progress = |lines: u64| {
        let mut out = std::io::stderr();
        if out.is_terminal() {
            // progress that cannot be shown is no reason to stop
            let _ = write!(out, "\r{} million lines", lines / 1_000_000);
        }
    };
    let (from, to) = (&options.list, &options.output);
    let built = breached::build(from, to, read, options.force, progress);
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let built = built.map_err(|error| CliError::Refused(error.to_string()))?;
    print_built(globals.json, options, built)
}

fn print_built(json: bool, options: &BuildOptions, built: Summary) -> Result<(), CliError> {
    let Summary {
        lines,
        skipped,
        passwords,
    } = built;
    if json {
        return print_json(
            &json!({ "file": options.output, "passwords": passwords, "lines": lines, "skipped": skipped }),
        );
    }
    write_out(&format!(
        "wrote {passwords} passwords of {lines} lines ({skipped} left out); set\n{} = {:?}\n",
        breached::KEY,
        options.output.display().to_string(),
    ))
}

/// Checks a password against all rules. It is not stored, and no user needs to exist.
fn check(globals: &GlobalFlags, user: &str) -> Result<ExitCode, CliError> {
    let config = load(globals, &[])?;
    let text = if std::io::stdin().is_terminal() {
        prompt::ask("Password: ")?
    } else {
        from_standard_input()?
    };
    let problem = find_problem(&config, text.as_str(), user)?;
    if globals.json {
        let (code, text) = (
            problem.map(|it| it.code()),
            problem.map(|it| it.to_string()),
        );
        print_json(&json!({ "ok": problem.is_none(), "type": code, "message": text }))?;
    } else {
        match problem {
            None => write_out("the password can be chosen\n")?,
            Some(problem) => write_out(&format!("refused ({}): {problem}\n", problem.code()))?,
        }
    }
    Ok(if problem.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENCES)
    })
}

fn find_problem(
    config: &Config,
    text: &str,
    user: &str,
) -> Result<Option<PasswordProblem>, CliError> {
    let policy = PasswordPolicy {
        min_length: config.passwords.min_length,
        scheme: config.passwords.scheme,
    };
    let list = config.passwords.breached.as_deref().map(breached::open);
    let list = list.transpose()?;
    let password = match Password::new(text.to_owned()) {
        Ok(password) => password,
        Err(problem) => return Ok(Some(problem)),
    };
    if let Err(problem) = policy.check(&password, user) {
        return Ok(Some(problem));
    }
    let Some(list) = list else { return Ok(None) };
    let is_breached = list.contains(&password).map_err(|error| {
        let path = list.path().display();
        CliError::Refused(format!("{path}: {error}"))
    })?;
    Ok(is_breached.then_some(PasswordProblem::Breached))
}
