//! The measurements of `cargo xtask bench` that run inside one process.
//!
//! Each part prints lines of fields separated by tabs, and `cargo xtask bench` turns them into tables.

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

  verify ROUNDS MILLISECONDS   times verification by each algorithm; prints algorithm, operation, nanoseconds
  sign ROUNDS MILLISECONDS     times signing and verifying, bare and whole; prints algorithm, operation, nanoseconds
  commits URL TASKS MILLISECONDS  writes rows, each on disk before the next; prints commits per second
  hash SECONDS                 computes password hashes on all cores; prints hashes per second, CPU clock ticks per hash
  decide ROUNDS MILLISECONDS   times decisions of policies of several sizes; prints size, measurement, nanoseconds
  edit URL USERS ROLES EDITS   fills a database, loads it, edits a role; prints `load` or `edit`, milliseconds
  serve ADDRESS URL            serves an application with a guarded and an open route on the database at URL
  fill URL USERS ROLES         creates users (`user0`, ..) and roles (`role0`, ..) without the server
  queries URL USERS ROLES      fills a database; prints operation, number of queries";

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
    number.with_context(|| format!("`{text}` is not a valid number"))
}

fn wait_for(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}
