//! `policy`: the whole policy as one document.

use std::{collections::BTreeSet, fmt::Write as _, io::Read as _, path::Path, process::ExitCode};

use rolecall_core::{
    RoleName, Timestamp,
    document::{
        self, Document, DocumentErrors, ParsedDocument, Positions, Step, TestSubject,
        UncheckedDocument, UserAssignments,
    },
};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    globals::GlobalFlags,
    output::{count_of, print_json, printable, write_out},
    plan_output::{EXIT_DIFFERENCES, MAX_SHOWN, change_lines, print_plan},
    policy_arguments::PolicyCommand,
    policy_import,
};
use crate::{
    error::ApiError,
    policy::{
        apply::{self, IfMatch},
        handlers::{PolicyPlan, tag},
        plan,
        plan_effects::Shown,
        service,
    },
    stderr,
    web::body::parse_json,
};

/// A document, and its name in messages.
struct Source {
    name: String,
    parsed: ParsedDocument,
}

/// An error that ends a command: any other one, or the faults of the named document.
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
    /// Reports faults that the service finds in the document like those that the parser finds.
    fn fault(&self, error: ApiError) -> Fault {
        match error {
            ApiError::Document(errors) => Fault::Document(self.name.clone(), errors),
            other => other.into(),
        }
    }

    fn position(&self, path: &[Step]) -> String {
        position(&self.name, &self.parsed.positions, path)
    }
}

/// Formats the position of a path in a document, such as `policy.toml:3:1`.
fn position(name: &str, positions: &Positions, path: &[Step]) -> String {
    match positions.get(path) {
        Some(at) => format!("{name}:{}:{}", at.line, at.column),
        None => name.to_owned(),
    }
}

pub(super) async fn run(
    globals: &GlobalFlags,
    command: &PolicyCommand,
) -> Result<ExitCode, CliError> {
    let done = match command {
        PolicyCommand::Export => export(globals).await,
        PolicyCommand::Plan { file } => plan(globals, file).await,
        PolicyCommand::Apply { file, if_match } => apply(globals, file, if_match.as_deref()).await,
        PolicyCommand::Test { file, live } => test(globals, file, *live).await,
        PolicyCommand::Lint { file } => lint(globals, file.as_deref()).await,
        PolicyCommand::Import(options) => {
            return Box::pin(policy_import::run(globals, options)).await;
        }
        PolicyCommand::Rust { file } => {
            generate(globals, file.as_deref(), document::generate_rust).await
        }
        PolicyCommand::Typescript { file } => {
            generate(globals, file.as_deref(), document::generate_typescript).await
        }
    };
    match done {
        Ok(code) => Ok(code),
        Err(Fault::Cli(error)) => Err(error),
        Err(Fault::Document(name, errors)) => {
            for error in &errors.0 {
                let message = printable(&error.message);
                stderr::print_line(match error.position {
                    Some(at) => format!("{name}:{}:{}: {message}", at.line, at.column),
                    None => format!("{name}: {}", printable(&error.to_string())),
                });
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reads a document. JSON is recognized by its first brace, which no TOML document starts with.
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
        crate::files::read_to_string(file).map(|read| text = read)
    };
    read.map_err(CliError::io(name.clone()))?;
    // some editors begin a file with a byte order mark
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let parsed = if text.trim_start().starts_with('{') {
        let unchecked: UncheckedDocument = parse_json(text.as_bytes())?;
        Document::check(&unchecked)
    } else {
        Document::parse(text)
    };
    match parsed {
        Ok(parsed) => Ok(Source { name, parsed }),
        Err(errors) => Err(Fault::Document(name, errors)),
    }
}

async fn export(globals: &GlobalFlags) -> Result<ExitCode, Fault> {
    let context = Context::open(globals).await?;
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

async fn plan(globals: &GlobalFlags, file: &Path) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let context = Context::open(globals).await?;
    let shown = if context.json {
        Shown::ALL
    } else {
        Shown::entries(MAX_SHOWN)
    };
    let plan = plan::plan(&context.app, context.caller(), &source.parsed, shown).await;
    let plan = plan.map_err(|error| source.fault(error))?;
    let is_none = plan.changes.is_empty();
    if context.json {
        print_json(&json!(PolicyPlan::of(plan, usize::MAX)))?;
    } else {
        print_plan(&plan)?;
    }
    Ok(if is_none {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENCES)
    })
}

async fn apply(
    globals: &GlobalFlags,
    file: &Path,
    if_match: Option<&str>,
) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let if_match = match if_match {
        None => IfMatch::Any,
        // the shell removes the quotes of an ETag
        Some(text) => {
            let found = tag(text).or_else(|| tag(&format!("\"{text}\"")));
            IfMatch::Tags(vec![found.unwrap_or_else(|| text.to_owned())])
        }
    };
    let context = Context::open(globals).await?;
    let applied = apply::apply(&context.app, context.caller(), &source.parsed, &if_match).await;
    let applied = applied.map_err(|error| source.fault(error))?;
    if context.json {
        print_json(&json!({ "changes": applied.changes, "etag": applied.tag }))?;
    } else if applied.changes.is_empty() {
        write_out("no change\n")?;
    } else {
        let count = count_of(applied.changes.len(), "change");
        let lines = change_lines(&applied.changes);
        write_out(&format!("{lines}\n{count} made\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(globals: &GlobalFlags, file: &Path, live: bool) -> Result<ExitCode, Fault> {
    let source = read(file)?;
    let document = &source.parsed.document;
    let is_about_users = document
        .tests
        .iter()
        .any(|test| matches!(test.subject, TestSubject::User(_)));
    // tests of roles alone need no database
    let context = if live || is_about_users {
        Some(Context::open(globals).await?)
    } else {
        None
    };
    let mut policy = document.policy().map_err(ApiError::internal)?;
    let (mut facts, mut now) = (UserAssignments::new(), Timestamp::default());
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
    if globals.json {
        let failures: Vec<_> = failures
            .iter()
            .map(|failure| json!({
                "at": source.position(&failure.path), "expected": failure.expected, "because": failure.reason,
            }))
            .collect();
        print_json(&json!({ "expected": expected, "failures": failures }))?;
    } else {
        let mut text = String::new();
        for failure in &failures {
            let _ = writeln!(
                text,
                "{}: {}",
                source.position(&failure.path),
                printable(&failure.to_string())
            );
        }
        let count = count_of(expected, "expectation");
        let _ = writeln!(text, "{count}, {} met", expected - failures.len());
        write_out(&text)?;
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads a document, or without a file the current policy together with the roles that are assigned.
async fn read_or_export(
    globals: &GlobalFlags,
    file: Option<&Path>,
) -> Result<(Source, Option<BTreeSet<RoleName>>), Fault> {
    if let Some(file) = file {
        return Ok((read(file)?, None));
    }
    let context = Context::open(globals).await?;
    let parsed = ParsedDocument {
        document: service::show(&context.app, context.caller())
            .await?
            .document,
        positions: Positions::default(),
    };
    let assigned = service::assigned_roles(&context.app, context.caller()).await?;
    let name = "the current policy".to_owned();
    Ok((Source { name, parsed }, Some(assigned)))
}

async fn lint(globals: &GlobalFlags, file: Option<&Path>) -> Result<ExitCode, Fault> {
    let (source, assigned) = read_or_export(globals, file).await?;
    let document = &source.parsed.document;
    let policy = document.policy().map_err(ApiError::internal)?;
    let findings = document::lint(document, &policy, assigned.as_ref());
    if globals.json {
        let findings: Vec<_> = findings
            .iter()
            .map(|found| json!({
                "at": source.position(&found.path), "kind": found.kind.as_str(), "message": found.message,
            }))
            .collect();
        print_json(&json!({ "findings": findings }))?;
    } else {
        let mut text = String::new();
        for found in &findings {
            let place = source.position(&found.path);
            let _ = writeln!(text, "{place}: {}: {}", found.kind.as_str(), found.message);
        }
        let _ = writeln!(text, "{}", count_of(findings.len(), "finding"));
        write_out(&text)?;
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENCES)
    })
}

async fn generate(
    globals: &GlobalFlags,
    file: Option<&Path>,
    write: fn(&Document) -> String,
) -> Result<ExitCode, Fault> {
    let (source, _) = read_or_export(globals, file).await?;
    write_out(&write(&source.parsed.document))?;
    Ok(ExitCode::SUCCESS)
}
