//! Checks of the database: connection, schema, master key, administrators and audit log.

use std::time::Duration;

use rolecall::{Clock as _, SystemClock};
use secrecy::ExposeSecret as _;

use super::finding::Finding;
use crate::{
    app::App,
    audit::{
        self,
        verify::{Verdict, verify},
    },
    authority::caller::Caller,
    config::Config,
    configured,
    error::{ApiError, chain_of},
    roles::assignments,
    start,
    store::{file, migrate},
};

/// How far the newest change may be ahead of this clock; nodes' clocks differ a little.
const TOLERANCE: Duration = Duration::from_mins(1);

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let url = config.database.url.expose_secret();
    if file::sqlite_path(url).is_some_and(|path| !path.exists()) {
        return vec![Finding::good("database", "created at the first start")];
    }
    let schema = match migrate::read_version(url).await {
        Ok(schema) => schema,
        Err(error) => {
            let text = format!(
                "{}: check `database.url`, and that the database server runs",
                chain_of(&error)
            );
            return vec![Finding::fault("database", text)];
        }
    };
    if schema.found > schema.known {
        let text = format!(
            "a newer version of rolecall has updated it to schema {}, and this version knows {}: install the newer version",
            schema.found, schema.known
        );
        return vec![Finding::fault("schema", text)];
    }
    if schema.found < schema.known {
        let text = "the next start updates it; make a backup first";
        return vec![Finding::warning("schema", text)];
    }
    let mut findings = vec![Finding::good("schema", "up to date")];
    match start::open(configured::options(config, None)).await {
        Ok(opened) => {
            findings.extend(check_open(&opened.app).await);
            opened.app.store().close().await;
        }
        Err(error) => findings.push(Finding::fault("database", chain_of(&error))),
    }
    findings
}

async fn check_open(app: &App) -> Vec<Finding> {
    let mut findings = vec![Finding::good("master key", "fits the database")];
    findings.extend(registration_roles(app).await);
    for found in [
        administrators(app).await,
        audit_log(app).await,
        newest_change(app).await,
    ] {
        findings.push(found.unwrap_or_else(|error| Finding::fault("database", chain_of(&error))));
    }
    findings
}

async fn registration_roles(app: &App) -> Option<Finding> {
    let error = start::check_registration_roles(app).await.err()?;
    Some(Finding::fault("registration", error.to_string()))
}

async fn administrators(app: &App) -> Result<Finding, ApiError> {
    Ok(match assignments::count_admins(app).await? {
        0 => Finding::fault(
            "administrators",
            "there is no administrator: `rolecall user add NAME --role rolecall.admin`",
        ),
        1 => Finding::warning(
            "administrators",
            "there is only one, and without that password only the command line is left: create a second",
        ),
        count => Finding::good("administrators", count.to_string()),
    })
}

async fn audit_log(app: &App) -> Result<Finding, ApiError> {
    Ok(match verify(app, Caller::System, None).await? {
        Verdict::Intact { entries, .. } => {
            Finding::good("audit log", format!("intact, {entries} entries"))
        }
        altered => Finding::fault(
            "audit log",
            format!("{altered}: find out who can write to the database"),
        ),
    })
}

async fn newest_change(app: &App) -> Result<Finding, ApiError> {
    let newest = audit::service::list(app, Caller::System, None, 1).await?;
    let ahead = newest
        .first()
        .filter(|entry| entry.at.since(SystemClock.now()) > TOLERANCE);
    Ok(match ahead {
        Some(entry) => Finding::fault(
            "clock",
            format!(
                "the newest change is dated {}, in the future: this clock or the clock of another node is wrong",
                crate::times::rfc3339(entry.at)
            ),
        ),
        None => Finding::good("clock", "the newest change is not in the future"),
    })
}
