//! Installs the programs that the tests need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, bail};

use crate::report::Report;
use crate::tools::{Workspace, find_postgres, find_program, run, succeeds};

/// The paths of the programs that tests use. Tests read them from variables that begin with `XTASK_`, since
/// the server refuses unknown variables that begin with `ROLECALL_`.
pub(crate) struct Tools {
    python: PathBuf,
    cargo_deny: PathBuf,
    oauth2_proxy: PathBuf,
}

/// Pinned, since checks and configuration differ between versions.
const CARGO_DENY: &str = "0.20.2";

/// Pinned, since flags and defaults differ between versions. `examples/oauth2-proxy/README.md` names it too.
const OAUTH2_PROXY: &str = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6";

/// Succeeds if Python's headers are installed, with which uWSGI is compiled.
const PYTHON_HEADERS: &str = "import sysconfig; open(sysconfig.get_path('include') + '/Python.h')";

/// The module of Apache that signs people in: a library, which has no program to look for.
const APACHE_MODULE: &str = "/usr/lib/apache2/modules/mod_auth_openidc.so";

impl Tools {
    /// The Python of the virtual environment.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// The `cargo-deny` in the target folder.
    pub(crate) fn cargo_deny(&self) -> &Path {
        &self.cargo_deny
    }

    /// Returns the variables with the paths of the programs that are installed.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let mut found: Vec<(&'static str, PathBuf)> = [
            ("XTASK_APACHE", find_program(&["apache2"])),
            (
                "XTASK_CHROMIUM",
                find_program(&["chromium", "google-chrome"]),
            ),
            ("XTASK_CHROMEDRIVER", find_program(&["chromedriver"])),
            ("XTASK_CADDY", find_program(&["caddy"])),
            ("XTASK_CURL", find_program(&["curl"])),
            ("XTASK_GO", find_program(&["go"])),
            ("XTASK_JAVA", find_program(&["java"])),
            ("XTASK_NGINX", find_program(&["nginx"])),
            ("XTASK_NODE", find_program(&["node"])),
            ("XTASK_OATHTOOL", find_program(&["oathtool"])),
            ("XTASK_SYSTEMD_ANALYZE", find_program(&["systemd-analyze"])),
            ("XTASK_POSTGRES_BIN", find_postgres()),
        ]
        .into_iter()
        .filter_map(|(name, file)| Some((name, file?)))
        .collect();
        let built = [
            ("XTASK_PYTHON", &self.python),
            ("XTASK_OAUTH2_PROXY", &self.oauth2_proxy),
        ];
        let built = built.into_iter().filter(|(_, file)| file.exists());
        found.extend(built.map(|(name, file)| (name, file.clone())));
        found
    }
}

/// Installs everything, with a step for each kind of package.
pub(crate) fn install(report: &mut Report, workspace: &Workspace) -> Tools {
    let python = workspace.target("test-venv/bin/python");
    let cargo_deny = workspace.target("tools/bin/cargo-deny");
    thread::scope(|scope| {
        // it is compiled while the others wait for the network and the disk
        let compiled = scope.spawn(|| install_cargo_deny(workspace, &cargo_deny));
        report.step("install: system packages", || {
            install_packages(missing_packages(&PROGRAMS))
        });
        report.step("install: Python packages", || {
            let wanted = workspace.path("tests/clients/requirements.txt");
            install_python(workspace, &wanted, &workspace.target("test-venv"))
        });
        report.step("install: Node packages", || {
            install_node(workspace, &workspace.path("tests/clients/node"))
        });
        report.step("install: cargo-deny", || {
            let compiled = compiled.join();
            compiled.unwrap_or_else(|_| bail!("its installation has panicked"))
        });
    });
    let oauth2_proxy = workspace.target("tools/bin/oauth2-proxy");
    report.step("install: oauth2-proxy", || {
        install_oauth2_proxy(workspace, &oauth2_proxy)
    });
    Tools {
        python,
        cargo_deny,
        oauth2_proxy,
    }
}

/// Installs the programs that `cargo xtask bench` needs, and with `peers` the servers that are measured for
/// comparison. Returns their Python.
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

/// The programs that tests start, each with its Debian package.
const PROGRAMS: [Program; 13] = [
    // without the service that `apache2` brings
    (&["apache2"], "apache2-bin"),
    (&["chromium", "google-chrome"], "chromium"),
    (&["chromedriver"], "chromium-driver"),
    (&["caddy"], "caddy"),
    (&["curl"], "curl"),
    (&["go"], "golang-go"),
    (&["javac"], "default-jdk-headless"),
    (&["mvn"], "maven"),
    (&["nginx"], "nginx"),
    (&["node"], "nodejs"),
    (&["npm"], "npm"),
    (&["oathtool"], "oathtool"),
    (&["systemd-analyze"], "systemd"),
];

/// The programs that measurements start.
const BENCH_PROGRAMS: [Program; 3] = [(&["wrk"], "wrk"), (&["node"], "nodejs"), (&["npm"], "npm")];

/// The names of a program, and its package.
type Program = (&'static [&'static str], &'static str);

/// Returns the packages of the missing ones among `programs`, Python and PostgreSQL.
fn missing_packages(programs: &[Program]) -> BTreeSet<&'static str> {
    let mut missing: BTreeSet<&str> = programs
        .iter()
        .filter(|(names, _)| find_program(names).is_none())
        .map(|(_, package)| *package)
        .collect();
    if find_postgres().is_none() {
        missing.insert("postgresql");
    }
    if missing_module(programs) {
        missing.insert("libapache2-mod-auth-openidc");
    }
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        missing.extend(["python3", "python3-venv"]);
    }
    if !succeeds(Command::new("python3").args(["-c", PYTHON_HEADERS])) {
        missing.insert("python3-dev");
    }
    missing
}

/// Returns whether Apache is among the programs, and its module is not installed.
fn missing_module(programs: &[Program]) -> bool {
    programs.iter().any(|(names, _)| names.contains(&"apache2"))
        && !Path::new(APACHE_MODULE).exists()
}

fn install_packages(missing: BTreeSet<&str>) -> anyhow::Result<()> {
    if missing.is_empty() {
        eprintln!("already installed");
        return Ok(());
    }
    let list: Vec<&str> = missing.into_iter().collect();
    let command = format!("apt-get install {}", list.join(" "));
    if find_program(&["apt-get"]).is_none() {
        bail!("`apt-get` was not found; install the programs that `{command}` would install");
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
        bail!("installing packages needs root or sudo without a password; run `{command}`");
    };
    run(update.arg("update"))?;
    let mut install = apt_get().context("sudo needs a password again")?;
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

/// Creates a virtual environment with the packages of a file, unless it is current.
pub(crate) fn install_python(
    workspace: &Workspace,
    wanted: &Path,
    folder: &Path,
) -> anyhow::Result<()> {
    let stamp = folder.join("installed.txt");
    let python = folder.join("bin/python");
    if is_current(wanted, &stamp) && succeeds(Command::new(&python).arg("--version")) {
        eprintln!("already installed");
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

/// Installs without optimization, which takes a third of the time; it runs for a second or two.
fn install_cargo_deny(workspace: &Workspace, program: &Path) -> anyhow::Result<()> {
    let version = Command::new(program).arg("--version").output();
    let wanted = format!("cargo-deny {CARGO_DENY}\n");
    if version.is_ok_and(|output| output.stdout == wanted.as_bytes()) {
        eprintln!("already installed");
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

/// Compiles oauth2-proxy, which takes a minute or two.
fn install_oauth2_proxy(workspace: &Workspace, program: &Path) -> anyhow::Result<()> {
    let stamp = workspace.target("tools/oauth2-proxy.txt");
    let installed = std::fs::read_to_string(&stamp).unwrap_or_default();
    if installed == OAUTH2_PROXY && program.exists() {
        eprintln!("already installed");
        return Ok(());
    }
    let go = find_program(&["go"]).context("`go` was not found")?;
    let mut install = workspace.command(go);
    // the Go of a distribution may be older than the one that the program needs, which it then downloads
    install.env("GOTOOLCHAIN", "auto");
    install.env("GOBIN", workspace.target("tools/bin"));
    run(install.args(["install", OAUTH2_PROXY]))?;
    std::fs::write(&stamp, OAUTH2_PROXY)
        .with_context(|| format!("cannot write `{}`", stamp.display()))
}

pub(crate) fn install_node(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let wanted = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.installed.json");
    if is_current(&wanted, &stamp) {
        eprintln!("already installed");
        return Ok(());
    }
    let mut npm = workspace.command("npm");
    npm.current_dir(folder);
    run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    mark_current(&wanted, &stamp)
}

/// Returns whether the list of packages is the one that was installed last.
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
    fn the_page_installs_the_oauth2_proxy_that_is_tested() {
        let page = Workspace::find().path("examples/oauth2-proxy/README.md");
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains(&format!("\ngo install {OAUTH2_PROXY}\n")));
    }

    #[test]
    fn the_module_is_installed_with_apache_only() {
        assert!(!missing_module(&BENCH_PROGRAMS));
        assert_eq!(
            missing_module(&PROGRAMS),
            !Path::new(APACHE_MODULE).exists()
        );
    }

    #[test]
    fn a_missing_list_does_not_count_as_installed() {
        assert!(!is_current(Path::new("/no/such"), Path::new("/no/such")));
    }
}
