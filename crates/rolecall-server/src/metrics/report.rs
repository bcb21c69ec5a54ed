//! The answer of `GET /metrics`: every metric with its current value.

use std::sync::atomic::Ordering;

use rolecall::Guard;

use super::{
    counters::Metrics,
    process::Process,
    requests::Requests,
    series::Distribution,
    text::{Kind, Text, seconds},
};
use crate::{app::App, logging, store};

/// Writes all metrics in the text format of Prometheus.
pub(super) fn write(app: &App, guard: &Guard, requests: &Requests) -> String {
    let mut text = Text::default();
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    text.begin("rolecall_build_info", Kind::Gauge, "The version; always 1.")
        .sample(&labels, 1);
    requests.write(&mut text);
    write_log_ins(app, &mut text);
    write_passwords(app, &mut text);
    write_database(app, &mut text);
    write_state(app, guard, &mut text);
    write_log(&mut text);
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
        "Threads that hash passwords.",
        load.threads,
    );
    text.gauge(
        "rolecall_password_hash_running",
        "Passwords being hashed.",
        load.running,
    );
    text.gauge(
        "rolecall_password_hash_queue_length",
        "Passwords waiting to be hashed.",
        load.waiting,
    );
    text.gauge(
        "rolecall_password_hash_queue_capacity",
        "The most passwords that can wait; more are refused.",
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
        "Time that passwords waited to be hashed.",
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

fn write_log(text: &mut Text) {
    text.counter(
        "rolecall_log_lines_dropped_total",
        "Log lines dropped because standard error was not read in time.",
        logging::dropped_lines(),
    );
}

fn write_database(app: &App, text: &mut Text) {
    let pools = app.store().connections();
    let help = "Open connections to the database, by pool.";
    text.begin("rolecall_database_connections", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.open);
    }
    let help = "Idle connections to the database, by pool.";
    text.begin("rolecall_database_connections_idle", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.idle);
    }
    let help = "Limit of connections to the database, by pool.";
    text.begin("rolecall_database_connections_max", Kind::Gauge, help);
    for pool in &pools {
        text.sample(&[("pool", pool.name)], pool.max);
    }
    let help = "Failed queries, by kind of error.";
    text.begin("rolecall_database_errors_total", Kind::Counter, help);
    for (kind, count) in store::errors() {
        text.sample(&[("kind", kind)], count);
    }
}

fn write_mails(app: &App, text: &mut Text) {
    let metrics = &app.parts().metrics;
    text.family(
        "rolecall_mails_total",
        "Tries to send mails, by outcome.",
        "outcome",
        &metrics.mails,
    );
    text.gauge(
        "rolecall_mails_waiting",
        "Mails that wait to be sent, as this node last saw.",
        metrics.mails_waiting.load(Ordering::Relaxed),
    );
}

fn write_logout_tokens(metrics: &Metrics, text: &mut Text) {
    text.family(
        "rolecall_logout_tokens_total",
        "Attempts to send logout tokens to clients, by outcome.",
        "outcome",
        &metrics.logout_tokens,
    );
    let (waiting, oldest) = metrics.waiting();
    text.gauge(
        "rolecall_logout_tokens_waiting",
        "Logout tokens in the database that no client has taken yet.",
        waiting,
    );
    text.gauge(
        "rolecall_logout_tokens_oldest_seconds",
        "Age of the oldest logout token that waits.",
        oldest,
    );
}

fn write_state(app: &App, guard: &Guard, text: &mut Text) {
    let parts = app.parts();
    let metrics = &parts.metrics;
    text.gauge(
        "rolecall_revision",
        "The newest revision that this node knows.",
        metrics.revision(),
    );
    let age = u64::try_from(parts.live.age().as_micros()).unwrap_or(u64::MAX);
    text.gauge(
        "rolecall_state_age_seconds",
        "Age of the revocations that this node knows.",
        seconds(age),
    );
    text.gauge(
        "rolecall_floors",
        "Floors that this node holds.",
        parts.live.floor_count(),
    );
    text.family(
        "rolecall_floors_raised_total",
        "Floors that this node raised, by kind.",
        "kind",
        &metrics.floors_raised,
    );
    text.family(
        "rolecall_state_polls_total",
        "Polls of the database for revocations, by outcome.",
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
        "Runs that delete expired rows, by outcome.",
        "outcome",
        &metrics.clean_ups,
    );
    write_logout_tokens(metrics, text);
    write_mails(app, text);
    let cache = guard.cache_use();
    text.gauge(
        "rolecall_verified_tokens",
        "Verified access tokens in the cache.",
        cache.entries,
    );
    text.counter(
        "rolecall_verified_tokens_hits_total",
        "Access tokens found in the cache.",
        cache.hits,
    );
    text.counter(
        "rolecall_verified_tokens_misses_total",
        "Access tokens that had to be verified.",
        cache.misses,
    );
}
