//! Measures the performance beside reference figures from the same run.
//!
//! Absolute figures depend on the machine. Comparable are ratios within a run, whose sides are measured in turn.

mod decisions;
mod flood;
mod http;
mod import;
mod logins;
mod numbers;
mod peers;
mod postgres;
mod process;
mod queries;
mod report;
mod routes;
mod scale;
mod sign_in;
mod tokens;
mod verify;
mod visitor;
mod wrk;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::install;
use crate::tools::{self, Workspace};
use process::{Folder, Server, free_port};
use report::Section;

/// The sections by name, in the order of the run.
const SECTIONS: [(&str, Measure); 11] = [
    ("verify", verify::measure),
    ("routes", routes::measure),
    ("peers", peers::measure),
    ("logins", logins::measure),
    ("flood", flood::measure),
    ("tokens", tokens::measure),
    ("sign-in", sign_in::measure),
    ("import", import::measure),
    ("decisions", decisions::measure),
    ("scale", scale::measure),
    ("queries", queries::measure),
];

/// The sections that also measure other stacks.
const PEER_SECTIONS: [&str; 2] = ["peers", "flood"];

const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

type Measure = fn(&Bench<'_>) -> anyhow::Result<Section>;

/// The context of all measurements.
struct Bench<'a> {
    workspace: &'a Workspace,
    /// The Python of the peers.
    python: PathBuf,
    /// The duration of each load.
    seconds: u32,
    /// The number of times that each thing is measured, in turn with the others.
    rounds: usize,
}

impl Bench<'_> {
    fn rolecall(&self) -> PathBuf {
        self.workspace.target("dist/rolecall")
    }

    fn probe(&self) -> PathBuf {
        self.workspace.target("dist/rolecall-probe")
    }

    /// Runs a part of the probe and returns the fields of each line that it prints.
    fn run_probe(&self, arguments: &[&str]) -> anyhow::Result<Vec<Vec<String>>> {
        let mut command = self.workspace.command(self.probe());
        let output = command.args(arguments).output()?;
        if !output.status.success() {
            bail!(
                "the probe failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let text = String::from_utf8(output.stdout)?;
        let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
        Ok(text.lines().map(fields).collect())
    }

    /// Starts the application with a guarded and an open route, on a database with some users.
    fn start_application(&self, folder: &Folder) -> anyhow::Result<Server> {
        let url = format!("sqlite:{}", folder.path("application.db").display());
        if !folder.path("application.db").exists() {
            let users = wrk::LOGIN_USERS.to_string();
            self.run_probe(&["fill", &url, &users, "10"])?;
        }
        let port = free_port()?;
        let mut command = self.workspace.command(self.probe());
        command.args(["serve", &format!("127.0.0.1:{port}"), &url]);
        Server::start(command, port, "/health/ready")
    }

    /// The program `rolecall` with the settings for the database at `url`.
    fn rolecall_on(&self, url: &str) -> Command {
        let mut command = Command::new(self.rolecall());
        command.env("ROLECALL_DATABASE__URL", url);
        command.env("ROLECALL_MASTER_KEY", MASTER_KEY);
        command.env("ROLECALL_LOG__LEVEL", "error");
        command
    }

    /// Starts `rolecall serve` on the database at `url`.
    fn start_rolecall(&self, url: &str) -> anyhow::Result<Server> {
        let port = free_port()?;
        let mut command = self.rolecall_on(url);
        let listen = format!("127.0.0.1:{port}");
        command.arg("serve").env("ROLECALL_LISTEN", listen);
        let server = Server::start(command, port, "/health/ready")?;
        ensure!(
            http::get(port, "/api/me", "")?.status == 401,
            "the server is not rolecall"
        );
        Ok(server)
    }
}

/// Logs a user in with the tutorial's form and returns the access token.
fn log_in(server: &Server, username: &str) -> anyhow::Result<String> {
    let form = wrk::form(username);
    http::post(server.port(), "/token", wrk::FORM, &form)?.token()
}

/// Measures the sections that the arguments name, or all.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> ExitCode {
    match measure(workspace, arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("{failures} of the sections failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<usize> {
    let (mut names, mut quick, mut write) = (Vec::new(), false, false);
    for argument in arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "--write" => write = true,
            name if SECTIONS.iter().any(|(known, _)| *known == name) => names.push(name),
            other => bail!("`bench` has no section or option `{other}`"),
        }
    }
    let is_selected = |name: &str| names.is_empty() || names.contains(&name);
    let peers = PEER_SECTIONS.into_iter().any(is_selected);
    let python = install::install_for_bench(workspace, peers)?;
    build(workspace)?;
    let bench = Bench {
        workspace,
        python,
        seconds: if quick { 3 } else { 8 },
        rounds: if quick { 3 } else { 5 },
    };
    let (mut sections, mut failures) = (Vec::new(), 0);
    for (name, measure) in SECTIONS.into_iter().filter(|(name, _)| is_selected(name)) {
        eprintln!("\n== {name}");
        let start = Instant::now();
        match measure(&bench) {
            Ok(section) => {
                println!("\n{}", section.markdown());
                sections.push((name, section));
            }
            Err(error) => {
                eprintln!("failed: {name}: {error:#}");
                failures += 1;
            }
        }
        eprintln!("took {:.0} s", start.elapsed().as_secs_f64());
    }
    let summary = report::summary(&sections);
    println!("\n{summary}");
    if write {
        let machine = report::machine(workspace, quick);
        let is_complete = sections.len() == SECTIONS.len();
        let file = workspace.path("docs/performance.md");
        report::write(
            &file,
            &sections,
            is_complete.then_some((&*machine, &*summary)),
        )?;
    }
    Ok(failures)
}

/// Builds what is distributed, not what is quick to compile.
fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--profile", "dist", "--locked"]);
    build.args([
        "--package",
        "rolecall-server",
        "--package",
        "rolecall-probe",
    ]);
    tools::run(&mut build).context("the build with profile `dist` failed")
}

/// Waits until a new server has finished its work at start.
fn wait_until_idle() {
    std::thread::sleep(Duration::from_millis(300));
}
