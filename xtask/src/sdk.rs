//! Builds and tests the packages in `sdk/`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

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
    clippy.arg("--target-dir").arg(workspace.target("."));
    tools::run(clippy.args(["--", "--deny", "warnings"]))
}

/// Builds the package into a virtual environment, checks its types, and runs its tests.
fn test_python(workspace: &Workspace) -> anyhow::Result<()> {
    let tools = PythonTools::install(workspace)?;
    let mut develop = tools.command("maturin");
    tools::run(develop.args(["develop", "--quiet", "--locked"]))?;
    tools::run(&mut tools.command("mypy"))?;
    let mut pytest = tools.command("python");
    pytest.args(["-m", "pytest", "-ra", "-p", "no:cacheprovider", "tests"]);
    pytest.envs(wheel(workspace).map(|wheel| ("XTASK_WHEEL", wheel)));
    tools::run(pytest.env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// Builds the wheel with the server of the debug build in it, and installs it for the tests of the clients.
pub(crate) fn build_wheel(workspace: &Workspace, python: &Path) -> anyhow::Result<()> {
    let tools = PythonTools::install(workspace)?;
    let folder = wheel_folder(workspace);
    // an older wheel has another name after a new version
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let server = folder.join("rolecall");
    // the symbols of a debug build are ten times the program
    let mut strip = workspace.command("strip");
    strip.arg("-o").arg(&server);
    tools::run(strip.arg(workspace.target("debug/rolecall")))?;
    let mut pack = tools.command("python");
    // the profile of the tests, which is compiled once
    pack.args(["pack.py", "--profile", "dev", "--server"]);
    tools::run(pack.arg(&server).arg("--out").arg(&folder))?;
    let wheel = wheel(workspace).context("no wheel was built")?;
    let mut pip = workspace.command(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--no-index",
    ]);
    pip.args([
        "--disable-pip-version-check",
        "--no-deps",
        "--force-reinstall",
    ]);
    tools::run(pip.arg(wheel))
}

/// Returns the wheel that [`build_wheel`] has built.
pub(crate) fn wheel(workspace: &Workspace) -> Option<PathBuf> {
    let files = std::fs::read_dir(wheel_folder(workspace)).ok()?;
    files
        .flatten()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
}

fn wheel_folder(workspace: &Workspace) -> PathBuf {
    workspace.target("sdk-wheel")
}

/// A virtual environment with the tools that build and test the package.
struct PythonTools<'a> {
    workspace: &'a Workspace,
    venv: PathBuf,
}

impl<'a> PythonTools<'a> {
    fn install(workspace: &'a Workspace) -> anyhow::Result<Self> {
        let venv = workspace.target("sdk-venv");
        let wanted = workspace.path("sdk/python/tests/requirements.txt");
        install_python(workspace, &wanted, &venv)?;
        Ok(Self { workspace, venv })
    }

    /// Returns a command of the environment that runs in the folder of the package.
    fn command(&self, program: &str) -> Command {
        let programs = self.venv.join("bin");
        let mut command = self.workspace.command(programs.join(program));
        command.current_dir(self.workspace.path("sdk/python"));
        command.env("VIRTUAL_ENV", &self.venv);
        // what the package and the server have in common is compiled once
        command.env("CARGO_TARGET_DIR", self.workspace.target("."));
        // maturin looks for the interpreter, and gunicorn for its programs
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = vec![programs.clone()];
        paths.extend(std::env::split_paths(&path));
        let joined = std::env::join_paths(paths).unwrap_or_else(|_| OsString::from(&programs));
        command.env("PATH", joined);
        command
    }
}
