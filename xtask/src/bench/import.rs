//! The import of many users from another application, while others log in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{anyhow, ensure};

use super::numbers::Series;
use super::postgres::Postgres;
use super::process::{Folder, Server};
use super::report::{Bound, Section, Table};
use super::{Bench, http, wrk};

const ROWS: u32 = 100_000;
/// Users that exist already and log in during the import.
const USERS: &str = "100";
/// A bcrypt hash; nobody logs in with it.
const HASH: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";

#[derive(Default)]
struct Measurements {
    seconds: Series,
    logins: Series,
    slowest_ms: Series,
    refused: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("import")?;
    let postgres = Postgres::start("import")?;
    let file = folder.path("users.csv");
    fs::write(&file, users()?)?;
    let (mut sqlite, mut on_postgres) = (Measurements::default(), Measurements::default());
    for round in 0..bench.rounds.min(3) {
        let database = folder.path(&format!("{round}.db"));
        run_once(
            bench,
            &format!("sqlite:{}", database.display()),
            &file,
            &mut sqlite,
        )?;
        let url = postgres.create_database(&format!("import{round}"))?;
        run_once(bench, &url, &file, &mut on_postgres)?;
    }
    let mut table = Table::new(&[
        "database",
        "import of 100,000 users, s",
        "logins meanwhile",
        "slowest login, ms",
        "refused",
    ]);
    for (name, series) in [("SQLite", &sqlite), ("PostgreSQL", &on_postgres)] {
        table.row(&[
            name.to_owned(),
            series.seconds.to_cell(),
            series.logins.to_cell(),
            series.slowest_ms.to_cell(),
            series.refused.to_string(),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: bounds(&sqlite, &on_postgres),
    })
}

fn bounds(sqlite: &Measurements, postgres: &Measurements) -> Vec<Bound> {
    let seconds = sqlite.seconds.median().max(postgres.seconds.median());
    vec![
        Bound::at_most(
            "import of 100,000 users on the slower database, s",
            seconds,
            30.0,
            "under 30",
        ),
        Bound::at_most(
            "logins refused while 100,000 users are imported",
            sqlite.refused + postgres.refused,
            0.0,
            "none",
        ),
    ]
}

/// The file to import; its names are in no order, as after an export.
fn users() -> anyhow::Result<String> {
    let mut text = "username,hashed_password,role,email\n".to_owned();
    for number in 0..ROWS {
        let name = number.wrapping_mul(0x9E37_79B1);
        writeln!(
            text,
            "u{name:08x}.{number},{HASH},user,u{name:08x}@example.com"
        )?;
    }
    Ok(text)
}

fn run_once(
    bench: &Bench<'_>,
    url: &str,
    file: &Path,
    measurements: &mut Measurements,
) -> anyhow::Result<()> {
    bench.run_probe(&["fill", url, USERS, "10"])?;
    let server = bench.start_rolecall(url)?;
    let done = AtomicBool::new(false);
    let logins = thread::scope(|scope| {
        let thread = scope.spawn(|| log_in_until(&done, &server));
        let seconds = import(bench, url, file);
        done.store(true, Ordering::Relaxed);
        let logins = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        measurements.seconds.push(seconds?);
        anyhow::Ok(logins)
    })?;
    measurements.logins.push(logins.total);
    measurements.slowest_ms.push(logins.slowest_ms);
    measurements.refused += logins.refused;
    Ok(())
}

/// Runs the import with its progress bar, in a terminal that `script` provides; returns the seconds.
fn import(bench: &Bench<'_>, url: &str, file: &Path) -> anyhow::Result<f64> {
    let command = bench.rolecall_on(url);
    let program = command.get_program().to_owned();
    let inner = format!("{} import users {}", program.display(), file.display());
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &inner, "/dev/null"]);
    for (key, value) in command.get_envs() {
        terminal.env(key, value.unwrap_or_default());
    }
    terminal.stdin(Stdio::null());
    let start = Instant::now();
    let output = terminal.output()?;
    let seconds = start.elapsed().as_secs_f64();
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && printed.contains("100000 users imported"),
        "the import failed: {printed}"
    );
    Ok(seconds)
}

#[derive(Default)]
struct Logins {
    total: f64,
    refused: f64,
    slowest_ms: f64,
}

/// Logs users in, one after the other, until `done`.
fn log_in_until(done: &AtomicBool, server: &Server) -> anyhow::Result<Logins> {
    let mut logins = Logins::default();
    let users = (0..wrk::LOGIN_USERS).cycle();
    for user in users.take_while(|_| !done.load(Ordering::Relaxed)) {
        let form = wrk::form(&format!("user{user}"));
        let start = Instant::now();
        let response = http::post(server.port(), "/token", wrk::FORM, &form)?;
        logins.slowest_ms = logins.slowest_ms.max(start.elapsed().as_secs_f64() * 1e3);
        logins.total += 1.0;
        if response.status != 200 {
            logins.refused += 1.0;
        }
    }
    Ok(logins)
}
