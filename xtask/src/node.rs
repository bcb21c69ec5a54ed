//! The package for Node in `sdk/node`.

use std::process::Command;

use crate::report::Report;
use crate::tools::{self, Workspace};

/// Builds the package, which the example for Express and the tests of the clients use.
pub(crate) fn build(report: &mut Report, workspace: &Workspace) {
    report.step("build: Node package", || {
        tools::run(npm(workspace).args(["run", "build"]))
    });
}

/// Builds the package and runs its tests: of its types, and with the conformance files.
pub(crate) fn test(report: &mut Report, workspace: &Workspace) {
    report.step("node package", || tools::run(npm(workspace).arg("test")));
}

fn npm(workspace: &Workspace) -> Command {
    let mut npm = workspace.command("npm");
    npm.current_dir(workspace.path("sdk/node"));
    npm
}
