//! The package for Node in `sdk/node`.

use std::path::PathBuf;
use std::process::Command;

use crate::install::install_node;
use crate::report::Report;
use crate::tools::{self, Workspace};

/// Builds the package, which the example for Express and the tests of the clients use.
pub(crate) fn build(report: &mut Report, workspace: &Workspace) {
    report.step("build: Node package", || {
        install_node(workspace, &folder(workspace))?;
        tools::run(npm(workspace).args(["run", "build"]))
    });
}

/// Builds the package and runs its tests: of its types, and with the conformance files.
pub(crate) fn test(report: &mut Report, workspace: &Workspace) {
    report.step("sdk: Node package", || {
        install_node(workspace, &folder(workspace))?;
        tools::run(npm(workspace).arg("test"))
    });
}

fn npm(workspace: &Workspace) -> Command {
    let mut npm = workspace.command("npm");
    npm.current_dir(folder(workspace));
    npm
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.path("sdk/node")
}
