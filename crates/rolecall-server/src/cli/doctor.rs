//! `doctor`: prints the findings of all checks.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    context::load,
    error::CliError,
    globals::GlobalFlags,
    output::{print_json, printable, write_out},
};
use crate::{
    doctor::{
        self,
        finding::{CHECKS, Finding, PageText, Severity},
    },
    store::integrity::Depth,
};

/// Runs all checks: status 1 if one finds a fault; warnings do not count.
pub(super) async fn run(globals: &GlobalFlags, depth: Depth) -> Result<ExitCode, CliError> {
    let findings = match load(globals, &[]) {
        Ok(config) => doctor::run_checks(&config, depth).await,
        Err(CliError::Config(error)) => error
            .faults()
            .iter()
            .map(|fault| Finding {
                check: "configuration",
                severity: Severity::Fault,
                text: fault.clone(),
                page_text: PageText::default(),
            })
            .collect(),
        Err(error) => return Err(error),
    };
    if globals.json {
        print_json(&findings.iter().map(to_json).collect())?;
    } else {
        for finding in &findings {
            let Finding {
                check,
                severity,
                text,
                ..
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

/// Lists the checks.
pub(super) fn list(globals: &GlobalFlags) -> Result<(), CliError> {
    if globals.json {
        let checks = CHECKS.iter();
        return print_json(
            &checks
                .map(|(check, finds)| json!({ "check": check, "finds": finds }))
                .collect(),
        );
    }
    for (check, finds) in CHECKS {
        write_out(&format!("{check}: {finds}\n"))?;
    }
    Ok(())
}

fn to_json(finding: &Finding) -> Value {
    json!({ "check": finding.check, "severity": finding.severity.to_string(), "text": finding.text })
}
