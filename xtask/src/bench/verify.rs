//! Verification of one access token beside the bare signature of aws-lc-rs.

use super::Bench;
use super::numbers::{Series, short};
use super::report::{Section, Table};

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let milliseconds = (bench.seconds * 25).to_string();
    let lines = bench.ask_probe(&["verify", &bench.rounds.to_string(), &milliseconds])?;
    let mut algorithms: Vec<&str> = Vec::new();
    for line in &lines {
        if let Some(name) = line
            .first()
            .filter(|name| !algorithms.contains(&name.as_str()))
        {
            algorithms.push(name);
        }
    }
    let mut table = Table::new(&[
        "algorithm",
        "bare signature, us",
        "whole token, us",
        "ratio",
        "token in the cache, us",
        "ratio",
    ]);
    for algorithm in algorithms {
        let [bare, full, cached] =
            ["bare", "full", "cached"].map(|way| find(&lines, algorithm, way));
        table.row(&[
            algorithm.to_owned(),
            bare.shown(),
            full.shown(),
            short(full.over(&bare).median()),
            cached.shown(),
            short(cached.over(&bare).median()),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: Vec::new(),
    })
}

/// Microseconds, one of each round.
pub(super) fn find(lines: &[Vec<String>], algorithm: &str, way: &str) -> Series {
    let nanoseconds = lines.iter().filter_map(|line| match line.as_slice() {
        [name, other, value] if name == algorithm && other == way => value.parse::<f64>().ok(),
        _ => None,
    });
    nanoseconds.map(|value| value / 1000.0).collect()
}
