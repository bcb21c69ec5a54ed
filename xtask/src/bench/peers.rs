//! The guarded route beside the same route of other stacks, one server at a time, in turn.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::numbers::{Series, format_number};
use super::process::{Folder, Server, free_port};
use super::report::{Bound, Section, Table};
use super::wrk::{self, Load, get_and_cpu, warm_up};
use super::{Bench, http, log_in, wait_until_idle};

const CONNECTIONS: u32 = 32;

/// A stack to measure.
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
struct Measurements {
    rate: Series,
    cpu: Series,
    p99: Series,
    start: Series,
    resident: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("peers")?;
    let mut all: [Measurements; PEERS.len()] = Default::default();
    for _ in 0..bench.rounds.min(3) {
        for (peer, measurements) in PEERS.iter().zip(&mut all) {
            round(bench, &folder, peer, measurements)?;
        }
    }
    let [tutorial, .., rolecall] = &all;
    let mut table = Table::new(&[
        "guarded route of",
        "requests/s",
        "over the tutorial",
        "server CPU per request, us",
        "99th percentile, ms",
        "start, ms",
        "resident after load, MiB",
    ]);
    for (peer, measurements) in PEERS.iter().zip(&all) {
        table.row(&[
            peer.name.to_owned(),
            measurements.rate.to_cell(),
            format_number(measurements.rate.median() / tutorial.rate.median()),
            measurements.cpu.to_cell(),
            measurements.p99.to_cell(),
            format_number(measurements.start.median()),
            format_number(measurements.resident.median()),
        ]);
    }
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_least(
            "guarded route, requests per second over those of the FastAPI tutorial with one worker",
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
    measurements: &mut Measurements,
) -> anyhow::Result<()> {
    eprintln!("{}", peer.name);
    let server = (peer.start)(bench, folder)?;
    measurements
        .start
        .push(server.started_in().as_secs_f64() * 1e3);
    wait_until_idle();
    let token = (peer.log_in)(&server)?;
    let status = http::get(server.port(), "/items/", "")?.status;
    ensure!(status == 401, "{}: {status} without a token", peer.name);
    let load = Load {
        path: "/items/",
        token: &token,
        connections: CONNECTIONS,
        seconds: bench.seconds,
    };
    warm_up(bench, &server, &load)?;
    let (result, cpu) = get_and_cpu(&server, &load)?;
    measurements.rate.push(result.per_second);
    measurements.cpu.push(cpu);
    measurements.p99.push(result.p99_ms);
    measurements.resident.push(server.resident_mib()?);
    Ok(())
}

/// uvicorn with the settings that its documentation recommends for speed, and without an access log.
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

/// The login form of the tutorial's administrator.
pub(super) const TUTORIAL_FORM: &str = "grant_type=password&username=admin&password=yourpassword";

fn log_in_by_json(server: &Server) -> anyhow::Result<String> {
    let body = r#"{"username":"admin","password":"yourpassword"}"#;
    http::post(server.port(), "/token", "application/json", body)?.token()
}
