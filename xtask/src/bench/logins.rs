//! Log-ins a second, beside what the password hash alone allows on all cores.

use anyhow::Context as _;

use super::Bench;
use super::numbers::Series;
use super::process::{Folder, clock_ticks};
use super::report::{Bound, Section, Table};
use super::wrk;

const CONNECTIONS: u32 = 8;

/// What the hash alone takes.
#[derive(Clone, Copy)]
struct Hash {
    per_second: f64,
    cpu_ms: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("logins")?;
    let server = bench.start_application(&folder)?;
    let (mut hash, mut log_in): ((Series, Series), (Series, Series)) = Default::default();
    wrk::log_ins(&folder, &server, CONNECTIONS, 1)?;
    // what the hash allows is measured before and after, since it drifts with the machine
    let mut before = hash_alone(bench)?;
    for _ in 0..bench.rounds {
        let cpu = server.cpu_seconds()?;
        let seen = wrk::log_ins(&folder, &server, CONNECTIONS, bench.seconds)?;
        log_in.0.push(seen.per_second);
        log_in
            .1
            .push((server.cpu_seconds()? - cpu) * 1e3 / seen.requests);
        let after = hash_alone(bench)?;
        hash.0
            .push(f64::midpoint(before.per_second, after.per_second));
        hash.1.push(f64::midpoint(before.cpu_ms, after.cpu_ms));
        before = after;
    }
    let ratio = log_in.0.over(&hash.0);
    let mut table = Table::new(&["what", "a second", "CPU of each, ms"]);
    let name = "Argon2id (19 MiB, 2, 1) alone, on all cores".to_owned();
    table.row(&[name, hash.0.shown(), hash.1.shown()]);
    let name = format!("log-ins, {CONNECTIONS} connections, session on disk");
    table.row(&[name, log_in.0.shown(), log_in.1.shown()]);
    let cpu = hash.1.over(&log_in.1).shown();
    table.row(&["log-ins over the hash".to_owned(), ratio.shown(), cpu]);
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_least(
            "log-ins a second over what the hash alone allows",
            ratio.median(),
            0.90,
            "at least 0.90",
        )],
    })
}

fn hash_alone(bench: &Bench<'_>) -> anyhow::Result<Hash> {
    let seconds = (bench.seconds / 2).max(1).to_string();
    let lines = bench.ask_probe(&["hash", &seconds])?;
    let field = |place: usize| lines.first()?.get(place)?.parse::<f64>().ok();
    let (per_second, ticks) = (field(1), field(2));
    Ok(Hash {
        per_second: per_second.context("the probe printed no rate")?,
        cpu_ms: ticks.context("the probe printed no time")? * 1e3 / clock_ticks()?,
    })
}
