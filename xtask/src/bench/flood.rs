//! How long the guarded route takes while log-ins come as fast as they can.

use std::thread;
use std::time::Duration;

use super::numbers::Series;
use super::process::{Folder, Server};
use super::report::{Bound, Section, Table};
use super::wrk::{self, Load, Seen};
use super::{Bench, log_in, peers};

/// Log-ins at a time.
const FLOOD: u32 = 8;

#[derive(Default)]
struct Latency {
    p50: Series,
    p99: Series,
}

impl Latency {
    fn push(&mut self, seen: Seen) {
        if !seen.was_answered() {
            return;
        }
        self.p50.push(seen.p50_ms);
        self.p99.push(seen.p99_ms);
    }
}

/// What one server showed.
#[derive(Default)]
struct Measured {
    quiet: Latency,
    flooded: Latency,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("flood")?;
    let (mut ours, mut tutorial) = (Measured::default(), Measured::default());
    for _ in 0..bench.rounds {
        let server = bench.start_application(&folder)?;
        let token = log_in(&server, "admin")?;
        let flood = |seconds| wrk::log_ins(&folder, &server, FLOOD, seconds).map(drop);
        round(bench, &server, &token, flood, &mut ours)?;
    }
    // it takes seconds for each of few answers, so one round says enough
    let server = peers::tutorial(bench, "1")?;
    let token = peers::log_in_by_form(&server)?;
    let form = ("/token", peers::TUTORIAL_FORM);
    let flood = |seconds| wrk::posts(&folder, &server, form, FLOOD, seconds).map(drop);
    round(bench, &server, &token, flood, &mut tutorial)?;

    let mut table = Table::new(&[
        "guarded route, one connection",
        "median, ms",
        "99th percentile, ms",
    ]);
    for (name, latency) in [
        ("rolecall, nothing else going on", &ours.quiet),
        ("rolecall, while 8 connections log in", &ours.flooded),
        ("FastAPI tutorial, nothing else going on", &tutorial.quiet),
        (
            "FastAPI tutorial, while 8 connections log in",
            &tutorial.flooded,
        ),
    ] {
        let shown = if latency.p50.is_empty() {
            let silence = format!("no answer in {} s", bench.seconds);
            [silence.clone(), silence]
        } else {
            [latency.p50.shown(), latency.p99.shown()]
        };
        let [p50, p99] = shown;
        table.row(&[name.to_owned(), p50, p99]);
    }
    let (quiet, flooded) = (ours.quiet.p99.median(), ours.flooded.p99.median());
    let limit = (5.0 * quiet).max(10.0);
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_most(
            "guarded route during a flood of log-ins, 99th percentile, ms",
            flooded,
            limit,
            "under 10 or 5 times quiet",
        )],
    })
}

fn round(
    bench: &Bench<'_>,
    server: &Server,
    token: &str,
    flood: impl FnOnce(u32) -> anyhow::Result<()> + Send,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let load = Load {
        path: "/items/",
        token,
        connections: 1,
        seconds: bench.seconds,
    };
    wrk::warm_up(bench, server, &load)?;
    measured.quiet.push(wrk::get(server, &load)?);
    let seen = thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(bench.seconds + 2));
        thread::sleep(Duration::from_secs(1));
        let seen = wrk::get(server, &load);
        let flooded = flooding
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the flood panicked")));
        flooded.and(seen)
    })?;
    measured.flooded.push(seen);
    Ok(())
}
