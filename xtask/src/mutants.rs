//! Weakens the code in one place after another and asks whether a test notices.
//!
//! cargo-mutants makes the mutants and tests them, in a copy of the checkout: a change that stays behind
//! when it is interrupted stays there.

mod plan;
mod reasons;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

pub(crate) use plan::Plan;
use plan::{Group, Tests};
use reasons::Reasons;

use crate::tools::{Workspace, run, succeeds};

const VERSION: &str = "27.0.0";

/// The exit codes of cargo-mutants that mean it did its work: all caught, some missed, some took too long.
const DONE: [i32; 3] = [0, 2, 3];

/// What became of the mutants of a group of files.
#[derive(Debug, Default)]
struct Outcome {
    caught: usize,
    too_long: usize,
    unviable: usize,
    missed: Vec<String>,
}

impl Outcome {
    fn count(&self) -> usize {
        self.caught + self.too_long + self.unviable + self.missed.len()
    }

    fn add(&mut self, other: Self) {
        self.caught += other.caught;
        self.too_long += other.too_long;
        self.unviable += other.unviable;
        self.missed.extend(other.missed);
    }
}

/// Tests every mutant of the plan, and fails if one is left that has no reason, or a reason that has none.
pub(crate) fn mutants(workspace: &Workspace, plan: &Plan) -> anyhow::Result<()> {
    let program = install(workspace)?;
    let shards: Vec<Shard> = (0..plan.jobs)
        .map(|at| Shard::prepare(workspace, &program, at, plan.jobs))
        .collect::<anyhow::Result<_>>()?;
    let mut rows = Vec::new();
    for group in &plan.groups {
        let mut sum = Outcome::default();
        let outcomes: Vec<anyhow::Result<Outcome>> = std::thread::scope(|scope| {
            let at_work: Vec<_> = shards
                .iter()
                .map(|shard| scope.spawn(|| shard.test(group)))
                .collect();
            at_work
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|_| bail!("a job has panicked")))
                .collect()
        });
        for outcome in outcomes {
            sum.add(outcome?);
        }
        rows.push((group, sum));
    }
    print(&rows);
    let file = workspace.path("xtask/mutants.txt");
    let text = std::fs::read_to_string(&file).context("cannot read `xtask/mutants.txt`")?;
    let left = rows.iter().flat_map(|(_, outcome)| &outcome.missed);
    Reasons::parse(&text)?.judge(left, |file| plan.covers(file))
}

fn print(rows: &[(&Group, Outcome)]) {
    println!(
        "\n| | made | caught | took too long | unviable | left |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    );
    for (group, outcome) in rows {
        let left = outcome.missed.len();
        let (caught, late, unviable) = (outcome.caught, outcome.too_long, outcome.unviable);
        let made = outcome.count();
        let name = group.name;
        println!("| {name} | {made} | {caught} | {late} | {unviable} | {left} |");
    }
}

/// A copy of the checkout, with a folder for its build products, and the part of the mutants it tests.
struct Shard<'a> {
    program: &'a Path,
    folder: PathBuf,
    at: usize,
    of: usize,
}

impl<'a> Shard<'a> {
    /// Copies what git knows or would add. The build products of an earlier run stay: nothing that the
    /// project depends on is built twice.
    fn prepare(
        workspace: &Workspace,
        program: &'a Path,
        at: usize,
        of: usize,
    ) -> anyhow::Result<Self> {
        let folder = workspace.target(&format!("mutants/{at}"));
        let tree = folder.join("tree");
        if tree.exists() {
            std::fs::remove_dir_all(&tree)?;
        }
        let mut list = workspace.command("git");
        list.args(["ls-files", "-z", "--cached", "--others"]);
        let listed = list.arg("--exclude-standard").output()?;
        for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let (from, to) = (workspace.path(name), tree.join(name));
            if from.is_file() {
                std::fs::create_dir_all(to.parent().unwrap_or(&tree))?;
                std::fs::copy(from, to).with_context(|| format!("cannot copy `{name}`"))?;
            }
        }
        Ok(Self {
            program,
            folder,
            at,
            of,
        })
    }

    /// The tests that are likely to notice come first; what they miss has to get past all the others.
    fn test(&self, group: &Group) -> anyhow::Result<Outcome> {
        let mut sum = Outcome::default();
        for (stage, tests) in group.stages.iter().enumerate() {
            let mut asked = None;
            let mut command = self.cargo_mutants(group, stage);
            if stage == 0 {
                command.args(group.patterns().map(|files| format!("--file={files}")));
                let shard = format!("{}/{}", self.at, self.of);
                command.args(["--shard", &shard]);
            } else {
                let missed = std::mem::take(&mut sum.missed);
                if missed.is_empty() {
                    break;
                }
                // cargo-mutants would begin with the tests of the package it weakens, not with these
                self.pass_unchanged(tests)?;
                command.args(["--baseline=skip", "--timeout=900"]);
                command.args(missed.iter().map(|name| format!("--re=^{}$", escape(name))));
                command.args(files_of(&missed).map(|file| format!("--file={file}")));
                asked = Some(missed);
            }
            command.args(["--test-package", tests.package, "--"]);
            command.args(tests.targets);
            // the first failure is enough
            command.args(["--", "-Zunstable-options", "--fail-fast"]);
            command.args(tests.filters);
            eprintln!(
                "{}: stage {} of {}",
                group.name,
                stage + 1,
                group.stages.len()
            );
            let status = command.status().context("cannot start cargo-mutants")?;
            if !status.code().is_some_and(|code| DONE.contains(&code)) {
                bail!("cargo-mutants ended with {status}");
            }
            let outcome = self.outcome(group, stage, asked.as_deref())?;
            let (tested, asked) = (outcome.count(), asked.map(|asked| asked.len()));
            if let Some(asked) = asked.filter(|asked| *asked != tested) {
                bail!("{tested} mutants were tested, of {asked} that had been missed");
            }
            sum.add(outcome);
        }
        Ok(sum)
    }

    /// A test that fails without a mutant would catch them all.
    fn pass_unchanged(&self, tests: &Tests) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.folder.join("tree"));
        command.args(["test", "--quiet", "--config=profile.dev.debug=0"]);
        command
            .args(["--package", tests.package])
            .args(tests.targets);
        run(self.set_up(&mut command))
    }

    fn cargo_mutants(&self, group: &Group, stage: usize) -> Command {
        let mut command = Command::new(self.program);
        command.arg("mutants").arg("--in-place").arg("--no-config");
        command.arg("--dir").arg(self.folder.join("tree"));
        command.arg("--output").arg(self.output(group, stage));
        command.args(["--package", group.package]);
        command.args(["--cap-lints=true", "--minimum-test-timeout=60"]);
        // a loop without end in what is evaluated while it is compiled
        command.arg("--build-timeout=900");
        command.arg("--cargo-arg=--config=profile.dev.debug=0");
        // that a run ends with its first failure is a feature of nightly test programs; this lets the stable
        // ones, and only them: the compiler is to be the one that it is
        command.arg("--cargo-arg=--config=target.'cfg(all())'.runner=['env','RUSTC_BOOTSTRAP=1']");
        self.set_up(&mut command);
        command
    }

    fn set_up<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("CARGO_TARGET_DIR", self.folder.join("build"));
        // on SQLite alone, which has the same rules and answers sooner
        command.env("XTASK_POSTGRES_BIN", "none");
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0")
    }

    fn output(&self, group: &Group, stage: usize) -> PathBuf {
        let name = group.name.replace(' ', "-");
        self.folder.join(format!("{name}-{stage}"))
    }

    /// What became of all, or of those asked for: cargo-mutants also tests each field that can be left out of a
    /// struct, whatever the names are to match.
    fn outcome(
        &self,
        group: &Group,
        stage: usize,
        asked: Option<&[String]>,
    ) -> anyhow::Result<Outcome> {
        let folder = self.output(group, stage).join("mutants.out");
        let lines = |name: &str| -> anyhow::Result<Vec<String>> {
            let text = std::fs::read_to_string(folder.join(name))
                .with_context(|| format!("cargo-mutants has not written `{name}`"))?;
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.retain(|line| asked.is_none_or(|asked| asked.contains(line)));
            Ok(lines)
        };
        Ok(Outcome {
            caught: lines("caught.txt")?.len(),
            too_long: lines("timeout.txt")?.len(),
            unviable: lines("unviable.txt")?.len(),
            missed: lines("missed.txt")?,
        })
    }
}

/// The files that the mutants are in, each once.
fn files_of(names: &[String]) -> impl Iterator<Item = &str> {
    let files = names.iter().filter_map(|name| name.split(':').next());
    files.collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// For a regular expression that matches only this. `<` and `>` stay: after a backslash they are the bounds of
/// words.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Unoptimised: nearly all of the time goes into compilers and tests.
fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let program = workspace.target("tools/bin/cargo-mutants");
    let version = Command::new(&program)
        .args(["mutants", "--version"])
        .output();
    let wanted = format!("cargo-mutants {VERSION}\n");
    if version.is_ok_and(|output| output.stdout == wanted.as_bytes()) {
        return Ok(program);
    }
    if !succeeds(workspace.command("git").arg("--version")) {
        bail!("git lists the files to copy, and is not there");
    }
    let mut install = workspace.cargo();
    install.args(["install", "cargo-mutants", "--version", VERSION]);
    install.args(["--locked", "--debug", "--force"]);
    install.args(["--config", "profile.dev.debug=0", "--root"]);
    install.arg(workspace.target("tools")).arg("--target-dir");
    run(install.arg(workspace.target("tools/build")))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::{escape, files_of};

    #[test]
    fn each_file_is_looked_into_once() {
        let names = ["a.rs:1:2: x", "b.rs:1:1: y", "a.rs:9:9: z"].map(str::to_owned);
        assert_eq!(files_of(&names).collect::<Vec<_>>(), ["a.rs", "b.rs"]);
    }

    #[test]
    fn a_name_is_not_taken_for_a_pattern() {
        assert_eq!(
            escape("a.rs:1: replace || with &&"),
            r"a\.rs:1: replace \|\| with &&"
        );
        assert_eq!(
            escape("replace f -> Option<u8> with Some(1)"),
            r"replace f -> Option<u8> with Some\(1\)"
        );
    }
}
