//! Runs the tests of `tests/clients` against newly built programs.

use std::path::PathBuf;

use crate::install::Tools;
use crate::report::Report;
use crate::tools::{self, Workspace};

/// Builds the server and the examples, then runs the tests.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, tools: &Tools) {
    report.step("build: server and examples", || {
        let mut build = workspace.cargo();
        build.args(["build", "--package", "rolecall-server"]);
        build.args([
            "--package",
            "tutorial",
            "--package",
            "service",
            "--package",
            "spa",
        ]);
        build.args(["--package", "login-page"]);
        tools::run(build.arg("--locked"))
    });
    report.step("clients", || {
        let mut pytest = workspace.command(tools.python());
        pytest.args(["-m", "pytest", "-ra", "-p", "no:cacheprovider"]);
        pytest.envs(tools.variables());
        pytest.envs(programs(workspace));
        // all programs are installed, so that a skipped test is a failure
        pytest.env("XTASK_NOTHING_LEFT_OUT", "1");
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        tools::run(pytest.arg(workspace.path("tests/clients")))
    });
}

fn programs(workspace: &Workspace) -> [(&'static str, PathBuf); 6] {
    [
        ("XTASK_ROLECALL", workspace.target("debug/rolecall")),
        ("XTASK_TUTORIAL", workspace.target("debug/tutorial")),
        ("XTASK_SERVICE", workspace.target("debug/service")),
        ("XTASK_SPA", workspace.target("debug/spa")),
        ("XTASK_LOGIN_PAGE", workspace.target("debug/login-page")),
        ("XTASK_OUTPUT", workspace.target("clients")),
    ]
}
