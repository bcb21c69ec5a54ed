use super::{
    CliError,
    arguments::Arguments,
    context::Context,
    output::{print_json, print_table, printable, write_out},
    policy_arguments::PolicyCommand,
};
use crate::{
    error::ApiError,
    policy::{
        apply::{self, IfMatch},
        handlers::{PolicyPlan, counts, tag},
        plan::{self, Plan},
        service,
    },
    web::body::parse_json,
};
use std::{collections::BTreeSet, fmt::Write as _, io::Read as _, path::Path, process::ExitCode};

use rolecall_core::document::{
    self, Document, DocumentErrors, ParsedDocument, PolicyChange, Positions, RoleEffect, Step,
    TestSubject, UncheckedDocument, UserAssignments,
};
use serde_json::json;

/// The status for "there is something", where 1 is for errors.
pub(super) const EXIT_DIFFERENCES: u8 = 2;
/// How many roles and people are shown; programs get all.
pub(super) const SHOWN: usize = 100;

/// A document, and what it is called in messages.
struct Source {
    name: String,
    parsed: ParsedDocument,
}

/// Why a command ends: for its own reasons, or because of the document.
enum Fault {
    Cli(CliError),
    Document(String, DocumentErrors),
}

impl<E: Into<CliError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Cli(error.into())
    }
}

impl Source {
    /// Faults that the service finds are told like those that the reader finds.
    fn refused(&self, error: ApiError) -> Fault {
        match error {
            ApiError::Document(errors) => Fault::Document(self.name.clone(), errors),
            other => other.into(),
        }
    }

    fn place(&self, path: &[Step]) -> String {
        place(&self.name, &self.parsed.positions, path)
    }
}

fn place(name: &str, positions: &Positions, path: &[Step]) -> String {
    match positions.get(path) {
        Some(at) => format!("{name}:{}:{}", at.line, at.column),
        None => name.to_owned(),
    }
}

pub(super) async fn run(
    arguments: &Arguments,
    command: &PolicyCommand,
) -> Result<ExitCode, CliError> {
    let done = match command {
        PolicyCommand::Export => export(arguments).await,
        PolicyCommand::Plan { file } => plan(arguments, file).await,
        PolicyCommand::Apply { file, if_match } => {
            apply(arguments, file, if_match.as_deref()).await
        }
        PolicyCommand::Test { file, live } => test(arguments, file, *live).await,
        PolicyCommand::Lint { file } => lint(arguments, file.as_deref()).await,
        PolicyCommand::Import(options) => {
            return super::policy_import::run(arguments, options).await;
        }
        PolicyCommand::Rust { file } => {
            generate(arguments, file.as_deref(), document::generate_rust).await
        }
        PolicyCommand::Typescript { file } => {
            generate(arguments, file.as_deref(), document::generate_typescript).await
        }
    };
    match done {
        Ok(code) => Ok(code),
        Err(Fault::Cli(error)) => Err(error),
        Err(Fault::Document(name, errors)) => {
            for error in &errors.0 {
                let message = printable(&error.message);
                match error.position {
                    Some(at) => eprintln!("{name}:{}:{}: {message}", at.line, at.column),
                    None => eprintln!("{name}: {}", printable(&error.to_string())),
                }
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reads a document; TOML never begins with a brace, so that JSON is known by it.
fn read(file: &Path) -> Result<Source, Fault> {
    let name = if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(CliError::io(name.clone()))?;
    let parsed = if text.trim_start().starts_with('{') {
        let unchecked: UncheckedDocument = parse_json(text.as_bytes())?;
        Document::check(&unchecked)
    } else {
        Document::parse(&text)
    };
    match parsed {
        Ok(parsed) => Ok(Source { name, parsed }),
        Err(errors) => Err(Fault::Document(name, errors)),
    }
}

async fn export(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let context = Context::open(arguments).await?;
    let document = service::show(&context.app, context.caller())
        .await?
        .document;
    if context.json {
        print_json(&json!(document))?;
    } else {
        write_out(&document.to_toml())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn plan(arguments: &Arguments, file: &Path) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let context = Context::open(arguments).await?;
    let plan = plan::plan(&context.app, context.caller(), &source.parsed).await;
    let plan = plan.map_err(|error| source.refused(error))?;
    let is_none = plan.changes.is_empty();
    if context.json {
        print_json(&json!(PolicyPlan::of(plan, usize::MAX)))?;
    } else {
        show(&plan)?;
    }
    Ok(if is_none {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENCES)
    })
}

pub(super) fn show(plan: &Plan) -> Result<(), CliError> {
    if plan.changes.is_empty() {
        return write_out("no change\n");
    }
    write_out(&lines(&plan.changes))?;
    let row = |name: String, effect: &RoleEffect| {
        let [gains, loses] = [
            (&effect.gains, &effect.gains_roles),
            (&effect.loses, &effect.loses_roles),
        ]
        .map(|(permissions, roles)| {
            let permissions = permissions.iter().map(ToString::to_string);
            let roles = roles.iter().map(|role| format!("role {role}"));
            permissions.chain(roles).collect::<Vec<_>>().join("\n")
        });
        vec![name, gains, loses]
    };
    let roles = plan.roles.iter().take(SHOWN);
    let rows: Vec<_> = roles
        .map(|(role, effect)| row(role.to_string(), effect))
        .collect();
    if !rows.is_empty() {
        write_out("\n")?;
        print_table(&["role", "gains", "loses"], rows)?;
    }
    let subjects = plan
        .subjects
        .iter()
        .filter(|_| plan.can_see_holders)
        .take(SHOWN);
    let name = |one: &plan::AffectedSubject| {
        let tenant = one.tenant.as_ref().map(|tenant| format!(" in {tenant}"));
        let kind = if one.kind == "client" { "client " } else { "" };
        format!("{kind}{}{}", one.name, tenant.unwrap_or_default())
    };
    let rows: Vec<_> = subjects.map(|one| row(name(one), &one.effect)).collect();
    if !rows.is_empty() {
        write_out("\n")?;
        print_table(&["user", "gains", "loses"], rows)?;
    }
    let counts = counts(plan);
    write_out(&format!(
        "\n{}; {} gain, {} lose something\n",
        counted(counts.changes, "change"),
        counts.gaining,
        counts.losing
    ))
}

pub(super) fn lines(changes: &[PolicyChange]) -> String {
    let mut text = String::new();
    for change in changes {
        let _ = writeln!(text, "{change}");
    }
    text
}

pub(super) fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

async fn apply(
    arguments: &Arguments,
    file: &Path,
    if_match: Option<&str>,
) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let if_match = match if_match {
        None => IfMatch::Any,
        // a shell takes the quotes away
        Some(text) => {
            let found = tag(text).or_else(|| tag(&format!("\"{text}\"")));
            IfMatch::Tags(vec![found.unwrap_or_else(|| text.to_owned())])
        }
    };
    let context = Context::open(arguments).await?;
    let applied = apply::apply(&context.app, context.caller(), &source.parsed, &if_match).await;
    let applied = applied.map_err(|error| source.refused(error))?;
    if context.json {
        print_json(&json!({ "changes": applied.changes, "etag": applied.tag }))?;
    } else if applied.changes.is_empty() {
        write_out("no change\n")?;
    } else {
        let count = counted(applied.changes.len(), "change");
        write_out(&format!("{}\n{count} made\n", lines(&applied.changes)))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(arguments: &Arguments, file: &Path, live: bool) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let document = &source.parsed.document;
    let is_about_users = document
        .tests
        .iter()
        .any(|test| matches!(test.subject, TestSubject::User(_)));
    // what is about roles alone needs no database
    let context = if live || is_about_users {
        Some(Context::open(arguments).await?)
    } else {
        None
    };
    let mut policy = document.policy().map_err(ApiError::internal)?;
    let (mut facts, mut now) = (UserAssignments::new(), rolecall_core::Timestamp::default());
    if let Some(context) = &context {
        facts = service::test_assignments(&context.app, context.caller(), document).await?;
        now = context.app.now();
        if live {
            let shown = service::show(&context.app, context.caller())
                .await?
                .document;
            policy = shown.policy().map_err(ApiError::internal)?;
        }
    }
    let failures = document::run_tests(document, &policy, &facts, now);
    let expected: usize = document
        .tests
        .iter()
        .map(|test| test.can.len() + test.cannot.len())
        .sum();
    if arguments.json {
        let failures: Vec<_> = failures
            .iter()
            .map(|failure| json!({
                "at": source.place(&failure.path), "expected": failure.expected, "because": failure.reason,
            }))
            .collect();
        print_json(&json!({ "expected": expected, "failures": failures }))?;
    } else {
        let mut text = String::new();
        for failure in &failures {
            let _ = writeln!(
                text,
                "{}: {}",
                source.place(&failure.path),
                printable(&failure.to_string())
            );
        }
        let count = counted(expected, "expectation");
        let _ = writeln!(text, "{count}, {} met", expected - failures.len());
        write_out(&text)?;
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A document from a file, or the policy that is in force, with the roles that somebody has.
async fn read_or_show(
    arguments: &Arguments,
    file: Option<&Path>,
) -> Result<(Source, Option<BTreeSet<rolecall_core::RoleName>>), Fault> {
    if let Some(file) = file {
        return Ok((read(file)?, None));
    }
    let context = Context::open(arguments).await?;
    let parsed = ParsedDocument {
        document: service::show(&context.app, context.caller())
            .await?
            .document,
        positions: Positions::default(),
    };
    let assigned = service::assigned_roles(&context.app, context.caller()).await?;
    let name = "the policy in force".to_owned();
    Ok((Source { name, parsed }, Some(assigned)))
}

async fn lint(arguments: &Arguments, file: Option<&Path>) -> Result<ExitCode, Fault> {
    let (source, assigned) = read_or_show(arguments, file).await?;
    let document = &source.parsed.document;
    let policy = document.policy().map_err(ApiError::internal)?;
    let findings = document::lint(document, &policy, assigned.as_ref());
    if arguments.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|found| json!({
                "at": source.place(&found.path), "kind": found.kind.as_str(), "message": found.message,
            }))
            .collect();
        print_json(&json!({ "findings": findings }))?;
    } else {
        let mut text = String::new();
        for found in &findings {
            let place = source.place(&found.path);
            let _ = writeln!(text, "{place}: {}: {}", found.kind.as_str(), found.message);
        }
        let _ = writeln!(text, "{}", counted(findings.len(), "finding"));
        write_out(&text)?;
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENCES)
    })
}

async fn generate(
    arguments: &Arguments,
    file: Option<&Path>,
    write: fn(&Document) -> String,
) -> Result<ExitCode, Fault> {
    let (source, _) = read_or_show(arguments, file).await?;
    write_out(&write(&source.parsed.document))?;
    Ok(ExitCode::SUCCESS)
}
