//! `import users`: imports users with their password hashes.

use std::{
    io::{IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_json, printable, write_out},
};
use crate::accounts::import::{
    Columns, Format, Options, Report,
    service::{Step, import_users},
};

#[derive(Subcommand)]
pub(super) enum ImportCommand {
    /// Import users with their password hashes: the whole file or nothing; status 1 if it has errors.
    Users(ImportUsersOptions),
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(super) struct ImportUsersOptions {
    /// A CSV file with a header, or JSON lines, with `username`, `hashed_password`, `role` (in CSV separated by `;`)
    /// and, optionally, `email`, `email_verified`, `disabled` and `profile.NAME`, in any order; `-` for standard input.
    file: PathBuf,
    /// The format of the file; by default its extension says.
    #[arg(long)]
    format: Option<ImportFormat>,
    /// Only check the file; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ignore unknown columns.
    #[arg(long)]
    ignore_columns: bool,
    /// The name of a column in the file, such as `username=login`; can be repeated.
    #[arg(long = "column", value_name = "NAME=COLUMN", value_parser = renamed_column)]
    columns: Vec<(String, String)>,
    /// Skip users whose name already exists, and leave them as they are.
    #[arg(long)]
    skip_existing: bool,
    /// Keep the ids in the column `id` (or `sub`): they become the `sub` of the users' tokens.
    #[arg(long)]
    keep_ids: bool,
    /// Create the roles that do not exist.
    #[arg(long)]
    add_roles: bool,
    /// Import users without a password hash too; they need a password reset before they can log in.
    #[arg(long)]
    without_password: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum ImportFormat {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One JSON object per line.
    Jsonl,
}

/// Parses the name of a column: the one of this command, and the one in the file.
fn renamed_column(text: &str) -> Result<(String, String), String> {
    const NAMES: [&str; 7] = [
        "id",
        "username",
        "hashed_password",
        "roles",
        "email",
        "email_verified",
        "disabled",
    ];
    match text.split_once('=') {
        Some((ours, theirs))
            if (NAMES.contains(&ours) || ours.starts_with("profile."))
                && !theirs.trim().is_empty() =>
        {
            Ok((ours.to_owned(), theirs.trim().to_owned()))
        }
        _ => Err(format!(
            "write one of {} or profile.NAME, and `=COLUMN`",
            NAMES.join(", ")
        )),
    }
}

/// How many problems are printed; `--json` prints all.
const MAX_SHOWN: usize = 100;

pub(super) async fn users(
    context: &Context,
    wanted: &ImportUsersOptions,
) -> Result<ExitCode, CliError> {
    let format = format_of(wanted)?;
    let text = read(&wanted.file)?;
    let options = Options {
        format,
        columns: Columns {
            ignore_unknown: wanted.ignore_columns,
            keep_ids: wanted.keep_ids,
            renamed: wanted.columns.clone(),
        },
        skip_existing: wanted.skip_existing,
        add_roles: wanted.add_roles,
        without_password: wanted.without_password,
        dry_run: wanted.dry_run,
    };
    let bar = progress_bar();
    let watch = |step| match step {
        // each user is checked, compared and written
        Step::Begin(users) => bar.set_length(if options.dry_run { 2 } else { 3 } * users as u64),
        Step::Checked => bar.inc(1),
        Step::Compared(users) | Step::Written(users) => bar.inc(users as u64),
    };
    let outcome = import_users(&context.app, context.caller(), &text, &options, &watch).await;
    bar.finish_and_clear();
    let report = outcome?;
    if context.json {
        print_json(&as_json(&report, options.dry_run))?;
    } else {
        write_out(&as_text(&report, options.dry_run))?;
    }
    Ok(if report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn format_of(wanted: &ImportUsersOptions) -> Result<Format, CliError> {
    let extension = wanted.file.extension().and_then(|name| name.to_str());
    let by_name = extension.and_then(|name| match name.to_ascii_lowercase().as_str() {
        "csv" => Some(ImportFormat::Csv),
        "jsonl" | "ndjson" => Some(ImportFormat::Jsonl),
        _ => None,
    });
    match wanted.format.or(by_name) {
        Some(ImportFormat::Csv) => Ok(Format::Csv),
        Some(ImportFormat::Jsonl) => Ok(Format::JsonLines),
        None => Err(CliError::Refused(
            "the format of the file is unknown: add --format csv or --format jsonl".to_owned(),
        )),
    }
}

/// Reads the file, or standard input for `-`.
fn read(file: &Path) -> Result<String, CliError> {
    let shown = file.display().to_string();
    let bytes = if shown == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(CliError::io("standard input"))?;
        bytes
    } else {
        crate::files::read(file).map_err(CliError::io(shown))?
    };
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let line = before
            .unwrap_or_default()
            .split(|byte| *byte == b'\n')
            .count();
        CliError::Refused(format!("line {line} is not valid UTF-8"))
    })
}

/// Returns a progress bar, which is drawn only on a terminal.
fn progress_bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    match ProgressStyle::with_template("{wide_bar} {percent}% {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn as_json(report: &Report, is_dry_run: bool) -> serde_json::Value {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| json!({ "line": problem.line, "message": problem.message }))
        .collect();
    json!({
        "ok": problems.is_empty(),
        "written": problems.is_empty() && !is_dry_run,
        "users": report.users,
        "skipped": report.skipped,
        "assignments": report.assignments,
        "new_roles": report.new_roles,
        "sha256": report.digest,
        "problems": problems,
    })
}

fn as_text(report: &Report, is_dry_run: bool) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for problem in report.problems.iter().take(MAX_SHOWN) {
        let _ = writeln!(
            text,
            "line {}: {}",
            problem.line,
            printable(&problem.message)
        );
    }
    let found = report.problems.len();
    if found > MAX_SHOWN {
        let _ = writeln!(
            text,
            "and {} more; use --json to see all",
            found - MAX_SHOWN
        );
    }
    let roles: Vec<&str> = report.new_roles.iter().map(AsRef::as_ref).collect();
    let (users, assignments) = (report.users, report.assignments);
    let _ = match (found, is_dry_run) {
        (0, false) => writeln!(text, "{users} users imported, {assignments} roles assigned"),
        (0, true) => writeln!(
            text,
            "{users} users could be imported, {assignments} roles assigned; nothing was written"
        ),
        (1, _) => writeln!(text, "1 problem in {users} users; nothing was written"),
        _ => writeln!(
            text,
            "{found} problems in {users} users; nothing was written"
        ),
    };
    if report.skipped > 0 {
        let _ = writeln!(text, "{} users skipped: they exist already", report.skipped);
    }
    if !roles.is_empty() {
        let _ = writeln!(text, "new roles: {}", roles.join(", "));
    }
    text
}
