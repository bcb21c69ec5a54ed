//! Logins per second, beside the rate of the password hash alone on all cores.

use anyhow::Context as _;

use super::Bench;
use super::numbers::Series;
use super::process::{Folder, clock_ticks};
use super::report::{Bound, Section, Table};
use super::wrk;

const CONNECTIONS: u32 = 8;

/// The cost of the hash alone.
#[derive(Clone, Copy)]
struct Hash {
    per_second: f64,
    cpu_ms: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("logins")?;
    let server = bench.start_application(&folder)?;
    let (mut hash, mut log_in): ((Series, Series), (Series, Series)) = Default::default();
    wrk::logins(&folder, &server, CONNECTIONS, 1)?;
    // the hash is measured before and after each round, since its speed drifts with the machine
    let mut before = measure_hash(bench)?;
    for _ in 0..bench.rounds {
        let cpu = server.cpu_seconds()?;
        let result = wrk::logins(&folder, &server, CONNECTIONS, bench.seconds)?;
        log_in.0.push(result.per_second);
        log_in
            .1
            .push((server.cpu_seconds()? - cpu) * 1e3 / result.requests);
        let after = measure_hash(bench)?;
        hash.0
            .push(f64::midpoint(before.per_second, after.per_second));
        hash.1.push(f64::midpoint(before.cpu_ms, after.cpu_ms));
        before = after;
    }
    let ratio = log_in.0.ratio_to(&hash.0);
    let mut table = Table::new(&["operation", "per second", "CPU of each, ms"]);
    let name = "Argon2id (19 MiB, 2, 1) alone, on all cores".to_owned();
    table.row(&[name, hash.0.to_cell(), hash.1.to_cell()]);
    let name = format!("logins, {CONNECTIONS} connections, session on disk");
    table.row(&[name, log_in.0.to_cell(), log_in.1.to_cell()]);
    let cpu = hash.1.ratio_to(&log_in.1).to_cell();
    table.row(&["logins over the hash".to_owned(), ratio.to_cell(), cpu]);
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_least(
            "logins per second over hashes per second",
            ratio.median(),
            0.90,
            "at least 0.90",
        )],
    })
}

/// The rate of the hash alone, and its CPU time in milliseconds.
pub(super) fn hash_rate(bench: &Bench<'_>) -> anyhow::Result<(f64, f64)> {
    let hash = measure_hash(bench)?;
    Ok((hash.per_second, hash.cpu_ms))
}

fn measure_hash(bench: &Bench<'_>) -> anyhow::Result<Hash> {
    let seconds = (bench.seconds / 2).max(1).to_string();
    let lines = bench.run_probe(&["hash", &seconds])?;
    let field = |index: usize| lines.first()?.get(index)?.parse::<f64>().ok();
    let (per_second, ticks) = (field(1), field(2));
    Ok(Hash {
        per_second: per_second.context("the probe printed no rate")?,
        cpu_ms: ticks.context("the probe printed no time")? * 1e3 / clock_ticks()?,
    })
}
