//! Runs the fuzz targets of `fuzz/`.

mod corpus;
#[path = "../../fuzz/unpack.rs"]
mod unpack;

use std::path::{Path, PathBuf};

use anyhow::bail;

use corpus::Corpus;

use crate::tools::{Workspace, number_after, run, succeeds};

/// One for each parser of input from outside.
const TARGETS: [&str; 10] = [
    "token",
    "form",
    "json",
    "cursor",
    "hash",
    "basic",
    "import",
    "redirect",
    "authorize",
    "passkey",
];

const VERSION: &str = "0.13.2";

/// The targets to run and the time for each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    targets: Vec<String>,
    minutes: u64,
    only_pack: bool,
}

impl Plan {
    /// Reads `[TARGET].. [--minutes N | --pack]`; the default is ten minutes for each target.
    pub(crate) fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self {
            targets: Vec::new(),
            minutes: 10,
            only_pack: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--minutes" {
                plan.minutes = number_after(argument, &mut arguments)?;
            } else if argument == "--pack" {
                plan.only_pack = true;
            } else if TARGETS.contains(&argument.as_str()) {
                plan.targets.push(argument.clone());
            } else {
                bail!(
                    "unknown target `{argument}`; the targets are {}",
                    TARGETS.join(", ")
                );
            }
        }
        if plan.targets.is_empty() {
            plan.targets = TARGETS.map(str::to_owned).into();
        }
        Ok(plan)
    }
}

/// Runs each target on its kept inputs, then keeps the fewest that reach the same code, and those with a
/// name. A run that fails leaves its inputs in the folder, for the next one.
pub(crate) fn fuzz(workspace: &Workspace, plan: &Plan) -> anyhow::Result<()> {
    if plan.only_pack {
        for target in &plan.targets {
            let corpus = Corpus::of(workspace, target);
            corpus.unpack()?;
            corpus.pack(corpus.read()?)?;
        }
        return Ok(());
    }
    let program = install(workspace)?;
    for target in &plan.targets {
        let corpus = Corpus::of(workspace, target);
        corpus.unpack()?;
        let options = [
            format!("-max_total_time={}", plan.minutes * 60),
            format!("-dict=fuzz/dictionaries/{target}.txt"),
            "-timeout=20".to_owned(),
            "-print_final_stats=1".to_owned(),
        ];
        let mut command = cargo_fuzz(workspace, &program, "run", target);
        run(command.arg("--").args(options))?;
        let mut kept = corpus.read()?;
        kept.retain(|input| !input.name.is_empty());
        run(&mut cargo_fuzz(workspace, &program, "cmin", target))?;
        kept.extend(corpus.read()?);
        corpus.pack(kept)?;
    }
    Ok(())
}

/// cargo-fuzz uses flags of nightly compilers, which this variable allows for a stable one.
fn cargo_fuzz(
    workspace: &Workspace,
    program: &Path,
    subcommand: &str,
    target: &str,
) -> std::process::Command {
    let mut command = workspace.command(program);
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .arg(subcommand)
        .arg(target);
    command
}

fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let root = workspace.target("tools");
    let program = root.join("bin/cargo-fuzz");
    if !succeeds(workspace.command(&program).arg("--version")) {
        let mut install = workspace.cargo();
        install.args(["install", "cargo-fuzz", "--locked", "--version", VERSION]);
        run(install.arg("--root").arg(&root))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> anyhow::Result<Plan> {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        Plan::parse(&arguments)
    }

    #[test]
    fn the_default_is_every_target_for_ten_minutes() {
        let all = plan(&[]).unwrap();
        assert_eq!((all.targets.len(), all.minutes), (10, 10));
        assert!(!all.only_pack && plan(&["--pack"]).unwrap().only_pack);
        let one = plan(&["form", "--minutes", "1"]).unwrap();
        assert_eq!((one.targets, one.minutes), (vec!["form".to_owned()], 1));
    }

    #[test]
    fn unknown_targets_and_bad_numbers_are_refused() {
        for odd in [&["xml"][..], &["--minutes"], &["--minutes", "soon"]] {
            assert!(plan(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn every_target_has_its_source_and_dictionary() {
        for target in TARGETS {
            for file in [
                format!("fuzz_targets/{target}.rs"),
                format!("dictionaries/{target}.txt"),
            ] {
                let path = Workspace::find().path(&format!("fuzz/{file}"));
                assert!(path.exists(), "{file}");
            }
        }
    }
}
