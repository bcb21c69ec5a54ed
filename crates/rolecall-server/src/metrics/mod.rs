//! What Prometheus is told, on a listener of its own.
//!
//! Nothing here names a person, a role or a token: labels have values that are fixed when the program is
//! written or when its routes are mounted.

mod listener;
mod process;
mod requests;
pub(crate) mod series;
mod text;

use std::sync::atomic::{AtomicI64, Ordering};

use rolecall::Guard;
use rolecall_core::{Revision, Timestamp};

use self::{
    process::Process,
    series::{Counter, Distribution, Family},
    text::{Kind, Text, seconds},
};
use crate::{app::App, clients::store::GrantType, store};

pub(crate) use listener::serve;
pub(crate) use requests::{Requests, counted};

/// What the features of the server count while they work.
#[derive(Debug)]
pub(crate) struct Metrics {
    started_at: Timestamp,
    /// Log-ins by how they ended.
    pub(crate) log_ins: Family,
    /// Refreshes by how they ended.
    pub(crate) refreshes: Family,
    /// Floors that this node raised, by what they are about.
    pub(crate) floors_raised: Family,
    /// Access tokens by the grant that they were issued for.
    pub(crate) tokens: Family,
    pub(crate) audit_entries: Counter,
    /// Runs that forget what has ended.
    pub(crate) clean_ups: Family,
    /// How often the node asked the database what was taken away.
    pub(crate) polls: Family,
    revision: AtomicI64,
}

impl Metrics {
    pub(crate) fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            log_ins: Family::new(&[
                "success",
                "wrong",
                "change_required",
                "slowed",
                "busy",
                "refused",
                "failed",
            ]),
            refreshes: Family::new(&["rotated", "grace", "replayed", "refused", "busy", "failed"]),
            floors_raised: Family::new(&["subject", "client", "role", "sid", "jti"]),
            tokens: Family::new(&GrantType::NAMES),
            audit_entries: Counter::default(),
            clean_ups: Family::new(&["done", "left", "failed"]),
            polls: Family::new(&["done", "failed"]),
            revision: AtomicI64::new(0),
        }
    }

    pub(crate) fn note_revision(&self, revision: Revision) {
        self.revision.store(revision, Ordering::Relaxed);
    }
}

/// Everything as of now, in the text format of Prometheus.
fn write(app: &App, guard: &Guard, requests: &Requests) -> String {
    let mut text = Text::default();
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    text.begin("rolecall_build_info", Kind::Gauge, "The version; always 1.")
        .sample(&labels, 1);
    requests.write(&mut text);
    write_log_ins(app, &mut text);
    write_passwords(app, &mut text);
    write_database(app, &mut text);
    write_state(app, guard, &mut text);
    text.gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        app.parts().metrics.started_at.seconds(),
    );
    Process::read().write(&mut text);
    text.finish()
}

fn write_log_ins(app: &App, text: &mut Text) {
    let metrics = &app.parts().metrics;
    text.family(
        "rolecall_log_ins_total",
        "Log-ins with user name and password, by outcome.",
        "outcome",
        &metrics.log_ins,
    );
    text.family(
        "rolecall_refreshes_total",
        "Uses of refresh tokens, by outcome.",
        "outcome",
        &metrics.refreshes,
    );
    text.family(
        "rolecall_tokens_issued_total",
        "Access tokens issued, by grant.",
        "grant",
        &metrics.tokens,
    );
}

fn write_passwords(app: &App, text: &mut Text) {
    let load = app.parts().hasher.load();
    text.gauge(
        "rolecall_password_hash_threads",
        "Passwords that can be hashed at the same time.",
        load.threads,
    );
    text.gauge(
        "rolecall_password_hash_running",
        "Passwords that are being hashed.",
        load.running,
    );
    text.gauge(
        "rolecall_password_hash_queue_length",
        "Passwords that wait to be hashed.",
        load.waiting,
    );
    text.gauge(
        "rolecall_password_hash_queue_capacity",
        "How many may wait; one more is refused.",
        load.capacity,
    );
    text.counter(
        "rolecall_password_hashes_total",
        "Passwords hashed or verified.",
        load.started,
    );
    text.counter(
        "rolecall_password_hash_refused_total",
        "Passwords refused because the queue was full.",
        load.refused,
    );
    text.begin(
        "rolecall_password_hash_wait_seconds",
        Kind::Histogram,
        "How long passwords waited to be hashed.",
    );
    let waits = load.waits;
    text.distribution(
        &[],
        &Distribution {
            cumulative: waits.cumulative,
            count: waits.count,
            sum_micros: waits.sum_micros,
        },
    );
}

fn write_database(app: &App, text: &mut Text) {
    let pools = app.store().connections();
    let help = "Connections to the database, by pool.";
    text.begin("rolecall_database_connections", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.open);
    }
    let help = "Connections to the database that nobody uses at the moment, by pool.";
    text.begin("rolecall_database_connections_idle", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.idle);
    }
    let help = "The most connections to the database, by pool.";
    text.begin("rolecall_database_connections_max", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.max);
    }
    let help = "Queries that the database did not answer as it should, by kind.";
    text.begin("rolecall_database_errors_total", Kind::Counter, help);
    for (kind, count) in store::errors() {
        text.sample(&[("kind", kind)], count);
    }
}

fn write_state(app: &App, guard: &Guard, text: &mut Text) {
    let parts = app.parts();
    let metrics = &parts.metrics;
    text.gauge(
        "rolecall_revision",
        "The newest revision that this node knows.",
        metrics.revision.load(Ordering::Relaxed),
    );
    let age = u64::try_from(parts.live.age().as_micros()).unwrap_or(u64::MAX);
    text.gauge(
        "rolecall_state_age_seconds",
        "How old what this node knows of things taken away may be.",
        seconds(age),
    );
    text.gauge(
        "rolecall_floors",
        "Floors that this node holds.",
        parts.live.floor_count(),
    );
    text.family(
        "rolecall_floors_raised_total",
        "Floors that this node raised, by what they are about.",
        "kind",
        &metrics.floors_raised,
    );
    text.family(
        "rolecall_state_polls_total",
        "How often this node asked the database for news, by outcome.",
        "outcome",
        &metrics.polls,
    );
    text.counter(
        "rolecall_audit_entries_total",
        "Entries that this node wrote to the audit log.",
        metrics.audit_entries.get(),
    );
    text.family(
        "rolecall_clean_ups_total",
        "Runs that forget what has ended, by outcome.",
        "outcome",
        &metrics.clean_ups,
    );
    let cache = guard.cache_use();
    text.gauge(
        "rolecall_verified_tokens",
        "Verified access tokens that are remembered.",
        cache.entries,
    );
    text.counter(
        "rolecall_verified_tokens_hits_total",
        "Access tokens that were remembered when they came again.",
        cache.hits,
    );
    text.counter(
        "rolecall_verified_tokens_misses_total",
        "Access tokens that had to be verified.",
        cache.misses,
    );
}

#[cfg(test)]
mod tests;
