//! Start time and memory of the server with few and with many users.

use std::thread;
use std::time::{Duration, Instant};

use super::numbers::Series;
use super::postgres::Postgres;
use super::process::Folder;
use super::report::{Bound, Section, Table};
use super::{Bench, log_in, wrk};

/// The numbers of users and roles.
const SIZES: [(&str, &str); 3] = [("10", "10"), ("10000", "100"), ("1000000", "1000")];
const ON_POSTGRES: [(&str, &str); 1] = [("10000", "100")];

/// The time without requests before the memory is measured.
const IDLE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Measurements {
    start: Series,
    idle: Series,
    after_logins: Series,
    log_in: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("scale")?;
    let postgres = Postgres::start("scale")?;
    let mut table = Table::new(&[
        "database",
        "users",
        "roles",
        "start to first response, ms",
        "one login, ms",
        "idle, MiB",
        "5 s after logins, MiB",
    ]);
    let mut bounds = Vec::new();
    for (users, roles) in SIZES {
        let url = format!("sqlite:{}", folder.path(&format!("{users}.db")).display());
        let measurements = measure_size(bench, &folder, &url, users, roles)?;
        table.row(&row("SQLite", users, roles, &measurements));
        if users == "1000000" {
            bounds = bounds_of(&measurements);
        }
    }
    for (users, roles) in ON_POSTGRES {
        let url = postgres.create_database(&format!("users{users}"))?;
        let measurements = measure_size(bench, &folder, &url, users, roles)?;
        table.row(&row("PostgreSQL", users, roles, &measurements));
    }
    Ok(Section {
        tables: table.finish(),
        bounds,
    })
}

fn bounds_of(measurements: &Measurements) -> Vec<Bound> {
    vec![
        Bound::at_most(
            "start to the first response with 1,000,000 users, ms",
            measurements.start.median(),
            150.0,
            "within 150",
        ),
        Bound::at_most(
            "resident memory, idle, with 1,000,000 users, MiB",
            measurements.idle.median(),
            25.0,
            "under 25",
        ),
    ]
}

fn row(database: &str, users: &str, roles: &str, measurements: &Measurements) -> Vec<String> {
    [database, users, roles]
        .into_iter()
        .map(str::to_owned)
        .chain([
            measurements.start.to_cell(),
            measurements.log_in.to_cell(),
            measurements.idle.to_cell(),
            measurements.after_logins.to_cell(),
        ])
        .collect()
}

fn measure_size(
    bench: &Bench<'_>,
    folder: &Folder,
    url: &str,
    users: &str,
    roles: &str,
) -> anyhow::Result<Measurements> {
    eprintln!("{users} users");
    bench.run_probe(&["fill", url, users, roles])?;
    let mut measurements = Measurements::default();
    // the first start also creates keys and built-in roles
    drop(bench.start_rolecall(url)?);
    for _ in 0..bench.rounds.min(3) {
        let server = bench.start_rolecall(url)?;
        measurements
            .start
            .push(server.started_in().as_secs_f64() * 1e3);
        thread::sleep(IDLE);
        measurements.idle.push(server.resident_mib()?);
        let start = Instant::now();
        log_in(&server, "user0")?;
        measurements
            .log_in
            .push(start.elapsed().as_secs_f64() * 1e3);
        if users != "10" {
            wrk::logins(folder, &server, 8, bench.seconds)?;
        }
        thread::sleep(IDLE);
        measurements.after_logins.push(server.resident_mib()?);
    }
    Ok(measurements)
}
