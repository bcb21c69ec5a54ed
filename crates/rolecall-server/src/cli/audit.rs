//! `audit`: reads and verifies the audit log.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    context::Context,
    error::CliError,
    output::{print_json, print_table, write_out},
};
use crate::{
    audit::{
        handlers::EntryView,
        lines::change_line,
        service,
        verify::{self, KnownMark, Verdict},
    },
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// List changes, newest first.
    List {
        /// The number of entries.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Check that no entry was changed or removed, and that the database has no access that no entry explains; status
    /// 1 otherwise.
    Verify {
        /// A mark that was printed or exported before: some entry must have it. Store marks where those who can write
        /// the database cannot write.
        #[arg(long, value_name = "MARK")]
        mark: Option<KnownMark>,
    },
}

pub(super) async fn run(context: &Context, command: &AuditCommand) -> Result<ExitCode, CliError> {
    match command {
        AuditCommand::List { limit } => {
            list(context, *limit).await?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Verify { mark } => verify(context, mark.as_ref()).await,
    }
}

async fn list(context: &Context, limit: i64) -> Result<(), CliError> {
    let entries = service::list(&context.app, context.caller(), None, limit).await?;
    if context.json {
        let views = entries.into_iter().map(EntryView::from);
        return print_json(&views.map(|entry| json!(entry)).collect());
    }
    let rows = entries.into_iter().map(|entry| {
        let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
        let changes: Vec<String> = changes.iter().map(change_line).collect();
        vec![
            entry.revision.to_string(),
            rfc3339(entry.at),
            entry.actor,
            changes.join("; "),
        ]
    });
    print_table(&["revision", "at", "actor", "changes"], rows.collect())
}

async fn verify(context: &Context, known: Option<&KnownMark>) -> Result<ExitCode, CliError> {
    let verdict = verify::verify(&context.app, context.caller(), known).await?;
    let is_intact = matches!(verdict, Verdict::Intact { .. });
    if context.json {
        print_json(&json!({ "whole": is_intact, "details": details(&verdict) }))?;
    } else {
        write_out(&format!("{verdict}\n"))?;
    }
    Ok(if is_intact {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn details(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Intact { entries, newest } => {
            let mark = newest.as_ref().map(ToString::to_string);
            json!({ "entries": entries, "mark": mark })
        }
        Verdict::Altered { revision } => json!({ "altered_at": revision }),
        Verdict::Truncated { last, head } => json!({ "ends_at": last, "newest": head }),
        Verdict::Unsealed { last } => json!({ "ends_at": last }),
        Verdict::Tampered { revision } => json!({ "altered_before": revision }),
        Verdict::UnknownMark => json!({ "unknown_mark": true }),
        Verdict::Unexplained { differences, more } => {
            json!({ "unexplained": differences, "more": more })
        }
    }
}
