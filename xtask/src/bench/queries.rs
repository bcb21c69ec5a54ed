//! The number of queries of each operation, with little and with much data.

use anyhow::{Context as _, ensure};

use super::Bench;
use super::postgres::Postgres;
use super::process::Folder;
use super::report::{Section, Table};

const FEW: &str = "10";
const MANY: &str = "10000";

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("queries")?;
    let file = |name: &str| format!("sqlite:{}", folder.path(name).display());
    let postgres = Postgres::start("queries")?;
    let few = bench.run_probe(&["queries", &file("few.db"), FEW, FEW])?;
    let many = bench.run_probe(&["queries", &file("many.db"), MANY, MANY])?;
    let other = bench.run_probe(&["queries", &postgres.create_database("queries")?, MANY, MANY])?;
    ensure!(
        few.len() == many.len() && few.len() == other.len(),
        "the probe counted different operations"
    );
    let mut table = Table::new(&[
        "operation",
        "SQLite, 10 users and roles",
        "SQLite, 10,000",
        "PostgreSQL, 10,000",
    ]);
    for ((few, many), other) in few.iter().zip(&many).zip(&other) {
        let count = |line: &Vec<String>| {
            line.get(1)
                .cloned()
                .context("the probe printed a line without a count")
        };
        let name = few.first().cloned().unwrap_or_default();
        table.row(&[name, count(few)?, count(many)?, count(other)?]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: Vec::new(),
    })
}
