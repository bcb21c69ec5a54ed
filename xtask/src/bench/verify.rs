//! The verification of an access token beside that of the bare signature with aws-lc-rs.

use super::Bench;
use super::numbers::{Series, format_number};
use super::report::{Section, Table};

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let milliseconds = (bench.seconds * 25).to_string();
    let lines = bench.run_probe(&["verify", &bench.rounds.to_string(), &milliseconds])?;
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
            ["bare", "full", "cached"].map(|operation| find(&lines, algorithm, operation));
        table.row(&[
            algorithm.to_owned(),
            bare.to_cell(),
            full.to_cell(),
            format_number(full.ratio_to(&bare).median()),
            cached.to_cell(),
            format_number(cached.ratio_to(&bare).median()),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: Vec::new(),
    })
}

/// The microseconds of an operation, one per round.
pub(super) fn find(lines: &[Vec<String>], algorithm: &str, operation: &str) -> Series {
    let nanoseconds = lines.iter().filter_map(|line| match line.as_slice() {
        [name, other, value] if name == algorithm && other == operation => {
            value.parse::<f64>().ok()
        }
        _ => None,
    });
    nanoseconds.map(|value| value / 1000.0).collect()
}
