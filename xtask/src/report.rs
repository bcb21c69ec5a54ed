//! Runs steps one after the other and keeps the score.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The score of a run: which steps passed, which failed, how long each took.
pub(crate) struct Report {
    steps: Vec<(String, Outcome, Duration)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Runs one step under a headline. A failure is remembered and the run goes on, so that one run
    /// shows all that is wrong.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<()>) {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("failed: {name}: {error:#}");
                Outcome::Failed
            }
        };
        self.steps
            .push((name.to_owned(), outcome, started.elapsed()));
    }

    /// Prints the score, the sum as its last line.
    pub(crate) fn close(self) -> ExitCode {
        println!("\n== summary");
        for (name, outcome, took) in &self.steps {
            let word = match outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
            };
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
            .filter(|(_, outcome, _)| *outcome == Outcome::Failed)
            .count();
        (self.steps.len() - failed, failed)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_step_does_not_hide_the_later_ones() {
        let mut report = Report::new();
        let mut reached = false;
        report.step("first", || bail!("broken"));
        report.step("second", || {
            reached = true;
            Ok(())
        });
        assert!(reached);
        assert_eq!(report.count(), (1, 1));
        assert_eq!(report.close(), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_without_any_step_is_not_a_success() {
        assert_eq!(Report::new().close(), ExitCode::FAILURE);
    }

    #[test]
    fn a_run_whose_steps_all_passed_is_a_success() {
        let mut report = Report::new();
        report.step("only", || Ok(()));
        assert_eq!(report.close(), ExitCode::SUCCESS);
    }
}
