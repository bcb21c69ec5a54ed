//! All checks, for the command `doctor`.

use rolecall::{Clock as _, SystemClock};

use super::{breached, configuration, database, files, finding::Finding, mail, pages, system};
use crate::{config::Config, outgoing::trusts_anybody, store::integrity::Depth};

/// Runs all checks on a valid configuration. `depth` is that of the check of a SQLite file.
pub(crate) async fn run_checks(config: &Config, depth: Depth) -> Vec<Finding> {
    let mut findings = configuration::check(config, SystemClock.now());
    findings.push(breached::check(config, depth));
    findings.extend(pages::check(config));
    findings.extend(mail::check(config, trusts_anybody()));
    findings.extend(system::check(config).await);
    findings.extend(files::check(config));
    findings.extend(database::check(config, depth).await);
    findings
}
