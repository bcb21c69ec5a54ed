use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    CliError,
    context::Context,
    output::{print_json, print_table, write_out},
};
use crate::{
    audit::{
        handlers::EntryView,
        service::{self, Verdict},
    },
    times::rfc3339,
};

pub(super) async fn list(context: &Context, limit: i64) -> Result<(), CliError> {
    let entries = service::list(&context.app, context.caller(), None, limit).await?;
    if context.json {
        return print_json(
            &entries
                .into_iter()
                .map(EntryView::from)
                .map(|entry| json!(entry))
                .collect(),
        );
    }
    let rows = entries.into_iter().map(|entry| {
        let changes: Vec<Value> = serde_json::from_str(&entry.changes).unwrap_or_default();
        vec![
            entry.revision.to_string(),
            rfc3339(entry.at),
            entry.actor,
            changes.iter().map(one_line).collect::<Vec<_>>().join("; "),
        ]
    });
    print_table(&["revision", "at", "actor", "changes"], rows.collect())
}

/// `role.assigned role=editor subject=...`
fn one_line(change: &Value) -> String {
    let members = change.as_object().into_iter().flatten();
    let action = change
        .get("action")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    members
        .filter(|(name, value)| *name != "action" && !value.is_null() && value.as_str() != Some(""))
        .fold(action, |line, (name, value)| {
            format!(
                "{line} {name}={}",
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            )
        })
}

pub(super) async fn verify(context: &Context) -> Result<ExitCode, CliError> {
    let verdict = service::verify(&context.app, context.caller()).await?;
    let whole = matches!(verdict, Verdict::Whole { .. });
    let (text, details) = match verdict {
        Verdict::Whole { entries } => (
            format!("the audit log is whole: {entries} entries"),
            json!({ "entries": entries }),
        ),
        Verdict::Altered { revision } => {
            let text = format!(
                "the audit log was altered: entry {revision} does not follow from what stands before it"
            );
            (text, json!({ "altered_at": revision }))
        }
        Verdict::CutShort { last, head } => {
            let text = format!(
                "the audit log was cut short: it ends at {last}, and the newest revision is {head}"
            );
            (text, json!({ "ends_at": last, "newest": head }))
        }
    };
    if context.json {
        print_json(&json!({ "whole": whole, "details": details }))?;
    } else {
        write_out(&format!("{text}\n"))?;
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
