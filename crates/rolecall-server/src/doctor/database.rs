//! Checks of the database: connection, schema, master key, administrators and audit log.

use std::time::Duration;

use rolecall::{Clock as _, SystemClock};
use rolecall_core::Timestamp;
use secrecy::ExposeSecret as _;

use super::{assurance, finding::Finding, mail, pages::client_looks, passkeys};
use crate::{
    app::App,
    audit::{
        self,
        verify::{Verdict, verify},
    },
    authority::caller::Caller,
    backchannel::store::{self as backchannel, Undelivered},
    bootstrap::{self, Missing},
    clean_up::clock,
    clients::store as clients,
    config::{Config, SigningAlgorithm},
    configured,
    error::{ApiError, chain_of},
    outgoing, prepared,
    profile::review::{self, NAMED as NAMED_USERS, Outdated},
    roles::assignments,
    start,
    store::{
        OpenError, StoredTime, file,
        integrity::{self, Depth},
        migrate, read_known_time,
    },
    times::rfc3339,
};

/// How far the newest change may be ahead of this clock; nodes' clocks differ a little.
const TOLERANCE: Duration = Duration::from_mins(1);

/// The findings about clients that do not take logout tokens.
const MAX_UNDELIVERED: i64 = 20;
/// The time in which a logout token is tried.
const SOON_TRIED: Duration = Duration::from_mins(10);

pub(super) async fn check(config: &Config, depth: Depth) -> Vec<Finding> {
    let url = config.database.url.expose_secret();
    let mut findings = Vec::new();
    if let Some(path) = file::sqlite_path(url) {
        if let Err(error) = file::require_not_lost(&path, &start::key_file(&path)) {
            return vec![Finding::fault("database", error.to_string())];
        }
        match file::exists(&path) {
            Ok(true) => {}
            Ok(false) => return vec![Finding::good("database", "created at the first start")],
            Err(error) => return vec![Finding::fault("database", error.to_string())],
        }
        match integrity::check(&path, depth).await {
            Ok(()) => findings.push(Finding::good("damage", "the database file is sound")),
            Err(error @ OpenError::Damaged { .. }) => {
                return vec![
                    Finding::fault("damage", error.to_string()),
                    Finding::fault("database", "its other checks need a sound file"),
                ];
            }
            Err(error) => return vec![Finding::fault("database", chain_of(&error))],
        }
    }
    findings.extend(check_schema(config, url).await);
    findings
}

async fn check_schema(config: &Config, url: &str) -> Vec<Finding> {
    let schema = match migrate::inspect(url, config.database.schema.as_ref()).await {
        Ok(schema) => schema,
        Err(
            error @ (OpenError::Newer { .. }
            | OpenError::Occupied { .. }
            | OpenError::Mixture { .. }),
        ) => {
            return vec![Finding::fault("schema", error.to_string())];
        }
        Err(error) => {
            let text = format!("{error}: check `database.url`, and that the database server runs");
            return vec![Finding::fault("database", text)];
        }
    };
    if schema.found < schema.known {
        let text = "the next start updates it; make a backup first";
        return vec![Finding::warning("schema", text)];
    }
    let mut findings = vec![Finding::good("schema", "up to date")];
    match check_content(config, url).await {
        Ok(content) => findings.extend(content),
        Err(stop) => {
            findings.extend(stop);
            return findings;
        }
    }
    match start::open(configured::options(config, None)).await {
        Ok(opened) => {
            findings.extend(check_open(&opened.app).await);
            findings.extend(id_tokens(config, &opened.app).await);
            opened.app.store().close().await;
        }
        Err(error) => findings.push(Finding::fault("database", chain_of(&error))),
    }
    findings
}

/// Looks for what a start needs and cannot find; `Err` if the database cannot be opened without it. A start would create
/// some of it again, and so hide that it was lost.
async fn check_content(config: &Config, url: &str) -> Result<Vec<Finding>, Vec<Finding>> {
    let fault = |text: String| Finding::fault("database", text);
    let denied = migrate::find_denied(url, config.database.schema.as_ref()).await;
    let denied = denied.map_err(|error| vec![fault(error.to_string())])?;
    if !denied.is_empty() {
        let tables = denied.join(", ");
        return Err(vec![fault(format!(
            "the user of `database.url` may not read and write all tables ({tables}): run `GRANT SELECT, INSERT, UPDATE, DELETE` on them"
        ))]);
    }
    let missing = prepared::find_missing(&configured::options(config, None)).await;
    match missing.map_err(|error| vec![fault(error.to_string())])? {
        None => Err(vec![Finding::good(
            "database",
            "prepared at the first start",
        )]),
        Some(missing) => {
            let is_fatal = missing.iter().any(Missing::is_essential);
            let faults = missing.iter().map(|missing| fault(missing.to_string()));
            let faults = faults.collect();
            if is_fatal { Err(faults) } else { Ok(faults) }
        }
    }
}

async fn check_open(app: &App) -> Vec<Finding> {
    let mut findings = vec![Finding::good("master key", "fits the database")];
    findings.extend(registration_roles(app).await);
    findings.extend(origin(app).await);
    findings.extend(untrusting(app, outgoing::trusts_anybody()).await);
    findings.extend(logout_tokens(app).await);
    findings.extend(mail::failed(app).await);
    findings.extend(passkeys::check(app).await);
    findings.extend(assurance::check(app).await);
    match client_looks(app).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::fault("database", chain_of(&error))),
    }
    for found in [
        administrators(app).await,
        profiles(app).await,
        audit_log(app).await,
        newest_change(app).await,
        clocks(app).await,
    ] {
        findings.push(found.unwrap_or_else(|error| Finding::fault("database", chain_of(&error))));
    }
    findings
}

/// Reports a database that `serve` refuses.
async fn origin(app: &App) -> Option<Finding> {
    let read = async { bootstrap::read_made_by_dev(&mut app.store().read().await?).await };
    match read.await {
        Ok(false) => None,
        Ok(true) => Some(Finding::warning(
            "database",
            "`rolecall dev` made it, with users whose password is known, so `serve` refuses it",
        )),
        Err(error) => Some(Finding::fault("database", chain_of(&error))),
    }
}

/// Reports clients that cannot be told of log-outs, since nothing says whose certificates to trust.
pub(super) async fn untrusting(app: &App, trusts_anybody: bool) -> Option<Finding> {
    if trusts_anybody {
        return None;
    }
    let read = async { backchannel::by_tls(&mut app.store().read().await?).await };
    match read.await {
        Ok(None) => None,
        Ok(Some(client)) => Some(Finding::fault(
            "log-out",
            format!(
                "no root certificates were found, so that client `{client}` and others cannot be told of log-outs: install the package `ca-certificates`, or set `SSL_CERT_FILE`"
            ),
        )),
        Err(error) => Some(Finding::fault("log-out", chain_of(&error))),
    }
}

/// Reports clients that do not take logout tokens.
async fn logout_tokens(app: &App) -> Vec<Finding> {
    let read = async {
        let mut conn = app.store().read().await?;
        let since = app.read_database_time(&mut conn).await?.minus(SOON_TRIED);
        backchannel::undelivered(&mut conn, since, MAX_UNDELIVERED).await
    };
    let undelivered = match read.await {
        Ok(undelivered) => undelivered,
        Err(error) => return vec![Finding::fault("log-out", chain_of(&error))],
    };
    let report = |one: &Undelivered| {
        let Undelivered {
            client,
            error,
            count,
        } = one;
        let tokens = if *count == 1 { "token" } else { "tokens" };
        Finding::warning(
            "log-out",
            match error {
                Some(error) => format!(
                    "client `{client}` did not take {count} logout {tokens} ({error}), which are sent again: check its `backchannel_logout_uri`, and that this server can reach it"
                ),
                None => format!(
                    "logout tokens for client `{client}` that were not tried for {} minutes: {count}; see that a server runs, that it can look up the host of its `backchannel_logout_uri`, and that it is not kept waiting by other tokens for it",
                    SOON_TRIED.as_secs() / 60
                ),
            },
        )
    };
    undelivered.iter().map(report).collect()
}

/// Reports applications that sign people in where nothing signs ID tokens.
async fn id_tokens(config: &Config, app: &App) -> Option<Finding> {
    if config.tokens.algorithm != SigningAlgorithm::Hs256 {
        return None;
    }
    let read = async { clients::id_token_algorithms(&mut app.store().read().await?).await };
    match read.await {
        Ok(wanted) if wanted.is_empty() => None,
        Ok(_) => Some(Finding::warning(
            "algorithm",
            "`tokens.algorithm` is HS256, which cannot sign ID tokens, and clients sign people in: a sign-in with `openid` is refused, and sessions go on without ID tokens; use ES256",
        )),
        Err(error) => Some(Finding::fault("algorithm", chain_of(&error))),
    }
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

async fn profiles(app: &App) -> Result<Finding, ApiError> {
    let found = review::find_outdated(app.store(), &app.settings().profile).await?;
    if found.is_empty() {
        return Ok(Finding::good("profiles", "all values fit their fields"));
    }
    let fields = found.into_iter().map(|(field, outdated)| {
        let Outdated { users, names } = outdated;
        let names = names.join("`, `");
        let more = if users > NAMED_USERS { ", .." } else { "" };
        format!("`{field}` of {users} (`{names}`{more})")
    });
    let fields: Vec<String> = fields.collect();
    Ok(Finding::warning(
        "profiles",
        format!(
            "the values of fields do not fit their declaration any more, so tokens do not carry them: {}; set them again with `rolecall user set-profile`",
            fields.join(", ")
        ),
    ))
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

/// Compares the clock of this machine with the database's, and looks for one that has jumped.
async fn clocks(app: &App) -> Result<Finding, ApiError> {
    let mut conn = app.store().read().await?;
    let database = app.read_database_time(&mut conn).await?;
    let stored = read_known_time(&mut conn).await?;
    Ok(judge_clocks(SystemClock.now(), database, stored))
}

fn judge_clocks(now: Timestamp, database: Timestamp, stored: Option<StoredTime>) -> Finding {
    if let Some(stored) = stored.filter(|stored| stored.jumped_by != 0) {
        let noticed = stored.jumped_at.unwrap_or(stored.known_at);
        return Finding::fault(
            "clock",
            format!(
                "the database's clock jumped by {} s, noticed at {}: nothing is deleted on its word; set it right, or leave a server running until it trusts the time",
                stored.jumped_by / 1_000_000,
                rfc3339(noticed)
            ),
        );
    }
    match clock::offset_seconds(now, database) {
        Some(seconds) => Finding::fault(
            "clock",
            format!("this clock differs from the database's by {seconds} s: synchronize both"),
        ),
        None => Finding::good("clock", "agrees with the database's"),
    }
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
                rfc3339(entry.at)
            ),
        ),
        None => Finding::good("clock", "the newest change is not in the future"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn y023_clocks_that_differ_or_jumped_are_faults() {
        let now = Timestamp::from_seconds(1_900_000_000);
        let time = |jumped_by| StoredTime {
            known_at: now,
            jumped_at: Some(now),
            jumped_by,
        };
        let severity = |now, stored| {
            judge_clocks(now, Timestamp::from_seconds(1_900_000_000), stored).severity
        };
        assert_eq!(severity(now, None), Severity::Good);
        assert_eq!(severity(now, Some(time(0))), Severity::Good);
        assert_eq!(severity(now, Some(time(3_600_000_000))), Severity::Fault);
        for seconds in [-45, 45] {
            let other = Timestamp::from_seconds(1_900_000_000 + seconds);
            assert_eq!(severity(other, None), Severity::Fault);
        }
        let close = Timestamp::from_seconds(1_900_000_004);
        assert_eq!(severity(close, None), Severity::Good);
    }
}
