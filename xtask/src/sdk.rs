//! Builds and tests the packages in `sdk/`.

use std::ffi::OsString;

use crate::install::install_python;
use crate::report::Report;
use crate::tools::{self, Workspace};

/// Builds and tests each package in its own tools.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    report.step("sdk: lints of the native part for Python", || {
        lint_python(workspace)
    });
    report.step("sdk: Python package", || test_python(workspace));
}

/// The native part is a workspace of its own: a Python module cannot be linked into the test programs of this one.
fn lint_python(workspace: &Workspace) -> anyhow::Result<()> {
    let manifest = workspace.path("sdk/python/Cargo.toml");
    let mut format = workspace.cargo();
    format.args(["fmt", "--check", "--manifest-path"]);
    tools::run(format.arg(&manifest))?;
    let mut clippy = workspace.cargo();
    clippy
        .args(["clippy", "--locked", "--manifest-path"])
        .arg(&manifest);
    clippy
        .arg("--target-dir")
        .arg(workspace.target("sdk-python"));
    tools::run(clippy.args(["--", "--deny", "warnings"]))
}

/// Builds the package into a virtual environment, checks its types, and runs its tests.
fn test_python(workspace: &Workspace) -> anyhow::Result<()> {
    let venv = workspace.target("sdk-venv");
    let folder = workspace.path("sdk/python");
    install_python(workspace, &folder.join("tests/requirements.txt"), &venv)?;
    let programs = venv.join("bin");
    let in_venv = |program: &str| {
        let mut command = workspace.command(programs.join(program));
        command.current_dir(&folder).env("VIRTUAL_ENV", &venv);
        // maturin looks for the interpreter, and gunicorn for its programs
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = vec![programs.clone()];
        paths.extend(std::env::split_paths(&path));
        let joined = std::env::join_paths(paths).unwrap_or_else(|_| OsString::from(&programs));
        command.env("PATH", joined);
        command
    };
    let mut develop = in_venv("maturin");
    develop.args(["develop", "--quiet", "--locked"]);
    tools::run(develop.env("CARGO_TARGET_DIR", workspace.target("sdk-python")))?;
    tools::run(&mut in_venv("mypy"))?;
    let mut pytest = in_venv("python");
    pytest.args(["-m", "pytest", "-ra", "-p", "no:cacheprovider", "tests"]);
    tools::run(pytest.env("PYTHONDONTWRITEBYTECODE", "1"))
}
