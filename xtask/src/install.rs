//! Installs what the tests need and this machine lacks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::report::Report;
use crate::tools::{Workspace, find_postgres, find_program, run, succeeds};

/// Where the programs are that tests use. Tests learn it from variables that begin with `XTASK_`
/// (`ROLECALL_*` are keys of the server's configuration, which refuses those it does not know).
pub(crate) struct Tools {
    python: PathBuf,
    cargo_deny: PathBuf,
}

/// Its lints and its form of configuration differ between versions.
const CARGO_DENY: &str = "0.20.2";

impl Tools {
    /// The Python of the virtual environment.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// The `cargo-deny` of the folder for build products.
    pub(crate) fn cargo_deny(&self) -> &Path {
        &self.cargo_deny
    }

    /// The variables by which tests find programs, for those that are there.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let mut found: Vec<(&'static str, PathBuf)> = [
            (
                "XTASK_CHROMIUM",
                find_program(&["chromium", "google-chrome"]),
            ),
            ("XTASK_CHROMEDRIVER", find_program(&["chromedriver"])),
            ("XTASK_CADDY", find_program(&["caddy"])),
            ("XTASK_CURL", find_program(&["curl"])),
            ("XTASK_NGINX", find_program(&["nginx"])),
            ("XTASK_NODE", find_program(&["node"])),
            ("XTASK_SYSTEMD_ANALYZE", find_program(&["systemd-analyze"])),
            ("XTASK_POSTGRES_BIN", find_postgres()),
        ]
        .into_iter()
        .filter_map(|(name, file)| Some((name, file?)))
        .collect();
        if self.python.exists() {
            found.push(("XTASK_PYTHON", self.python.clone()));
        }
        found
    }
}

/// Installs everything, a step for each kind of thing.
pub(crate) fn install(report: &mut Report, workspace: &Workspace) -> Tools {
    let python = workspace.target("test-venv/bin/python");
    report.step("install: packages of the system", || {
        install_packages(missing_packages(&PROGRAMS))
    });
    report.step("install: python packages", || {
        let wanted = workspace.path("tests/clients/requirements.txt");
        install_python(workspace, &wanted, &workspace.target("test-venv"))
    });
    report.step("install: node packages", || {
        install_node(workspace, &workspace.path("tests/clients/node"))
    });
    let cargo_deny = workspace.target("tools/bin/cargo-deny");
    report.step("install: cargo-deny", || {
        install_cargo_deny(workspace, &cargo_deny)
    });
    Tools { python, cargo_deny }
}

/// Installs what `cargo xtask bench` runs beside the project's own programs; gives the Python of the peers, who
/// are installed only where they are measured.
pub(crate) fn install_for_bench(workspace: &Workspace, peers: bool) -> anyhow::Result<PathBuf> {
    install_packages(missing_packages(&BENCH_PROGRAMS))?;
    let venv = workspace.target("bench-venv");
    let wanted = workspace.path("benches/peers/tutorial/requirements.txt");
    if peers {
        install_python(workspace, &wanted, &venv)?;
        install_node(workspace, &workspace.path("benches/peers/node"))?;
    }
    Ok(venv.join("bin/python"))
}

/// Programs that tests start, and the Debian package that brings each.
const PROGRAMS: [Program; 8] = [
    (&["chromium", "google-chrome"], "chromium"),
    (&["chromedriver"], "chromium-driver"),
    (&["caddy"], "caddy"),
    (&["curl"], "curl"),
    (&["nginx"], "nginx"),
    (&["node"], "nodejs"),
    (&["npm"], "npm"),
    (&["systemd-analyze"], "systemd"),
];

/// The same for measurements.
const BENCH_PROGRAMS: [Program; 3] = [(&["wrk"], "wrk"), (&["node"], "nodejs"), (&["npm"], "npm")];

/// Names of a program, and the package.
type Program = (&'static [&'static str], &'static str);

/// The packages that bring those of `programs` that are not there, Python and PostgreSQL.
fn missing_packages(programs: &[Program]) -> BTreeSet<&'static str> {
    let mut missing: BTreeSet<&str> = programs
        .iter()
        .filter(|(names, _)| find_program(names).is_none())
        .map(|(_, package)| *package)
        .collect();
    if find_postgres().is_none() {
        missing.insert("postgresql");
    }
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        missing.extend(["python3", "python3-venv"]);
    }
    missing
}

fn install_packages(missing: BTreeSet<&str>) -> anyhow::Result<()> {
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let list: Vec<&str> = missing.into_iter().collect();
    let by_hand = format!("apt-get install {}", list.join(" "));
    if find_program(&["apt-get"]).is_none() {
        bail!("this is no Debian; install what `{by_hand}` would bring");
    }
    let apt_get = || {
        if is_root() {
            return Some(Command::new("apt-get"));
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND"]);
        succeeds(Command::new("sudo").args(["--non-interactive", "true"])).then(|| {
            sudo.arg("apt-get");
            sudo
        })
    };
    let Some(mut update) = apt_get() else {
        bail!("neither root nor sudo without a password; run `{by_hand}`");
    };
    run(update.arg("update"))?;
    let mut install = apt_get().context("sudo has stopped working")?;
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--yes", "--no-install-recommends"]);
    run(install.args(list))
}

pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

fn install_python(workspace: &Workspace, wanted: &Path, folder: &Path) -> anyhow::Result<()> {
    let stamp = folder.join("installed.txt");
    let python = folder.join("bin/python");
    if is_current(wanted, &stamp) && succeeds(Command::new(&python).arg("--version")) {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let mut venv = workspace.command("python3");
    run(venv.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut pip = workspace.command(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--requirement"]);
    run(pip.arg(wanted))?;
    mark_current(wanted, &stamp)
}

/// Unoptimised: it is built in a third of the time, and runs for a second or two.
fn install_cargo_deny(workspace: &Workspace, program: &Path) -> anyhow::Result<()> {
    let version = Command::new(program).arg("--version").output();
    let wanted = format!("cargo-deny {CARGO_DENY}\n");
    if version.is_ok_and(|output| output.stdout == wanted.as_bytes()) {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let mut install = workspace.cargo();
    install.args(["install", "cargo-deny", "--version", CARGO_DENY, "--locked"]);
    install.args([
        "--debug",
        "--config",
        "profile.dev.debug=0",
        "--force",
        "--root",
    ]);
    install.arg(workspace.target("tools")).arg("--target-dir");
    run(install.arg(workspace.target("tools/build")))
}

fn install_node(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let wanted = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.installed.json");
    if is_current(&wanted, &stamp) {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let mut npm = workspace.command("npm");
    npm.current_dir(folder);
    run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    mark_current(&wanted, &stamp)
}

/// Whether the list of packages is still the one that was installed last.
fn is_current(wanted: &Path, stamp: &Path) -> bool {
    match (std::fs::read(wanted), std::fs::read(stamp)) {
        (Ok(wanted), Ok(installed)) => wanted == installed,
        _ => false,
    }
}

fn mark_current(wanted: &Path, stamp: &Path) -> anyhow::Result<()> {
    std::fs::copy(wanted, stamp).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_list_is_installed_again() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (wanted, stamp) = (folder.join("wanted"), folder.join("stamp"));
        std::fs::write(&wanted, "a==1").unwrap();
        assert!(!is_current(&wanted, &stamp));
        mark_current(&wanted, &stamp).unwrap();
        assert!(is_current(&wanted, &stamp));
        std::fs::write(&wanted, "a==2").unwrap();
        assert!(!is_current(&wanted, &stamp));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_absent_list_is_not_taken_for_installed() {
        assert!(!is_current(Path::new("/no/such"), Path::new("/no/such")));
    }
}
