//! Sign-ins by the authorization code flow, beside the password hash and beside commits: the whole way with a password,
//! silent rounds of a browser that is signed in, codes to tokens, and `/userinfo`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::numbers::{Series, format_number};
use super::postgres::Postgres;
use super::process::{Folder, Server};
use super::report::{Section, Table};
use super::tokens::commits;
use super::visitor::{Application, Visitor};
use super::{Bench, logins, wait_until_idle, wrk};

/// The number of people at once.
const VISITORS: u32 = 8;
const USERS: &str = "64";

/// The rates per second on one database, and the CPU time of the server for each, in milliseconds.
#[derive(Default)]
struct Measurements {
    hashes: Rate,
    sign_ins: Rate,
    silent: Rate,
    commits: Series,
    codes: Rate,
    user_info: Rate,
    me: Rate,
}

#[derive(Default)]
struct Rate {
    per_second: Series,
    cpu_ms: Series,
}

impl Rate {
    fn push(&mut self, (per_second, cpu_ms): (f64, f64)) {
        self.per_second.push(per_second);
        self.cpu_ms.push(cpu_ms);
    }
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("sign-in")?;
    let postgres = Postgres::start("sign-in")?;
    let sqlite = format!("sqlite:{}", folder.path("sign-in.db").display());
    let sqlite = measure_database(bench, &sqlite)?;
    let postgres = measure_database(bench, &postgres.create_database("signin")?)?;
    Ok(Section {
        tables: table(&[sqlite, postgres]),
        bounds: Vec::new(),
    })
}

fn table(databases: &[Measurements; 2]) -> String {
    let columns = ["", "SQLite, per second", "CPU of each, ms"];
    let mut table = Table::new(
        &[
            columns.as_slice(),
            &["PostgreSQL, per second", "CPU of each, ms"],
        ]
        .concat(),
    );
    let mut row = |name: &str, cells: fn(&Measurements) -> [String; 2]| {
        let cells = databases.iter().flat_map(cells);
        table.row(
            &std::iter::once(name.to_owned())
                .chain(cells)
                .collect::<Vec<_>>(),
        );
    };
    row("Argon2id (19 MiB, 2, 1) alone, on all cores", |of| {
        cells(&of.hashes)
    });
    row(
        "sign-ins: `/authorize`, page, password, code, tokens",
        |of| cells(&of.sign_ins),
    );
    row("sign-ins over the hash", |of| {
        ratios(&of.sign_ins, &of.hashes)
    });
    row("silent rounds (`prompt=none`) to a code", |of| {
        cells(&of.silent)
    });
    row("commits of one row", |of| {
        [of.commits.to_cell(), "-".to_owned()]
    });
    row("codes to tokens", |of| cells(&of.codes));
    row("`/userinfo`", |of| cells(&of.user_info));
    row("`/api/me`, which has no claims to choose", |of| {
        cells(&of.me)
    });
    table.finish()
}

fn cells(rate: &Rate) -> [String; 2] {
    [rate.per_second.to_cell(), rate.cpu_ms.to_cell()]
}

fn ratios(one: &Rate, other: &Rate) -> [String; 2] {
    [
        format_number(one.per_second.ratio_to(&other.per_second).median()),
        format_number(one.cpu_ms.ratio_to(&other.cpu_ms).median()),
    ]
}

fn measure_database(bench: &Bench<'_>, url: &str) -> anyhow::Result<Measurements> {
    bench.run_probe(&["fill", url, USERS, "10"])?;
    let server = bench.start_rolecall(url)?;
    let application = Application::register(bench.rolecall_on(url))?;
    let mut visitors: Vec<Visitor> = (0..VISITORS)
        .map(|user| Visitor::new(server.port(), format!("user{user}")))
        .collect();
    let sign_in = |visitor: &mut Visitor| {
        visitor.forget();
        let code = visitor.sign_in(&application)?;
        application.redeem(server.port(), &code)
    };
    // the first sign-in makes the key of ID tokens
    let first = visitors.first_mut().context("no visitors")?;
    let token = sign_in(first)?;
    let get = |path| wrk::Load {
        path,
        token: &token,
        connections: VISITORS,
        seconds: bench.seconds,
    };
    let mut measurements = Measurements::default();
    for _ in 0..bench.rounds {
        wait_until_idle();
        measurements.hashes.push(logins::hash_rate(bench)?);
        let rate = repeat(bench, &server, &mut visitors, |visitor| {
            sign_in(visitor).map(drop)
        });
        measurements.sign_ins.push(rate?);
        let mut codes: Vec<Vec<String>> = vec![Vec::new(); visitors.len()];
        let mut rounds: Vec<_> = visitors.iter_mut().zip(&mut codes).collect();
        let rate = repeat(bench, &server, &mut rounds, |(visitor, codes)| {
            codes.push(visitor.silent_round(&application)?);
            Ok(())
        });
        measurements.silent.push(rate?);
        measurements.commits.push(commits(bench, url, VISITORS)?);
        measurements
            .codes
            .push(redeem_all(&server, &application, codes)?);
        for (rate, path) in [
            (&mut measurements.user_info, "/userinfo"),
            (&mut measurements.me, "/api/me"),
        ] {
            let (result, cpu) = wrk::get_and_cpu(&server, &get(path))?;
            rate.push((result.per_second, cpu / 1e3));
        }
    }
    Ok(measurements)
}

/// Has each visitor do something again and again, all at once.
fn repeat<V: Send>(
    bench: &Bench<'_>,
    server: &Server,
    visitors: &mut [V],
    act: impl Fn(&mut V) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<(f64, f64)> {
    let deadline = Instant::now() + Duration::from_secs(bench.seconds.into());
    at_once(server, visitors, |visitor| {
        let mut count = 0;
        while Instant::now() < deadline {
            act(visitor)?;
            count += 1;
        }
        Ok(count)
    })
}

fn redeem_all(
    server: &Server,
    application: &Application,
    mut codes: Vec<Vec<String>>,
) -> anyhow::Result<(f64, f64)> {
    at_once(server, &mut codes, |codes| {
        for code in codes.iter() {
            application.redeem(server.port(), code)?;
        }
        Ok(codes.len())
    })
}

/// Does something with each in a thread of its own, which counts; returns the rate per second and the CPU time of the
/// server for each, in milliseconds.
fn at_once<V: Send>(
    server: &Server,
    all: &mut [V],
    count: impl Fn(&mut V) -> anyhow::Result<usize> + Sync,
) -> anyhow::Result<(f64, f64)> {
    let (start, cpu) = (Instant::now(), server.cpu_seconds()?);
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .iter_mut()
            .map(|one| scope.spawn(|| count(one)))
            .collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a thread panicked")?);
        joined.collect::<anyhow::Result<Vec<usize>>>()
    })?;
    let total = counts.iter().sum::<usize>();
    ensure!(total > 0, "nothing was done");
    let total = f64::from(u32::try_from(total)?);
    let cpu_ms = (server.cpu_seconds()? - cpu) * 1e3 / total;
    Ok((total / start.elapsed().as_secs_f64(), cpu_ms))
}
