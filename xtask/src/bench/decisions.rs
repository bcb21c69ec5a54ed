//! Decisions beside those of other engines, at Casbin's published sizes and with deep hierarchies.

use anyhow::{Context as _, ensure};

use super::Bench;
use super::numbers::{Series, short};
use super::process::Folder;
use super::report::{Bound, Section, Table};
use crate::tools;

const SIZES: [&str; 5] = ["small", "medium", "large", "10 deep", "100 deep"];
const USERS: &str = "100000";
const ROLES: &str = "10000";

/// Lines of `engine, size, way, figure`.
struct Figures(Vec<Vec<String>>);

impl Figures {
    fn of(&self, engine: &str, size: &str, way: &str) -> Series {
        let figures = self.0.iter().filter_map(|line| match line.as_slice() {
            [one, two, three, figure] if one == engine && two == size && three == way => {
                figure.parse::<f64>().ok()
            }
            _ => None,
        });
        figures.collect()
    }

    fn median(&self, engine: &str, size: &str, way: &str) -> f64 {
        self.of(engine, size, way).median()
    }

    /// `allow / deny`.
    fn both(&self, engine: &str, size: &str, way: &str) -> String {
        let prefix = if way.is_empty() {
            String::new()
        } else {
            format!("{way}, ")
        };
        let [allow, deny] = ["allow", "deny"].map(|outcome| {
            let wrong = self.of(engine, size, &format!("{prefix}{outcome} (wrong)"));
            if wrong.is_empty() {
                short(self.median(engine, size, &format!("{prefix}{outcome}")))
            } else {
                "wrong".to_owned()
            }
        });
        format!("{allow} / {deny}")
    }
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let figures = ask_all(bench)?;
    let (load, edits) = from_a_database(bench)?;
    let tables = format!(
        "{}\n{}\n{}",
        speed(&figures),
        room(&figures),
        database(load, &edits)
    );
    Ok(Section {
        tables,
        bounds: bounds(&figures, load, &edits),
    })
}

fn ask_all(bench: &Bench<'_>) -> anyhow::Result<Figures> {
    let manifest = bench.workspace.path("benches/decisions/Cargo.toml");
    let target = bench.workspace.target("decisions");
    let mut build = bench.workspace.cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]);
    build.arg(&manifest).arg("--target-dir").arg(&target);
    tools::run(&mut build).context("the other engines do not build")?;
    let (rounds, milliseconds) = (bench.rounds.to_string(), (bench.seconds * 10).to_string());
    let mut lines: Vec<Vec<String>> = Vec::new();
    for mut line in bench.ask_probe(&["decide", &rounds, &milliseconds])? {
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

/// Milliseconds of a start with the large policy, and of each edit of one role in it.
fn from_a_database(bench: &Bench<'_>) -> anyhow::Result<(f64, Series)> {
    let folder = Folder::new("decisions")?;
    let url = format!("sqlite:{}", folder.path("large.db").display());
    let lines = bench.ask_probe(&["edit", &url, USERS, ROLES, "30"])?;
    let of = |what: &str| -> Series {
        let figures = lines.iter().filter_map(|line| match line.as_slice() {
            [name, figure] if name == what => figure.parse::<f64>().ok(),
            _ => None,
        });
        figures.collect()
    };
    let load = of("load");
    ensure!(!load.is_empty(), "the probe loaded nothing");
    Ok((load.median(), of("edit")))
}

fn speed(figures: &Figures) -> String {
    let mut table = Table::new(&[
        "ns a decision, allow / deny",
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
            figures.both("rolecall", size, "decision, 1 role"),
            figures.both("rolecall", size, "decision, 20 roles"),
            figures.both("rolecall", size, "hash set, 1 role"),
            figures.both("rolecall", size, "hash set, 20 roles"),
            figures.both("cedar-policy", size, ""),
            figures.both("casbin", size, ""),
            figures.both("rolecall", size, "derivation, 1 role"),
            figures.both("rolecall", size, "derivation, 20 roles"),
        ]);
    }
    table.finish()
}

fn room(figures: &Figures) -> String {
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
        format!("{} ms, {} MiB", short(load), short(memory))
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
        "the whole start of the server, loading and compiling included".to_owned(),
        short(load),
    ]);
    table.row(&[
        "a permission given to one role, on disk and in force".to_owned(),
        edits.shown(),
    ]);
    table.finish()
}

fn bounds(figures: &Figures, load: f64, edits: &Series) -> Vec<Bound> {
    let worst = |way: &str| {
        let each = SIZES.iter().flat_map(|size| {
            ["allow", "deny"]
                .map(|outcome| figures.median("rolecall", size, &format!("{way}, {outcome}")))
        });
        each.fold(0.0, f64::max)
    };
    let casbin = figures.median("casbin", "large", "allow");
    let ours = figures.median("rolecall", "large", "decision, 1 role, allow");
    vec![
        Bound::at_most(
            "a decision by name for a principal with up to 20 roles, at any size, ns",
            worst("decision, 1 role").max(worst("decision, 20 roles")),
            100.0,
            "at most 100",
        ),
        Bound::at_least(
            "decisions over those of casbin at the large size",
            casbin / ours,
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
