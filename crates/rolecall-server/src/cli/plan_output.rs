//! The output of a policy plan, shared by `policy plan` and `policy import`.

use std::fmt::Write as _;

use rolecall_core::{
    Acr,
    document::{PolicyChange, RoleEffect},
};

use super::{
    error::CliError,
    output::{count_of, print_table, write_out},
};
use crate::policy::plan_effects::{AffectedSubject, Plan};

/// Exit status for "there are differences"; 1 stands for an error.
pub(super) const EXIT_DIFFERENCES: u8 = 2;

/// How many roles, subjects or notes are printed; `--json` prints all.
pub(super) const MAX_SHOWN: usize = 100;

/// Prints the changes of a plan, and which roles and users gain or lose something; the users only if the caller may
/// read them.
pub(super) fn print_plan(plan: &Plan) -> Result<(), CliError> {
    if plan.changes.is_empty() {
        return write_out("no change\n");
    }
    write_out(&change_lines(&plan.changes))?;
    let roles = plan.roles.iter().take(MAX_SHOWN);
    let rows = roles.map(|(role, effect)| effect_row(role.to_string(), effect));
    print_effects("role", rows.collect())?;
    let subjects = plan.subjects.iter().filter(|_| plan.can_see_holders);
    let rows = subjects
        .take(MAX_SHOWN)
        .map(|subject| effect_row(subject_name(subject), &subject.effect));
    print_effects("user", rows.collect())?;
    let counts = plan.counts;
    write_out(&format!(
        "\n{}; {} gain, {} lose something\n",
        count_of(counts.changes, "change"),
        counts.gaining,
        counts.losing
    ))
}

/// Formats changes, one a line.
pub(super) fn change_lines(changes: &[PolicyChange]) -> String {
    let mut text = String::new();
    for change in changes {
        let _ = writeln!(text, "{change}");
    }
    text
}

fn print_effects(kind: &str, rows: Vec<Vec<String>>) -> Result<(), CliError> {
    if rows.is_empty() {
        return Ok(());
    }
    write_out("\n")?;
    print_table(&[kind, "gains", "loses"], rows)
}

fn effect_row(name: String, effect: &RoleEffect) -> Vec<String> {
    let [mut gains, mut loses] = [
        (&effect.gains, &effect.gains_roles),
        (&effect.loses, &effect.loses_roles),
    ]
    .map(|(permissions, roles)| {
        let permissions = permissions.iter().map(ToString::to_string);
        let roles = roles.iter().map(|role| format!("role {role}"));
        permissions.chain(roles).collect::<Vec<_>>().join("\n")
    });
    for (role, acr) in &effect.needs_acr {
        let is_lowered = effect
            .needed_acr
            .get(role)
            .is_some_and(|before| before > acr);
        let (column, what) = if *acr == Acr::Aal1 {
            // no session is below the lowest
            (&mut gains, "in every session".to_owned())
        } else if is_lowered {
            (&mut gains, format!("in sessions from {acr} on"))
        } else {
            (&mut loses, format!("in sessions below {acr}"))
        };
        if !column.is_empty() {
            column.push('\n');
        }
        let _ = write!(column, "role {role} {what}");
    }
    vec![name, gains, loses]
}

fn subject_name(subject: &AffectedSubject) -> String {
    let kind = if subject.kind == "client" {
        "client "
    } else {
        ""
    };
    let tenant = subject.tenant.as_ref();
    let tenant = tenant.map(|tenant| format!(" in {tenant}"));
    format!("{kind}{}{}", subject.name, tenant.unwrap_or_default())
}
