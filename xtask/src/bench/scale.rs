//! Start and memory of the server with few and with very many users.

use std::thread;
use std::time::{Duration, Instant};

use super::numbers::Series;
use super::postgres::Postgres;
use super::process::Folder;
use super::report::{Bound, Section, Table};
use super::{Bench, log_in, wrk};

/// Users, and roles.
const SIZES: [(&str, &str); 3] = [("10", "10"), ("10000", "100"), ("1000000", "1000")];
const ON_POSTGRES: [(&str, &str); 1] = [("10000", "100")];

/// How long a server is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Measured {
    start: Series,
    idle: Series,
    after_log_ins: Series,
    log_in: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("scale")?;
    let postgres = Postgres::start("scale")?;
    let mut table = Table::new(&[
        "database",
        "users",
        "roles",
        "start to first answer, ms",
        "one log-in, ms",
        "idle, MiB",
        "5 s after log-ins, MiB",
    ]);
    let mut bounds = Vec::new();
    for (users, roles) in SIZES {
        let url = format!("sqlite:{}", folder.path(&format!("{users}.db")).display());
        let measured = of_size(bench, &folder, &url, users, roles)?;
        table.row(&row("SQLite", users, roles, &measured));
        if users == "1000000" {
            bounds = wanted(&measured);
        }
    }
    for (users, roles) in ON_POSTGRES {
        let url = postgres.database(&format!("users{users}"))?;
        let measured = of_size(bench, &folder, &url, users, roles)?;
        table.row(&row("PostgreSQL", users, roles, &measured));
    }
    Ok(Section {
        tables: table.finish(),
        bounds,
    })
}

fn wanted(measured: &Measured) -> Vec<Bound> {
    vec![
        Bound::at_most(
            "start to the first answer with 1,000,000 users, ms",
            measured.start.median(),
            150.0,
            "within 150",
        ),
        Bound::at_most(
            "resident memory, idle, with 1,000,000 users, MiB",
            measured.idle.median(),
            25.0,
            "under 25",
        ),
    ]
}

fn row(database: &str, users: &str, roles: &str, measured: &Measured) -> Vec<String> {
    [database, users, roles]
        .into_iter()
        .map(str::to_owned)
        .chain([
            measured.start.shown(),
            measured.log_in.shown(),
            measured.idle.shown(),
            measured.after_log_ins.shown(),
        ])
        .collect()
}

fn of_size(
    bench: &Bench<'_>,
    folder: &Folder,
    url: &str,
    users: &str,
    roles: &str,
) -> anyhow::Result<Measured> {
    eprintln!("{users} users");
    bench.ask_probe(&["fill", url, users, roles])?;
    let mut measured = Measured::default();
    // the first start also makes keys and built-in roles
    drop(bench.start_rolecall(url)?);
    for _ in 0..bench.rounds.min(3) {
        let server = bench.start_rolecall(url)?;
        measured.start.push(server.started_in().as_secs_f64() * 1e3);
        thread::sleep(IDLE);
        measured.idle.push(server.resident_mib()?);
        let began = Instant::now();
        log_in(&server, "user0")?;
        measured.log_in.push(began.elapsed().as_secs_f64() * 1e3);
        if users != "10" {
            wrk::log_ins(folder, &server, 8, bench.seconds)?;
        }
        thread::sleep(IDLE);
        measured.after_log_ins.push(server.resident_mib()?);
    }
    Ok(measured)
}
