//! Checks and tests the Go module, its adapters for other routers, and its example.

use std::process::Command;

use anyhow::bail;

use crate::report::Report;
use crate::tools::{self, Workspace};

/// The folders of the Go modules. The first is the one that others use.
const MODULES: [&str; 4] = ["sdk/go", "sdk/go/routers", "sdk/go/bench", "examples/go"];

/// Checks formatting, runs `go vet`, and runs the tests with the race detector.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    report.step("go module", || {
        let unformatted = program(workspace, "gofmt")
            .arg("-l")
            .args(MODULES)
            .output()?;
        let unformatted = String::from_utf8_lossy(&unformatted.stdout);
        if !unformatted.trim().is_empty() {
            bail!("not formatted, run `gofmt -w`:\n{unformatted}");
        }
        for module in MODULES {
            go(workspace, module, &["vet", "./..."])?;
            go(workspace, module, &["test", "-race", "./..."])?;
        }
        Ok(())
    });
}

fn go(workspace: &Workspace, module: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = program(workspace, "go");
    command.current_dir(workspace.path(module));
    // the Go of a distribution may be older than the one that `go.mod` names, which it then downloads
    command.env("GOTOOLCHAIN", "auto");
    tools::run(command.args(arguments))
}

fn program(workspace: &Workspace, name: &str) -> Command {
    workspace.command(tools::find_program(&[name]).unwrap_or_else(|| name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_go_module_is_tested() {
        let workspace = Workspace::find();
        for module in MODULES {
            assert!(workspace.path(module).join("go.mod").exists(), "{module}");
        }
        let own = std::fs::read_to_string(workspace.path("sdk/go/go.mod")).unwrap();
        assert!(!own.contains("require"), "the module depends on nothing");
    }
}
