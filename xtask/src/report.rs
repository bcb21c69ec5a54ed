//! Runs steps one after the other and reports their results.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The results of the steps of a run: passed or failed with the reason, and the time it took.
pub(crate) struct Report {
    steps: Vec<(String, Result<(), String>, Duration)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Runs a step under a headline, with another after it that says how it ended: steps can run beside each other. The run continues after a failure, so that it shows all of them.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<()>) {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = work().map_err(|error| format!("{error:#}"));
        let took = started.elapsed().as_secs();
        match &outcome {
            Ok(()) => eprintln!("== {name}: passed in {took} s"),
            Err(error) => eprintln!("failed: {name}: {error}"),
        }
        self.steps
            .push((name.to_owned(), outcome, started.elapsed()));
    }

    /// Adds the steps of another report, which ran beside these.
    pub(crate) fn join(&mut self, other: Self) {
        self.steps.extend(other.steps);
    }

    /// Prints the errors again, then the result of each step, then the totals.
    pub(crate) fn finish(self) -> ExitCode {
        for (name, outcome, _) in &self.steps {
            if let Err(error) = outcome {
                println!("\n== failed: {name}\n{error}");
            }
        }
        println!("\n== summary");
        for (name, outcome, took) in &self.steps {
            let word = if outcome.is_ok() { "passed" } else { "FAILED" };
            println!("{word}  {:>7.1} s  {name}", took.as_secs_f64());
        }
        let (passed, failed) = self.count();
        println!("{passed} passed, {failed} failed");
        if failed == 0 && passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn count(&self) -> (usize, usize) {
        let failed = self
            .steps
            .iter()
            .filter(|(_, outcome, _)| outcome.is_err())
            .count();
        (self.steps.len() - failed, failed)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn the_steps_after_a_failed_one_run() {
        let mut report = Report::new();
        let mut reached = false;
        report.step("first", || bail!("broken"));
        report.step("second", || {
            reached = true;
            Ok(())
        });
        assert!(reached);
        assert_eq!(report.count(), (1, 1));
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_failed_step_of_another_lane_counts() {
        let (mut report, mut beside) = (Report::new(), Report::new());
        report.step("here", || Ok(()));
        beside.step("there", || bail!("broken"));
        report.join(beside);
        assert_eq!(report.count(), (1, 1));
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_without_steps_is_no_success() {
        assert_eq!(Report::new().finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_of_passed_steps_is_a_success() {
        let mut report = Report::new();
        report.step("only", || Ok(()));
        assert_eq!(report.finish(), ExitCode::SUCCESS);
    }
}
