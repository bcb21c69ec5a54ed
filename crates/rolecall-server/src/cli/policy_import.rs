//! `policy import`: imports rules, users and assignments from Casbin or Keycloak.

use std::{fmt::Write as _, fs::File, path::Path, process::ExitCode};

use rolecall_core::document::{ParsedDocument, Positions};
use rolecall_import::{ImportError, ImportOptions, Imported, Note, Source, casbin, keycloak};
use serde_json::json;

use super::{
    context::Context,
    error::{CliError, describe},
    globals::GlobalFlags,
    output::{count_of, print_json, printable, write_out},
    plan_output::{EXIT_DIFFERENCES, MAX_SHOWN, change_lines, print_plan},
    policy_arguments::PolicyImportOptions,
};
use crate::{
    accounts::import_rules::ImportRules,
    files,
    policy::{
        handlers::PolicyPlan,
        import::{self, Given, Outcome, Wanted},
        plan,
        plan_effects::{Plan, Shown},
    },
    profile::{declared::ProfileFields, rules::Party},
    stderr,
    store::file,
};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024 * 1024;

pub(super) async fn run(
    globals: &GlobalFlags,
    wanted: &PolicyImportOptions,
) -> Result<ExitCode, CliError> {
    let imported = match read(wanted)? {
        Ok(imported) => imported,
        Err(error) => return print_refusal(globals, &error.reasons),
    };
    let context = Context::open(globals).await?;
    let options = Wanted {
        create_users: wanted.create_users,
        skip_existing: wanted.skip_existing,
        leave_out: wanted.leave_out,
        keep: wanted.apply,
    };
    let outcome = import::import(&context.app, context.caller(), &imported, options).await;
    let outcome = outcome.map_err(|refused| match refused.at {
        Some(at) => CliError::Refused(format!("{at}: {}", describe(&refused.error))),
        None => refused.error.into(),
    })?;
    if let Some(path) = &wanted.document {
        let text = outcome.document.to_toml();
        let written = file::write_whole(path, &text, File::options().write(true).create_new(true));
        written.map_err(CliError::io(path.display().to_string()))?;
    }
    let report = Report {
        imported: &imported,
        outcome: &outcome,
        wanted: options,
    };
    if context.json {
        report.print_json(&context).await?;
    } else {
        report.print_text(&context).await?;
    }
    Ok(report.status())
}

/// Reads the source files and maps them to a policy document.
fn read(wanted: &PolicyImportOptions) -> Result<Result<Imported, ImportError>, CliError> {
    let options = ImportOptions {
        prefix: wanted.prefix.clone(),
        roles: wanted.roles.iter().cloned().collect(),
        keep_ids: wanted.keep_ids,
    };
    // neither source has profile fields
    let rules = ImportRules {
        fields: &ProfileFields::default(),
        party: Party::Operator,
    };
    if let Some([model, policy]) = wanted.casbin.as_deref() {
        let names = [display_name(model), display_name(policy)];
        let [model_name, policy_name] = &names;
        let (model, policy) = (read_text(model)?, read_text(policy)?);
        let model = Source {
            name: model_name,
            text: &model,
        };
        let policy = Source {
            name: policy_name,
            text: &policy,
        };
        return Ok(casbin::convert(model, policy, &options, &rules));
    }
    let files = wanted.keycloak.as_deref();
    let files = files
        .ok_or_else(|| CliError::Refused("name a source: --casbin or --keycloak".to_owned()))?;
    let texts = files
        .iter()
        .map(|file| Ok((display_name(file), read_text(file)?)))
        .collect::<Result<Vec<(String, String)>, CliError>>()?;
    let sources = texts.iter().map(|(name, text)| Source { name, text });
    let sources: Vec<Source<'_>> = sources.collect();
    Ok(keycloak::convert_all(&sources, &options, &rules))
}

fn display_name(file: &Path) -> String {
    printable(&file.display().to_string())
}

fn read_text(file: &Path) -> Result<String, CliError> {
    let name = display_name(file);
    let read = files::read_bounded(file, MAX_FILE).map_err(CliError::io(name.clone()))?;
    let bytes =
        read.ok_or_else(|| CliError::Refused(format!("{name}: larger than {MAX_FILE} bytes")))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let lines = before
            .unwrap_or_default()
            .split(|byte| *byte == b'\n')
            .count();
        CliError::Refused(format!("{name}:{lines}: not valid UTF-8"))
    })
}

/// Prints why the source cannot be imported at all.
fn print_refusal(globals: &GlobalFlags, reasons: &[Note]) -> Result<ExitCode, CliError> {
    if globals.json {
        print_json(&json!({ "ok": false, "written": false, "refused": notes_json(reasons) }))?;
    } else {
        for note in reasons {
            let message = printable(&note.message);
            stderr::print_line(format_args!("{}: {message}", note.at));
        }
    }
    Ok(ExitCode::FAILURE)
}

fn notes_json(notes: &[Note]) -> Vec<serde_json::Value> {
    let notes = notes.iter();
    notes
        .map(|note| json!({ "at": note.at.to_string(), "message": note.message }))
        .collect()
}

struct Report<'r> {
    imported: &'r Imported,
    outcome: &'r Outcome,
    wanted: Wanted,
}

impl Report<'_> {
    fn unmapped(&self) -> Vec<Note> {
        let all = self.imported.unmapped.iter().chain(&self.outcome.unmapped);
        all.cloned().collect()
    }

    fn is_refused(&self) -> bool {
        self.wanted.keep && !self.outcome.is_written
    }

    fn has_effect(&self) -> bool {
        let outcome = self.outcome;
        !(outcome.changes.is_empty() && outcome.users.is_empty() && outcome.assignments.is_empty())
    }

    fn status(&self) -> ExitCode {
        if self.is_refused() {
            ExitCode::FAILURE
        } else if !self.wanted.keep && (self.has_effect() || !self.unmapped().is_empty()) {
            ExitCode::from(EXIT_DIFFERENCES)
        } else {
            ExitCode::SUCCESS
        }
    }

    /// Compares the resulting policy with the current one.
    async fn plan(&self, context: &Context) -> Result<Plan, CliError> {
        let parsed = ParsedDocument {
            document: self.outcome.document.clone(),
            positions: Positions::default(),
        };
        Ok(plan::plan_import(&context.app, context.caller(), &parsed, Shown::ALL).await?)
    }

    async fn print_json(&self, context: &Context) -> Result<(), CliError> {
        let assignments =
            self.outcome.assignments.iter().map(
                |given| json!({ "user": given.user, "role": given.role, "tenant": given.tenant, "confirmed": !given.is_asked_for }),
            );
        let mut report = json!({
            "ok": !self.is_refused(),
            "written": self.outcome.is_written,
            "changes": self.outcome.changes,
            "users": self.outcome.users,
            "skipped": self.outcome.skipped,
            "assignments": assignments.collect::<Vec<_>>(),
            "unmapped": notes_json(&self.unmapped()),
            "told": notes_json(&self.imported.notices),
        });
        if !self.outcome.is_written
            && let Some(members) = report.as_object_mut()
        {
            let plan = self.plan(context).await?;
            members.insert("plan".to_owned(), json!(PolicyPlan::of(plan, usize::MAX)));
        }
        print_json(&report)
    }

    async fn print_text(&self, context: &Context) -> Result<(), CliError> {
        if self.outcome.is_written {
            write_out(&change_lines(&self.outcome.changes))?;
        } else {
            print_plan(&self.plan(context).await?)?;
        }
        let mut text = String::new();
        let users = self
            .outcome
            .users
            .iter()
            .map(|user| format!("+ user {user}"));
        let given = self.outcome.assignments.iter().map(assignment_line);
        add_lines(&mut text, "", &users.chain(given).collect::<Vec<_>>());
        let note = |note: &Note| format!("{}: {}", note.at, printable(&note.message));
        let notices: Vec<String> = self.imported.notices.iter().map(note).collect();
        add_lines(&mut text, "notes:", &notices);
        let unmapped: Vec<String> = self.unmapped().iter().map(note).collect();
        add_lines(&mut text, "without a counterpart:", &unmapped);
        let end = match (self.outcome.is_written, self.is_refused()) {
            (true, _) if !self.has_effect() => "nothing to do",
            (true, _) => "written",
            (_, true) => "nothing was written; --leave-out leaves out what has no counterpart",
            _ => "nothing was written; --apply writes it",
        };
        if self.outcome.skipped > 0 {
            let skipped = count_of(self.outcome.skipped, "user");
            let _ = writeln!(text, "\n{skipped} skipped: they exist already");
        }
        let counts = [
            count_of(self.outcome.changes.len(), "change"),
            count_of(self.outcome.users.len(), "new user"),
            count_of(self.outcome.assignments.len(), "new assignment"),
        ];
        let _ = writeln!(
            text,
            "\n{}; {} without a counterpart; {end}",
            counts.join(", "),
            unmapped.len()
        );
        write_out(&text)
    }
}

fn assignment_line(given: &Given) -> String {
    let tenant = given.tenant.as_ref().map(|tenant| format!(" in {tenant}"));
    let (user, role, tenant) = (&given.user, &given.role, tenant.unwrap_or_default());
    if given.is_asked_for {
        format!("+ {user} has {role}{tenant}, once another person confirms it")
    } else {
        format!("+ {user} has {role}{tenant}")
    }
}

/// Appends a heading and the first lines of a list.
fn add_lines(text: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    text.push('\n');
    if !heading.is_empty() {
        let _ = writeln!(text, "{heading}");
    }
    for line in lines.iter().take(MAX_SHOWN) {
        let _ = writeln!(text, "{line}");
    }
    if let more @ 1.. = lines.len().saturating_sub(MAX_SHOWN) {
        let _ = writeln!(text, "and {more} more; use --json to see all");
    }
}
