//! The speed of decisions beside other engines, at the sizes of Casbin's benchmark and with deep hierarchies.

use anyhow::{Context as _, ensure};

use super::Bench;
use super::numbers::{Series, format_number};
use super::process::Folder;
use super::report::{Bound, Section, Table};
use crate::tools;

const SIZES: [&str; 5] = ["small", "medium", "large", "10 deep", "100 deep"];
const USERS: &str = "100000";
const ROLES: &str = "10000";

/// Lines of `engine, size, measurement, figure`.
struct Figures(Vec<Vec<String>>);

impl Figures {
    fn of(&self, engine: &str, size: &str, measurement: &str) -> Series {
        let figures = self.0.iter().filter_map(|line| match line.as_slice() {
            [line_engine, line_size, line_measurement, figure]
                if line_engine == engine
                    && line_size == size
                    && line_measurement == measurement =>
            {
                figure.parse::<f64>().ok()
            }
            _ => None,
        });
        figures.collect()
    }

    fn median(&self, engine: &str, size: &str, measurement: &str) -> f64 {
        self.of(engine, size, measurement).median()
    }

    /// The cell `allow / deny`.
    fn allow_deny(&self, engine: &str, size: &str, measurement: &str) -> String {
        let prefix = if measurement.is_empty() {
            String::new()
        } else {
            format!("{measurement}, ")
        };
        let [allow, deny] = ["allow", "deny"].map(|outcome| {
            let wrong = self.of(engine, size, &format!("{prefix}{outcome} (wrong)"));
            if wrong.is_empty() {
                format_number(self.median(engine, size, &format!("{prefix}{outcome}")))
            } else {
                "wrong".to_owned()
            }
        });
        format!("{allow} / {deny}")
    }
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let figures = measure_engines(bench)?;
    let (load, edits) = measure_database(bench)?;
    let tables = format!(
        "{}\n{}\n{}",
        decision_times(&figures),
        load_and_memory(&figures),
        database(load, &edits)
    );
    Ok(Section {
        tables,
        bounds: bounds(&figures, load, &edits),
    })
}

fn measure_engines(bench: &Bench<'_>) -> anyhow::Result<Figures> {
    let manifest = bench.workspace.path("benches/decisions/Cargo.toml");
    let target = bench.workspace.target("decisions");
    let mut build = bench.workspace.cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]);
    build.arg(&manifest).arg("--target-dir").arg(&target);
    tools::run(&mut build).context("the other engines could not be built")?;
    let (rounds, milliseconds) = (bench.rounds.to_string(), (bench.seconds * 10).to_string());
    let mut lines: Vec<Vec<String>> = Vec::new();
    for mut line in bench.run_probe(&["decide", &rounds, &milliseconds])? {
        line.insert(0, "rolecall".to_owned());
        lines.push(line);
    }
    for engine in ["cedar-policy", "casbin"] {
        let mut command = bench
            .workspace
            .command(target.join("release/rolecall-decisions"));
        let output = command.args([engine, &rounds, &milliseconds]).output()?;
        ensure!(
            output.status.success(),
            "{engine}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout)?;
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
        lines.extend(text.lines().map(fields));
    }
    Ok(Figures(lines))
}

/// The milliseconds of a start with the large policy, and of each edit of one of its roles.
fn measure_database(bench: &Bench<'_>) -> anyhow::Result<(f64, Series)> {
    let folder = Folder::new("decisions")?;
    let url = format!("sqlite:{}", folder.path("large.db").display());
    let lines = bench.run_probe(&["edit", &url, USERS, ROLES, "30"])?;
    let series = |label: &str| -> Series {
        let figures = lines.iter().filter_map(|line| match line.as_slice() {
            [name, figure] if name == label => figure.parse::<f64>().ok(),
            _ => None,
        });
        figures.collect()
    };
    let load = series("load");
    ensure!(!load.is_empty(), "the probe printed no load time");
    Ok((load.median(), series("edit")))
}

fn decision_times(figures: &Figures) -> String {
    let mut table = Table::new(&[
        "ns per decision, allow / deny",
        "rolecall, 1 role",
        "rolecall, 20 roles",
        "bare `HashSet`, 1 role",
        "bare `HashSet`, 20 roles",
        "cedar-policy",
        "casbin",
        "rolecall with its derivation, 1 role",
        "with its derivation, 20 roles",
    ]);
    for size in SIZES {
        table.row(&[
            size.to_owned(),
            figures.allow_deny("rolecall", size, "decision, 1 role"),
            figures.allow_deny("rolecall", size, "decision, 20 roles"),
            figures.allow_deny("rolecall", size, "hash set, 1 role"),
            figures.allow_deny("rolecall", size, "hash set, 20 roles"),
            figures.allow_deny("cedar-policy", size, ""),
            figures.allow_deny("casbin", size, ""),
            figures.allow_deny("rolecall", size, "derivation, 1 role"),
            figures.allow_deny("rolecall", size, "derivation, 20 roles"),
        ]);
    }
    table.finish()
}

fn load_and_memory(figures: &Figures) -> String {
    let mut table = Table::new(&[
        "load, ms, and memory, MiB",
        "rolecall",
        "cedar-policy",
        "casbin",
    ]);
    let cell = |engine: &str, size: &str, load: &str| {
        let unit = if load == "compile" { 1e-6 } else { 1.0 };
        let load = figures.median(engine, size, load) * unit;
        let memory = figures.median(engine, size, "memory KiB") / 1024.0;
        format!("{} ms, {} MiB", format_number(load), format_number(memory))
    };
    for size in SIZES {
        table.row(&[
            size.to_owned(),
            cell("rolecall", size, "compile"),
            cell("cedar-policy", size, "load ms"),
            cell("casbin", size, "load ms"),
        ]);
    }
    table.finish()
}

fn database(load: f64, edits: &Series) -> String {
    let mut table = Table::new(&["10,000 roles and 100,000 users in SQLite", "ms"]);
    table.row(&[
        "start of the server, including loading and compiling".to_owned(),
        format_number(load),
    ]);
    table.row(&[
        "granting a permission to a role, on disk and in force".to_owned(),
        edits.to_cell(),
    ]);
    table.finish()
}

fn bounds(figures: &Figures, load: f64, edits: &Series) -> Vec<Bound> {
    let worst = |measurement: &str| {
        let each = SIZES.iter().flat_map(|size| {
            ["allow", "deny"].map(|outcome| {
                figures.median("rolecall", size, &format!("{measurement}, {outcome}"))
            })
        });
        each.fold(0.0, f64::max)
    };
    let casbin = figures.median("casbin", "large", "allow");
    let rolecall = figures.median("rolecall", "large", "decision, 1 role, allow");
    vec![
        Bound::at_most(
            "a decision by name for a principal with up to 20 roles, at any size, ns",
            worst("decision, 1 role").max(worst("decision, 20 roles")),
            100.0,
            "at most 100",
        ),
        Bound::at_least(
            "decisions over those of casbin at the large size",
            casbin / rolecall,
            10_000.0,
            "at least 10,000",
        ),
        Bound::at_most(
            "a decision with its derivation, at any size, us",
            worst("derivation, 1 role").max(worst("derivation, 20 roles")) / 1000.0,
            50.0,
            "under 50",
        ),
        Bound::at_most(
            "start with the large policy in SQLite, ms",
            load,
            1000.0,
            "under 1,000",
        ),
        Bound::at_most(
            "one role edited in the large policy until it is in force, ms",
            edits.median(),
            20.0,
            "under 20",
        ),
    ]
}
