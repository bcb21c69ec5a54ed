//! The guarded route beside the same of other stacks, one server at a time, in turn.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::numbers::{Series, short};
use super::process::{Folder, Server, free_port};
use super::report::{Bound, Section, Table};
use super::wrk::{self, Load, get_and_cpu, warm_up};
use super::{Bench, http, log_in, settle};

const CONNECTIONS: u32 = 32;

/// One stack.
struct Peer {
    name: &'static str,
    start: fn(&Bench<'_>, &Folder) -> anyhow::Result<Server>,
    log_in: fn(&Server) -> anyhow::Result<String>,
}

const PEERS: [Peer; 6] = [
    Peer {
        name: "FastAPI tutorial, 1 worker",
        start: |bench, _| tutorial(bench, "1"),
        log_in: log_in_by_form,
    },
    Peer {
        name: "FastAPI tutorial, 2 workers",
        start: |bench, _| tutorial(bench, "2"),
        log_in: log_in_by_form,
    },
    Peer {
        name: "express, jsonwebtoken",
        start: |bench, _| node(bench, "express.mjs", &[]),
        log_in: log_in_by_json,
    },
    Peer {
        name: "fastify, fast-jwt",
        start: |bench, _| node(bench, "fastify.mjs", &[]),
        log_in: log_in_by_json,
    },
    Peer {
        name: "fastify, fast-jwt, tokens cached",
        start: |bench, _| node(bench, "fastify.mjs", &["cached"]),
        log_in: log_in_by_json,
    },
    Peer {
        name: "rolecall, embedded",
        start: |bench, folder| bench.start_application(folder),
        log_in: |server| log_in(server, "admin"),
    },
];

#[derive(Default)]
struct Measured {
    rate: Series,
    cpu: Series,
    p99: Series,
    start: Series,
    resident: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("peers")?;
    let mut all: [Measured; PEERS.len()] = Default::default();
    for _ in 0..bench.rounds.min(3) {
        for (peer, measured) in PEERS.iter().zip(&mut all) {
            round(bench, &folder, peer, measured)?;
        }
    }
    let [tutorial, .., rolecall] = &all;
    let mut table = Table::new(&[
        "guarded route of",
        "requests/s",
        "over the tutorial",
        "server CPU a request, us",
        "99th percentile, ms",
        "start, ms",
        "resident after load, MiB",
    ]);
    for (peer, measured) in PEERS.iter().zip(&all) {
        table.row(&[
            peer.name.to_owned(),
            measured.rate.shown(),
            short(measured.rate.median() / tutorial.rate.median()),
            measured.cpu.shown(),
            measured.p99.shown(),
            short(measured.start.median()),
            short(measured.resident.median()),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_least(
            "guarded route, requests a second over those of the FastAPI tutorial with one worker",
            rolecall.rate.median() / tutorial.rate.median(),
            25.0,
            "at least 25",
        )],
    })
}

fn round(
    bench: &Bench<'_>,
    folder: &Folder,
    peer: &Peer,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    eprintln!("{}", peer.name);
    let server = (peer.start)(bench, folder)?;
    measured.start.push(server.started_in().as_secs_f64() * 1e3);
    settle();
    let token = (peer.log_in)(&server)?;
    let refused = http::get(server.port(), "/items/", "")?.status;
    ensure!(refused == 401, "{}: {refused} without a token", peer.name);
    let load = Load {
        path: "/items/",
        token: &token,
        connections: CONNECTIONS,
        seconds: bench.seconds,
    };
    warm_up(bench, &server, &load)?;
    let (seen, cpu) = get_and_cpu(&server, &load)?;
    measured.rate.push(seen.per_second);
    measured.cpu.push(cpu);
    measured.p99.push(seen.p99_ms);
    measured.resident.push(server.resident_mib()?);
    Ok(())
}

/// uvicorn as its documentation advises for speed; nobody logs requests.
pub(super) fn tutorial(bench: &Bench<'_>, workers: &str) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = peer_command(
        &bench.python,
        &bench.workspace.path("benches/peers/tutorial"),
    );
    command.args(["-m", "uvicorn", "main:app", "--workers", workers]);
    command.args(["--port", &port.to_string(), "--no-access-log"]);
    command.args([
        "--log-level",
        "warning",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Server::start(command, port, "/open/items/")
}

fn node(bench: &Bench<'_>, file: &str, arguments: &[&str]) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = peer_command(
        Path::new("node"),
        &bench.workspace.path("benches/peers/node"),
    );
    command.arg(file).arg(port.to_string()).args(arguments);
    command.env("NODE_ENV", "production");
    Server::start(command, port, "/open/items/")
}

fn peer_command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

pub(super) fn log_in_by_form(server: &Server) -> anyhow::Result<String> {
    http::post(server.port(), "/token", wrk::FORM, TUTORIAL_FORM)?.token()
}

/// The log-in of the tutorial's administrator.
pub(super) const TUTORIAL_FORM: &str = "grant_type=password&username=admin&password=yourpassword";

fn log_in_by_json(server: &Server) -> anyhow::Result<String> {
    let body = r#"{"username":"admin","password":"yourpassword"}"#;
    http::post(server.port(), "/token", "application/json", body)?.token()
}
