//! The database and its time limits.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::bounds;
use crate::{config::Config, store::url::DatabaseUrl};

/// A request ends after 30 s, and waits for a connection and for statements in that time.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(25);
const MAX_START: Duration = Duration::from_hours(24);

pub(super) fn faults(config: &Config) -> Vec<String> {
    let database = &config.database;
    let mut faults = Vec::new();
    match DatabaseUrl::parse(database.url.expose_secret()) {
        Err(error) => faults.push(error.to_string()),
        Ok(DatabaseUrl::Postgres(_)) => {}
        Ok(_) if database.schema.is_some() => faults.push(
            "`database.schema`: SQLite has no schemas; remove it, and give rolecall a file of its own with `database.url`"
                .to_owned(),
        ),
        Ok(_) => {}
    }
    faults.extend(bounds::number(
        "database.max_connections",
        database.max_connections,
        2..=1000,
    ));
    let timeouts = MIN_TIMEOUT..=MAX_TIMEOUT;
    for (key, limit, range, shown) in [
        (
            "database.acquire_timeout",
            database.acquire_timeout,
            timeouts.clone(),
            "100ms and 25s",
        ),
        (
            "database.statement_timeout",
            database.statement_timeout,
            timeouts,
            "100ms and 25s",
        ),
        (
            "database.start_timeout",
            database.start_timeout,
            Duration::ZERO..=MAX_START,
            "0s and 1d",
        ),
    ] {
        faults.extend(bounds::duration(key, limit, range, shown));
    }
    faults
}
