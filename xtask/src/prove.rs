//! Runs the random sequences of `crates/rolecall-server/tests/proof`.

use anyhow::bail;

use crate::tools::{Workspace, find_postgres, number_after, run};

/// The number of sequences, and the seed of the first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    sequences: u64,
    seed: u64,
}

impl Plan {
    /// Reads `[--sequences N] [--seed S]`; the default is ten thousand from seed 0.
    pub(crate) fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self {
            sequences: 10_000,
            seed: 0,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let number = match argument.as_str() {
                "--sequences" => &mut plan.sequences,
                "--seed" => &mut plan.seed,
                other => bail!("unknown option `{other}`; the options are --sequences and --seed"),
            };
            *number = number_after(argument, &mut arguments)?;
        }
        Ok(plan)
    }
}

/// Runs the sequences on the core and on both databases, and prints the progress.
pub(crate) fn prove(workspace: &Workspace, plan: &Plan) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["test", "--release", "-p", "rolecall-server"]);
    command.args(["--test", "proof", "no_", "--", "--nocapture"]);
    if let Some(programs) = find_postgres() {
        command.env("XTASK_POSTGRES_BIN", programs);
    }
    command.env("XTASK_NOTHING_LEFT_OUT", "1");
    command.env("XTASK_PROVE_SEQUENCES", plan.sequences.to_string());
    command.env("XTASK_PROVE_SEED", plan.seed.to_string());
    run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> anyhow::Result<Plan> {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        Plan::parse(&arguments)
    }

    #[test]
    fn options_replace_the_defaults() {
        let (sequences, seed) = (5, 7);
        let parsed = plan(&["--sequences", "5", "--seed", "7"]).unwrap();
        assert_eq!(parsed, Plan { sequences, seed });
        assert_eq!(plan(&[]).unwrap().sequences, 10_000);
    }

    #[test]
    fn unknown_options_and_bad_numbers_are_refused() {
        for odd in [&["--sequences"][..], &["--seed", "soon"], &["5"]] {
            assert!(plan(odd).is_err(), "{odd:?}");
        }
    }
}
