//! The latency of the guarded route during a flood of logins.

use std::thread;
use std::time::Duration;

use super::numbers::Series;
use super::process::{Folder, Server};
use super::report::{Bound, Section, Table};
use super::wrk::{self, Load, LoadResult};
use super::{Bench, log_in, peers};

/// Concurrent logins.
const FLOOD: u32 = 8;

#[derive(Default)]
struct Latency {
    p50: Series,
    p99: Series,
}

impl Latency {
    fn push(&mut self, result: LoadResult) {
        if !result.has_responses() {
            return;
        }
        self.p50.push(result.p50_ms);
        self.p99.push(result.p99_ms);
    }
}

/// The latencies of one server.
#[derive(Default)]
struct Measurements {
    quiet: Latency,
    flooded: Latency,
}

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("flood")?;
    let (mut rolecall, mut tutorial) = (Measurements::default(), Measurements::default());
    for _ in 0..bench.rounds {
        let server = bench.start_application(&folder)?;
        let token = log_in(&server, "admin")?;
        let flood = |seconds| wrk::logins(&folder, &server, FLOOD, seconds).map(drop);
        round(bench, &server, &token, flood, &mut rolecall)?;
    }
    // each of its few responses takes seconds, so one round is enough
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
        ("rolecall, no other load", &rolecall.quiet),
        ("rolecall, while 8 connections log in", &rolecall.flooded),
        ("FastAPI tutorial, no other load", &tutorial.quiet),
        (
            "FastAPI tutorial, while 8 connections log in",
            &tutorial.flooded,
        ),
    ] {
        let [p50, p99] = if latency.p50.is_empty() {
            let none = format!("no response in {} s", bench.seconds);
            [none.clone(), none]
        } else {
            [latency.p50.to_cell(), latency.p99.to_cell()]
        };
        table.row(&[name.to_owned(), p50, p99]);
    }
    let (quiet, flooded) = (rolecall.quiet.p99.median(), rolecall.flooded.p99.median());
    let limit = (5.0 * quiet).max(10.0);
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_most(
            "guarded route during a flood of logins, 99th percentile, ms",
            flooded,
            limit,
            "under 10 or 5 times without load",
        )],
    })
}

fn round(
    bench: &Bench<'_>,
    server: &Server,
    token: &str,
    flood: impl FnOnce(u32) -> anyhow::Result<()> + Send,
    measurements: &mut Measurements,
) -> anyhow::Result<()> {
    let load = Load {
        path: "/items/",
        token,
        connections: 1,
        seconds: bench.seconds,
    };
    wrk::warm_up(bench, server, &load)?;
    measurements.quiet.push(wrk::get(server, &load)?);
    let result = thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(bench.seconds + 2));
        thread::sleep(Duration::from_secs(1));
        let result = wrk::get(server, &load);
        let flooded = flooding
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the flood panicked")));
        flooded.and(result)
    })?;
    measurements.flooded.push(result);
    Ok(())
}
