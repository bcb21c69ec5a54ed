//! Very many users taken over from another application, while others log in.

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
/// Users who are there already and log in meanwhile.
const USERS: &str = "100";
/// Of the form that bcrypt has; nobody logs in with it.
const HASH: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";

#[derive(Default)]
struct Measured {
    seconds: Series,
    log_ins: Series,
    slowest_ms: Series,
    refused: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("import")?;
    let postgres = Postgres::start("import")?;
    let file = folder.path("users.csv");
    fs::write(&file, users()?)?;
    let (mut sqlite, mut on_postgres) = (Measured::default(), Measured::default());
    for round in 0..bench.rounds.min(3) {
        let database = folder.path(&format!("{round}.db"));
        once(
            bench,
            &format!("sqlite:{}", database.display()),
            &file,
            &mut sqlite,
        )?;
        let url = postgres.database(&format!("import{round}"))?;
        once(bench, &url, &file, &mut on_postgres)?;
    }
    let mut table = Table::new(&[
        "database",
        "import of 100,000 users, s",
        "log-ins meanwhile",
        "slowest log-in, ms",
        "refused",
    ]);
    for (name, of) in [("SQLite", &sqlite), ("PostgreSQL", &on_postgres)] {
        table.row(&[
            name.to_owned(),
            of.seconds.shown(),
            of.log_ins.shown(),
            of.slowest_ms.shown(),
            of.refused.to_string(),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: wanted(&sqlite, &on_postgres),
    })
}

fn wanted(sqlite: &Measured, postgres: &Measured) -> Vec<Bound> {
    let seconds = sqlite.seconds.median().max(postgres.seconds.median());
    vec![
        Bound::at_most(
            "import of 100,000 users on the slower database, s",
            seconds,
            30.0,
            "under 30",
        ),
        Bound::at_most(
            "log-ins refused while 100,000 users are imported",
            sqlite.refused + postgres.refused,
            0.0,
            "none",
        ),
    ]
}

/// Names in no order, as another application hands them out.
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

fn once(bench: &Bench<'_>, url: &str, file: &Path, measured: &mut Measured) -> anyhow::Result<()> {
    bench.ask_probe(&["fill", url, USERS, "10"])?;
    let server = bench.start_rolecall(url)?;
    let done = AtomicBool::new(false);
    let log_ins = thread::scope(|scope| {
        let logging_in = scope.spawn(|| log_in_until(&done, &server));
        let took = import(bench, url, file);
        done.store(true, Ordering::Relaxed);
        let log_ins = logging_in
            .join()
            .map_err(|_| anyhow!("a thread panicked"))??;
        measured.seconds.push(took?);
        anyhow::Ok(log_ins)
    })?;
    measured.log_ins.push(log_ins.answered);
    measured.slowest_ms.push(log_ins.slowest_ms);
    measured.refused += log_ins.refused;
    Ok(())
}

/// Runs the import with its progress bar, in a terminal of its own where there is `script`; gives the seconds.
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
    let began = Instant::now();
    let output = terminal.output()?;
    let took = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && said.contains("100000 users imported"),
        "the import failed: {said}"
    );
    Ok(took)
}

#[derive(Default)]
struct LogIns {
    answered: f64,
    refused: f64,
    slowest_ms: f64,
}

/// One log-in after the other.
fn log_in_until(done: &AtomicBool, server: &Server) -> anyhow::Result<LogIns> {
    let mut seen = LogIns::default();
    let users = (0..wrk::LOG_IN_USERS).cycle();
    for user in users.take_while(|_| !done.load(Ordering::Relaxed)) {
        let form = wrk::form(&format!("user{user}"));
        let began = Instant::now();
        let answer = http::post(server.port(), "/token", wrk::FORM, &form)?;
        seen.slowest_ms = seen.slowest_ms.max(began.elapsed().as_secs_f64() * 1e3);
        seen.answered += 1.0;
        if answer.status != 200 {
            seen.refused += 1.0;
        }
    }
    Ok(seen)
}
