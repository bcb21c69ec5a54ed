//! What tokens cost: signing and verifying, refreshes beside commits, introspection, tokens of clients.

use anyhow::Context as _;

use super::numbers::{Series, short};
use super::postgres::Postgres;
use super::process::{Folder, Server};
use super::report::{Section, Table};
use super::{Bench, http, log_in, settle, wrk};

const CONNECTIONS: u32 = 8;
/// What a database holds before it is measured.
const USERS: &str = "1000";

/// Of one database, a second.
#[derive(Default)]
struct Measured {
    commits: Series,
    commits_at_once: Series,
    refreshes: Series,
    refreshes_at_once: Series,
    introspections: Series,
    clients: Series,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let signatures = signatures(bench)?;
    let folder = Folder::new("tokens")?;
    let postgres = Postgres::start("tokens")?;
    let sqlite = format!("sqlite:{}", folder.path("tokens.db").display());
    let sqlite = on_database(bench, &folder, &sqlite)?;
    let postgres = on_database(bench, &folder, &postgres.database("tokens")?)?;
    Ok(Section {
        tables: format!("{signatures}\n{}", rates(&sqlite, &postgres)),
        bounds: Vec::new(),
    })
}

fn rates(sqlite: &Measured, postgres: &Measured) -> String {
    let mut table = Table::new(&["a second", "SQLite", "PostgreSQL"]);
    let mut row = |name: &str, of: fn(&Measured) -> Series| {
        table.row(&[name.to_owned(), of(sqlite).shown(), of(postgres).shown()]);
    };
    row("commits of one row, one after the other", |of| {
        of.commits.clone()
    });
    row("refreshes, one after the other", |of| of.refreshes.clone());
    row("refreshes over commits", |of| {
        of.refreshes.over(&of.commits)
    });
    row("commits of one row, 8 at once", |of| {
        of.commits_at_once.clone()
    });
    row("refreshes, 8 connections", |of| {
        of.refreshes_at_once.clone()
    });
    row("refreshes over commits", |of| {
        of.refreshes_at_once.over(&of.commits_at_once)
    });
    row("introspections, 8 connections", |of| {
        of.introspections.clone()
    });
    row("`client_credentials` grants, 8 connections", |of| {
        of.clients.clone()
    });
    table.finish()
}

fn signatures(bench: &Bench<'_>) -> anyhow::Result<String> {
    let milliseconds = (bench.seconds * 25).to_string();
    let lines = bench.ask_probe(&["sign", &bench.rounds.to_string(), &milliseconds])?;
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
            .map(|way| super::verify::find(&lines, algorithm, way));
        table.row(&[
            algorithm.to_owned(),
            bare_sign.shown(),
            sign.shown(),
            short(sign.over(&bare_sign).median()),
            bare_verify.shown(),
            verify.shown(),
            short(verify.over(&bare_verify).median()),
        ]);
    }
    Ok(table.finish())
}

fn on_database(bench: &Bench<'_>, folder: &Folder, url: &str) -> anyhow::Result<Measured> {
    bench.ask_probe(&["fill", url, USERS, "10"])?;
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
    let mut measured = Measured::default();
    for _ in 0..bench.rounds {
        settle();
        measured.commits.push(commits(bench, url, 1)?);
        measured
            .refreshes
            .push(refreshes(bench, folder, &server, 1)?);
        measured
            .commits_at_once
            .push(commits(bench, url, CONNECTIONS)?);
        let at_once = refreshes(bench, folder, &server, CONNECTIONS)?;
        measured.refreshes_at_once.push(at_once);
        let seen = post("/introspect", &introspect, bench.seconds)?;
        measured.introspections.push(seen.per_second);
        let seen = post("/token", &grant, bench.seconds)?;
        measured.clients.push(seen.per_second);
    }
    Ok(measured)
}

/// A client that may ask about tokens and get its own; its id and secret.
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
    let said = String::from_utf8_lossy(&output.stdout);
    let member = |name| {
        let refused = || String::from_utf8_lossy(&output.stderr).into_owned();
        http::text_of(&said, name).with_context(refused)
    };
    Ok([member("client_id")?, member("client_secret")?])
}

fn commits(bench: &Bench<'_>, url: &str, tasks: u32) -> anyhow::Result<f64> {
    let milliseconds = (bench.seconds * 500).to_string();
    let lines = bench.ask_probe(&["commits", url, &tasks.to_string(), &milliseconds])?;
    let rate = lines.first().and_then(|line| line.get(1)?.parse().ok());
    rate.context("the probe printed no rate")
}

/// Each connection refreshes a session of its own.
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
