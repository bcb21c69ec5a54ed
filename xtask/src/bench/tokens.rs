//! The cost of tokens: signing, verification, refreshes beside commits, introspection, and grants for clients.

use anyhow::Context as _;

use super::numbers::{Series, format_number};
use super::postgres::Postgres;
use super::process::{Folder, Server};
use super::report::{Section, Table};
use super::{Bench, http, log_in, wait_until_idle, wrk};

const CONNECTIONS: u32 = 8;
/// The number of users in each database.
const USERS: &str = "1000";

/// The rates per second on one database.
#[derive(Default)]
struct Measurements {
    commits: Series,
    commits_at_once: Series,
    refreshes: Series,
    refreshes_at_once: Series,
    introspections: Series,
    clients: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let signature_times = signature_times(bench)?;
    let folder = Folder::new("tokens")?;
    let postgres = Postgres::start("tokens")?;
    let sqlite = format!("sqlite:{}", folder.path("tokens.db").display());
    let sqlite = measure_database(bench, &folder, &sqlite)?;
    let postgres = measure_database(bench, &folder, &postgres.create_database("tokens")?)?;
    Ok(Section {
        tables: format!("{signature_times}\n{}", rates(&sqlite, &postgres)),
        bounds: Vec::new(),
    })
}

fn rates(sqlite: &Measurements, postgres: &Measurements) -> String {
    let mut table = Table::new(&["per second", "SQLite", "PostgreSQL"]);
    let mut row = |name: &str, of: fn(&Measurements) -> Series| {
        table.row(&[
            name.to_owned(),
            of(sqlite).to_cell(),
            of(postgres).to_cell(),
        ]);
    };
    row("commits of one row, one after the other", |of| {
        of.commits.clone()
    });
    row("refreshes, one after the other", |of| of.refreshes.clone());
    row("refreshes over commits", |of| {
        of.refreshes.ratio_to(&of.commits)
    });
    row("commits of one row, 8 at once", |of| {
        of.commits_at_once.clone()
    });
    row("refreshes, 8 connections", |of| {
        of.refreshes_at_once.clone()
    });
    row("refreshes over commits", |of| {
        of.refreshes_at_once.ratio_to(&of.commits_at_once)
    });
    row("introspections, 8 connections", |of| {
        of.introspections.clone()
    });
    row("`client_credentials` grants, 8 connections", |of| {
        of.clients.clone()
    });
    table.finish()
}

fn signature_times(bench: &Bench<'_>) -> anyhow::Result<String> {
    let milliseconds = (bench.seconds * 25).to_string();
    let lines = bench.run_probe(&["sign", &bench.rounds.to_string(), &milliseconds])?;
    let mut table = Table::new(&[
        "algorithm",
        "bare signing, us",
        "whole token, us",
        "ratio",
        "bare verifying, us",
        "whole token, us",
        "ratio",
    ]);
    for algorithm in ["ES256", "EdDSA", "RS256", "HS256"] {
        let [bare_sign, sign, bare_verify, verify] = ["bare-sign", "sign", "bare-verify", "verify"]
            .map(|operation| super::verify::find(&lines, algorithm, operation));
        table.row(&[
            algorithm.to_owned(),
            bare_sign.to_cell(),
            sign.to_cell(),
            format_number(sign.ratio_to(&bare_sign).median()),
            bare_verify.to_cell(),
            verify.to_cell(),
            format_number(verify.ratio_to(&bare_verify).median()),
        ]);
    }
    Ok(table.finish())
}

fn measure_database(bench: &Bench<'_>, folder: &Folder, url: &str) -> anyhow::Result<Measurements> {
    bench.run_probe(&["fill", url, USERS, "10"])?;
    let server = bench.start_rolecall(url)?;
    let [id, secret] = add_client(bench, url)?;
    let client = format!("client_id={id}&client_secret={secret}");
    let token = log_in(&server, "user0")?;
    let introspect = format!("{client}&token={token}");
    let grant = format!("{client}&grant_type=client_credentials");
    let post =
        |path, form: &str, seconds| wrk::posts(folder, &server, (path, form), CONNECTIONS, seconds);
    post("/introspect", &introspect, 1)?;
    post("/token", &grant, 1)?;
    let mut measurements = Measurements::default();
    for _ in 0..bench.rounds {
        wait_until_idle();
        measurements.commits.push(commits(bench, url, 1)?);
        measurements
            .refreshes
            .push(refreshes(bench, folder, &server, 1)?);
        measurements
            .commits_at_once
            .push(commits(bench, url, CONNECTIONS)?);
        let at_once = refreshes(bench, folder, &server, CONNECTIONS)?;
        measurements.refreshes_at_once.push(at_once);
        let result = post("/introspect", &introspect, bench.seconds)?;
        measurements.introspections.push(result.per_second);
        let result = post("/token", &grant, bench.seconds)?;
        measurements.clients.push(result.per_second);
    }
    Ok(measurements)
}

/// Creates a client that may introspect tokens and get its own; returns its id and secret.
fn add_client(bench: &Bench<'_>, url: &str) -> anyhow::Result<[String; 2]> {
    let mut command = bench.rolecall_on(url);
    command.args([
        "client",
        "add",
        "bench",
        "--json",
        "--grant",
        "client_credentials",
    ]);
    let output = command
        .args(["--role", "rolecall.resource-server"])
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let member = |name| {
        let error = || String::from_utf8_lossy(&output.stderr).into_owned();
        http::text_member(&printed, name).with_context(error)
    };
    Ok([member("client_id")?, member("client_secret")?])
}

/// Commits of one row per second, by tasks at once.
pub(super) fn commits(bench: &Bench<'_>, url: &str, tasks: u32) -> anyhow::Result<f64> {
    let milliseconds = (bench.seconds * 500).to_string();
    let lines = bench.run_probe(&["commits", url, &tasks.to_string(), &milliseconds])?;
    let rate = lines.first().and_then(|line| line.get(1)?.parse().ok());
    rate.context("the probe printed no rate")
}

/// Refreshes per second; each connection has its own session.
fn refreshes(
    bench: &Bench<'_>,
    folder: &Folder,
    server: &Server,
    connections: u32,
) -> anyhow::Result<f64> {
    let tokens = (0..connections).map(|user| {
        let form = wrk::form(&format!("user{user}"));
        http::post(server.port(), "/token", wrk::FORM, &form)?.refresh_token()
    });
    let tokens = tokens.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(wrk::refreshes(folder, server, &tokens, bench.seconds)?.per_second)
}
