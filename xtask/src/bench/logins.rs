//! Log-ins a second, beside what the password hash alone allows on all cores.

use std::fmt::Write as _;

use super::Bench;
use super::numbers::{Series, short};
use super::process::Folder;
use super::report::{Bound, Section, Table};
use super::wrk;

const CONNECTIONS: u32 = 8;

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("logins")?;
    let server = bench.start_application(&folder)?;
    // what the hash allows is measured before and after, since it drifts with the machine
    let (mut limit, mut log_ins, mut ratio, mut cpu) = (
        Series::default(),
        Series::default(),
        Series::default(),
        Series::default(),
    );
    wrk::log_ins(&folder, &server, CONNECTIONS, 1)?;
    let mut before = hashes(bench)?;
    for _ in 0..bench.rounds {
        let cpu_before = server.cpu_seconds()?;
        let seen = wrk::log_ins(&folder, &server, CONNECTIONS, bench.seconds)?;
        cpu.push((server.cpu_seconds()? - cpu_before) * 1e3 / seen.requests);
        let after = hashes(bench)?;
        let hashes = f64::midpoint(before, after);
        limit.push(hashes);
        log_ins.push(seen.per_second);
        ratio.push(seen.per_second / hashes);
        before = after;
    }
    let mut table = Table::new(&["what", "a second", "ratio to the hash"]);
    let one = short(1.0);
    table.row(&[
        "Argon2id (19 MiB, 2, 1) alone, all cores".to_owned(),
        limit.shown(),
        one,
    ]);
    let name = format!("log-ins, {CONNECTIONS} connections, session on disk");
    table.row(&[name, log_ins.shown(), ratio.shown()]);
    let mut tables = table.finish();
    let cpu = cpu.shown();
    let _ = writeln!(tables, "\nOne log-in takes {cpu} ms of the server's CPU.");
    Ok(Section {
        tables,
        bounds: vec![Bound::at_least(
            "log-ins a second over what the hash alone allows",
            ratio.median(),
            0.90,
            "at least 0.90",
        )],
    })
}

fn hashes(bench: &Bench<'_>) -> anyhow::Result<f64> {
    let seconds = (bench.seconds / 2).max(1).to_string();
    let lines = bench.ask_probe(&["hash", &seconds])?;
    let rate = lines.first().and_then(|line| line.get(1)?.parse().ok());
    anyhow::Context::context(rate, "the probe printed no rate")
}
