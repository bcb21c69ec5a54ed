//! Runs the tests of `tests/clients` against newly built programs.

use std::{num::NonZero, path::PathBuf, thread::available_parallelism};

use crate::install::Tools;
use crate::report::Report;
use crate::sdk;
use crate::tools::{self, Workspace};

/// Builds the server and the examples, then runs the tests.
pub(crate) fn run(report: &mut Report, workspace: &Workspace, tools: &Tools) {
    report.step("build: server and examples", || {
        let mut build = workspace.cargo();
        // with the tests, since their dependencies choose features: compiled once for both
        build.args([
            "build",
            "--workspace",
            "--all-features",
            "--bins",
            "--tests",
        ]);
        tools::run(build.arg("--locked"))
    });
    report.step("build: Python package", || {
        sdk::build_wheel(workspace, tools.python())
    });
    report.step("clients", || {
        let mut pytest = workspace.command(tools.python());
        pytest.args(["-m", "pytest", "-ra", "-p", "no:cacheprovider"]);
        // tests of a file share servers; they wait for programs and browsers more than they compute
        let workers = available_parallelism().map_or(1, NonZero::get) + 1;
        pytest.args(["--numprocesses", &workers.to_string(), "--dist", "loadfile"]);
        // `conftest.py` has put them in order
        pytest.arg("--no-loadscope-reorder");
        pytest.envs(tools.variables());
        pytest.envs(programs(workspace));
        pytest.envs(sdk::wheel(workspace).map(|wheel| ("XTASK_WHEEL", wheel)));
        // all programs are installed, so that a skipped test is a failure
        pytest.env("XTASK_NOTHING_LEFT_OUT", "1");
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        tools::run(pytest.arg(workspace.path("tests/clients")))
    });
}

fn programs(workspace: &Workspace) -> [(&'static str, PathBuf); 7] {
    [
        ("XTASK_ROLECALL", workspace.target("debug/rolecall")),
        ("XTASK_TUTORIAL", workspace.target("debug/tutorial")),
        ("XTASK_SERVICE", workspace.target("debug/service")),
        ("XTASK_SPA", workspace.target("debug/spa")),
        ("XTASK_LOGIN_PAGE", workspace.target("debug/login-page")),
        ("XTASK_SPRING", workspace.path(crate::java::EXAMPLE)),
        ("XTASK_OUTPUT", workspace.target("clients")),
    ]
}
