//! The checks that a server can make while it runs: each is a short query, or a look at the configuration.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::{
    assurance, breached, configuration,
    finding::{Finding, Severity},
    mail,
    pages::client_looks,
    passkeys,
};
use crate::{
    app::App,
    audit,
    authority::caller::Caller,
    backchannel::store::{self as backchannel, Undelivered},
    clean_up::clock,
    error::{ApiError, chain_of},
    outgoing::trusts_anybody,
    store::{StoredTime, integrity::Depth, read_known_time},
    times::rfc3339,
};

/// How far the newest change may be ahead of this clock; nodes' clocks differ a little.
const TOLERANCE: Duration = Duration::from_mins(1);

/// The findings about clients that do not take logout tokens.
const MAX_UNDELIVERED: i64 = 20;
/// The time in which a logout token is tried.
const SOON_TRIED: Duration = Duration::from_mins(10);

/// Returns what is wrong with a running server, as far as short queries and its configuration show it. What a start checks,
/// what takes long, and what the pages for administrators show in another way is left out.
pub(crate) async fn problems(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(config) = app.settings().config.as_deref() {
        findings.extend(configuration::check(config, app.now()));
        findings.extend(mail::check(config, trusts_anybody()));
        if config.passwords.breached.is_none() {
            findings.push(breached::check(config, Depth::Quick));
        }
    }
    findings.extend(check(app).await);
    findings.retain(|finding| finding.severity > Severity::Good);
    findings
}

/// The checks that a server can make at any time: each is a short query.
pub(super) async fn check(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(untrusting(app, trusts_anybody()).await);
    findings.extend(logout_tokens(app).await);
    findings.extend(passkeys::check(app).await);
    findings.extend(assurance::check(app).await);
    match client_looks(app).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable(&error)),
    }
    for found in [newest_change(app).await, clocks(app).await] {
        findings.push(found.unwrap_or_else(|error| unreadable(&error)));
    }
    findings
}

/// Reports that a check could not read the database.
pub(super) fn unreadable(error: &ApiError) -> Finding {
    let why = chain_of(error);
    let finding = Finding::fault("database", why.as_str()).detailed(why);
    finding.on_pages("admin-doctor-unreadable")
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
        )
        .on_pages("admin-doctor-log-out-roots")
        .naming(client)),
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
        let key = if error.is_some() {
            "admin-doctor-log-out-refused"
        } else {
            "admin-doctor-log-out-untried"
        };
        let finding = Finding::warning(
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
        );
        let finding = finding.on_pages(key).naming(client).counting(*count);
        finding.detailed(error.as_deref().unwrap_or_default())
    };
    undelivered.iter().map(report).collect()
}

/// Compares the clock of this machine with the database's, and looks for one that has jumped.
async fn clocks(app: &App) -> Result<Finding, ApiError> {
    let mut conn = app.store().read().await?;
    let database = app.read_database_time(&mut conn).await?;
    let stored = read_known_time(&mut conn).await?;
    Ok(judge_clocks(app.now(), database, stored))
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
        )
        .on_pages("admin-doctor-clock-jumped")
        .counting(stored.jumped_by / 1_000_000)
        .naming(rfc3339(noticed));
    }
    match clock::offset_seconds(now, database) {
        Some(seconds) => Finding::fault(
            "clock",
            format!("this clock differs from the database's by {seconds} s: synchronize both"),
        )
        .on_pages("admin-doctor-clock-differs")
        .naming(seconds.to_string()),
        None => Finding::good("clock", "agrees with the database's"),
    }
}

async fn newest_change(app: &App) -> Result<Finding, ApiError> {
    let newest = audit::service::list(app, Caller::System, None, 1).await?;
    let ahead = newest
        .first()
        .filter(|entry| entry.at.since(app.now()) > TOLERANCE);
    Ok(match ahead {
        Some(entry) => Finding::fault(
            "clock",
            format!(
                "the newest change is dated {}, in the future: this clock or the clock of another node is wrong",
                rfc3339(entry.at)
            ),
        )
        .on_pages("admin-doctor-clock-behind")
        .naming(rfc3339(entry.at)),
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
            latest_at: None,
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
