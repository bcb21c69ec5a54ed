//! A guarded route beside an open route of the same process, in turn.

use super::numbers::{Series, format_number};
use super::process::Folder;
use super::report::{Bound, Section, Table};
use super::wrk::{Load, get_and_cpu, warm_up};
use super::{Bench, http, log_in};

const CONNECTIONS: u32 = 16;

pub(super) fn measure(bench: &Bench<'_>) -> anyhow::Result<Section> {
    let folder = Folder::new("routes")?;
    let server = bench.start_application(&folder)?;
    let token = log_in(&server, "admin")?;
    let load = |path, token| Load {
        path,
        token,
        connections: CONNECTIONS,
        seconds: bench.seconds,
    };
    let guarded = load("/items/", &token);
    let open = load("/open/items/", "");
    // sends the same bytes as to the guarded route, so that the difference is the guard alone
    let open_with_token = load("/open/items/", &token);
    anyhow::ensure!(
        http::get(server.port(), "/items/", "")?.status == 401,
        "the guarded route is not guarded"
    );
    warm_up(bench, &server, &guarded)?;
    let mut measurements: [(Series, Series); 3] = Default::default();
    for _ in 0..bench.rounds {
        for (load, (rate, cpu)) in [&guarded, &open_with_token, &open]
            .into_iter()
            .zip(&mut measurements)
        {
            let (result, microseconds) = get_and_cpu(&server, load)?;
            rate.push(result.per_second);
            cpu.push(microseconds);
        }
    }
    let [guarded, with_token, open] = &measurements;
    let mut table = Table::new(&[
        "route",
        "requests/s",
        "server CPU per request, us",
        "ratio of CPU to open",
    ]);
    for (name, (rate, cpu)) in [
        ("guarded by a role, token in the cache", guarded),
        ("open, with a token that is ignored", with_token),
        ("open", open),
    ] {
        let ratio = format_number(cpu.ratio_to(&open.1).median());
        table.row(&[name.to_owned(), rate.to_cell(), cpu.to_cell(), ratio]);
    }
    let ratio = guarded.1.ratio_to(&open.1).median();
    Ok(Section {
        tables: table.finish(),
        bounds: vec![Bound::at_most(
            "guarded route, cached, over open: server CPU per request",
            ratio,
            1.25,
            "at most 1.25",
        )],
    })
}
