use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    CliError,
    arguments::Arguments,
    context::load,
    output::{print_json, printable, write_out},
};
use crate::doctor::{self, Finding, Severity};

/// Status 0 if nothing is wrong, 1 if something is; warnings are no fault.
pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode, CliError> {
    let findings = match load(arguments, &[]) {
        Ok(config) => doctor::examine(&config).await,
        Err(CliError::Config(error)) => error
            .faults()
            .iter()
            .map(|fault| Finding {
                check: "configuration",
                severity: Severity::Fault,
                text: fault.clone(),
            })
            .collect(),
        Err(error) => return Err(error),
    };
    if arguments.json {
        print_json(&findings.iter().map(to_json).collect())?;
    } else {
        for finding in &findings {
            let Finding {
                check,
                severity,
                text,
            } = finding;
            write_out(&format!(
                "{:8} {check}: {}\n",
                severity.to_string(),
                printable(text)
            ))?;
        }
    }
    let worst = findings.iter().map(|finding| finding.severity).max();
    Ok(if worst == Some(Severity::Fault) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Says what is looked for.
pub(super) fn list(arguments: &Arguments) -> Result<(), CliError> {
    if arguments.json {
        let checks = doctor::CHECKS.iter();
        return print_json(
            &checks
                .map(|(check, finds)| json!({ "check": check, "finds": finds }))
                .collect(),
        );
    }
    for (check, finds) in doctor::CHECKS {
        write_out(&format!("{check}: {finds}\n"))?;
    }
    Ok(())
}

fn to_json(finding: &Finding) -> Value {
    json!({ "check": finding.check, "severity": finding.severity.to_string(), "text": finding.text })
}
