//! Runs steps one after the other and keeps the score.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The score of a run: which steps passed, which failed and why, how long each took.
pub(crate) struct Report {
    steps: Vec<(String, Result<(), String>, Duration)>,
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
        let outcome = work().map_err(|error| format!("{error:#}"));
        if let Err(why) = &outcome {
            eprintln!("failed: {name}: {why}");
        }
        self.steps
            .push((name.to_owned(), outcome, started.elapsed()));
    }

    /// Prints once more why steps failed, then the score, the sum as its last line.
    pub(crate) fn close(self) -> ExitCode {
        for (name, outcome, _) in &self.steps {
            if let Err(why) = outcome {
                println!("\n== failed: {name}\n{why}");
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
