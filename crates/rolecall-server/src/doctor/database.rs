//! The database: whether it answers, fits this program and this master key, and who administers it.

use std::time::Duration;

use rolecall::{Clock as _, SystemClock};
use secrecy::ExposeSecret as _;

use super::Finding;
use crate::{
    app::App,
    audit::{self, service::Verdict},
    authority::caller::Caller,
    cli,
    config::Config,
    error::{ApiError, chain_of},
    roles::assignments,
    start,
    store::{file, migrate},
};

/// A change this far ahead of the clock was not made by this clock.
const AHEAD: Duration = Duration::from_mins(1);

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let url = config.database.url.expose_secret();
    if file::sqlite_path(url).is_some_and(|path| !path.exists()) {
        return vec![Finding::good("database", "it is made at the first start")];
    }
    let schema = match migrate::read_version(url).await {
        Ok(schema) => schema,
        Err(error) => {
            let text = format!(
                "{}: check `database.url`, and that the server runs",
                chain_of(&error)
            );
            return vec![Finding::fault("database", text)];
        }
    };
    if schema.found > schema.known {
        let text = format!(
            "a newer rolecall used it last (schema {}, this one knows {}): install that version again",
            schema.found, schema.known
        );
        return vec![Finding::fault("schema", text)];
    }
    if schema.found < schema.known {
        let text = "the next start brings it up to date; back it up first";
        return vec![Finding::warning("schema", text)];
    }
    let mut findings = vec![Finding::good("schema", "up to date")];
    match start::open(cli::options(config)).await {
        Ok(opened) => {
            findings.extend(examine_open(&opened.app).await);
            opened.app.store().close().await;
        }
        Err(error) => findings.push(Finding::fault("database", chain_of(&error))),
    }
    findings
}

async fn examine_open(app: &App) -> Vec<Finding> {
    let mut findings = vec![Finding::good(
        "master key",
        "it is the one of this database",
    )];
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
    let missing = start::check_registration_roles(app).await.err()?;
    Some(Finding::fault("registration", missing.to_string()))
}

async fn administrators(app: &App) -> Result<Finding, ApiError> {
    Ok(match assignments::count_admins(app).await? {
        0 => Finding::fault(
            "administrators",
            "nobody can administer the accounts: `rolecall user add NAME --role rolecall.admin`",
        ),
        1 => Finding::warning(
            "administrators",
            "there is only one: who loses that password needs the command line; make a second",
        ),
        count => Finding::good("administrators", format!("there are {count}")),
    })
}

async fn audit_log(app: &App) -> Result<Finding, ApiError> {
    Ok(match audit::service::verify(app, Caller::System).await? {
        Verdict::Whole { entries } => {
            Finding::good("audit log", format!("whole, {entries} entries"))
        }
        Verdict::Altered { revision } => Finding::fault(
            "audit log",
            format!(
                "entry {revision} was altered, or what stood before it is missing: find out who can write the database"
            ),
        ),
        Verdict::CutShort { last, head } => Finding::fault(
            "audit log",
            format!(
                "it ends at {last}, and the newest revision is {head}: find out who can write the database"
            ),
        ),
    })
}

async fn newest_change(app: &App) -> Result<Finding, ApiError> {
    let newest = audit::service::list(app, Caller::System, None, 1).await?;
    let ahead = newest
        .first()
        .filter(|entry| entry.at.since(SystemClock.now()) > AHEAD);
    Ok(match ahead {
        Some(entry) => Finding::fault(
            "clock",
            format!(
                "the newest change was made at {}, later than now: this clock or that of another node is wrong",
                crate::times::rfc3339(entry.at)
            ),
        ),
        None => Finding::good("clock", "not behind the newest change"),
    })
}
