//! What `cargo xtask bench` measures that is not a program of its own.
//!
//! Every part prints lines of fields with tabs between them; `cargo xtask bench` makes tables of them.

mod commits;
mod decide;
mod edit;
mod fill;
mod hash;
mod queries;
mod serve;
mod sign;
mod verify;

use anyhow::Context as _;

const USAGE: &str = "\
usage: rolecall-probe <part>

  verify ROUNDS MILLISECONDS   times verification by each algorithm; prints algorithm, way, nanoseconds
  sign ROUNDS MILLISECONDS     times signing and verifying, bare and whole; prints algorithm, way, nanoseconds
  commits URL TASKS MILLISECONDS  writes one row after the other, each on disk; prints commits a second
  hash SECONDS                 computes password hashes on all cores; prints hashes a second, clock ticks of CPU for each
  decide ROUNDS MILLISECONDS   times decisions of policies of several sizes; prints size, way, nanoseconds
  edit URL USERS ROLES EDITS   fills, loads, edits one role again and again; prints `load` or `edit`, milliseconds
  serve ADDRESS URL            an application with a guarded and an open route, on the database of URL
  fill URL USERS ROLES         makes users (`user0`, ..) and roles (`role0`, ..) without the server
  queries URL USERS ROLES      fills, counts the queries of each operation; prints operation, queries";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["verify", rounds, milliseconds] => verify::run(
            number(rounds)?,
            std::time::Duration::from_millis(number(milliseconds)?),
        ),
        ["sign", rounds, milliseconds] => sign::run(
            number(rounds)?,
            std::time::Duration::from_millis(number(milliseconds)?),
        ),
        ["commits", url, tasks, milliseconds] => wait_for(commits::run(
            url,
            number(tasks)?,
            std::time::Duration::from_millis(number(milliseconds)?),
        )),
        ["hash", seconds] => hash::run(std::time::Duration::from_secs(number(seconds)?)),
        ["decide", rounds, milliseconds] => decide::run(
            number(rounds)?,
            std::time::Duration::from_millis(number(milliseconds)?),
        ),
        ["edit", url, users, roles, edits] => wait_for(edit::run(
            url,
            number(users)?,
            number(roles)?,
            number(edits)?,
        )),
        ["serve", address, url] => wait_for(serve::run(address, url)),
        ["fill", url, users, roles] => wait_for(fill::run(url, number(users)?, number(roles)?)),
        ["queries", url, users, roles] => {
            wait_for(queries::run(url, number(users)?, number(roles)?))
        }
        _ => anyhow::bail!("{USAGE}"),
    }
}

fn number<N: std::str::FromStr>(text: &str) -> anyhow::Result<N> {
    let number = text.parse().ok();
    number.with_context(|| format!("`{text}` is no number that can be used here"))
}

fn wait_for(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}
