//! The tasks of the project, run as `cargo xtask <task>`.
//!
//! CI runs `test`: it installs the programs that the tests need, then runs all checks and all tests.

mod assets;
#[cfg(test)]
mod asvs;
#[cfg(test)]
mod attacks;
mod bench;
mod checks;
mod circles;
mod clients;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod embedding;
mod failures;
mod fuzz;
mod go;
#[cfg(test)]
mod identity;
mod install;
mod java;
#[cfg(test)]
mod mutants;
mod node;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod passwords;
mod prove;
mod report;
mod sdk;
#[cfg(test)]
mod sources;
mod tools;

use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;

use report::Report;
use tools::Workspace;

const USAGE: &str = "\
usage: cargo xtask <task>

  test      install the programs that the tests need, then run all checks and tests, as CI does
  install   only install the programs that the tests need
  go        only check and test the Go module, its adapters and its example
  java      only test the Spring Boot starter
  sdk       only build and test the packages in sdk/ for other languages
  clients   only test with the Python, Node, curl and browser clients, against new binaries
  bench     [SECTION..] [--quick] [--write]: measure, and print tables. The sections are verify,
            routes, peers, logins, flood, tokens, sign-in, import, decisions, scale and queries.
            --write saves the tables in docs/performance.md
  fuzz      [TARGET..] [--minutes N | --pack]: run the fuzz targets, by default for ten minutes each.
            --pack only packs the files in fuzz/corpus/TARGET/ into fuzz/corpus/TARGET.txt
  prove     [--sequences N] [--seed S]: run random commands against the model, on the core and on
            both databases, by default 10000 sequences
  circles   print the circles between source files, with the names that each file imports
  assets    download the pinned Swagger UI and write the committed files";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let workspace = Workspace::find();
    let mut report = Report::new();
    match task.as_str() {
        "test" => test(&mut report, &workspace),
        "sdk" => {
            node::test(&mut report, &workspace);
            sdk::run(&mut report, &workspace);
            go::run(&mut report, &workspace);
            java::run(&mut report, &workspace);
        }
        "install" => {
            install::install(&mut report, &workspace);
        }
        "go" => go::run(&mut report, &workspace),
        "java" => {
            java::run(&mut report, &workspace);
            java::build_example(&mut report, &workspace);
        }
        "clients" => {
            let tools = install::install(&mut report, &workspace);
            node::build(&mut report, &workspace);
            java::build_example(&mut report, &workspace);
            clients::run(&mut report, &workspace, &tools);
        }
        "fuzz" => report.step("fuzz targets", || {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            fuzz::fuzz(&workspace, &fuzz::Plan::parse(&arguments)?)
        }),
        "prove" => report.step("proof", || {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            prove::prove(&workspace, &prove::Plan::parse(&arguments)?)
        }),
        "circles" => report.step("circles between source files", || {
            circles::print(&workspace)
        }),
        "bench" => {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            return bench::run(&workspace, &arguments);
        }
        "assets" => report.step("swagger ui files", || assets::update(&workspace)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    report.finish()
}

/// Runs everything. What waits for the network and for single-threaded tools runs beside the compiler, which would leave
/// processors idle alone.
fn test(report: &mut Report, workspace: &Workspace) {
    let tools = thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut report = Report::new();
            let tools = install::install(&mut report, workspace);
            checks::check_dependencies(&mut report, workspace, &tools);
            node::test(&mut report, workspace);
            go::run(&mut report, workspace);
            java::run(&mut report, workspace);
            java::build_example(&mut report, workspace);
            (report, tools)
        });
        checks::compile(report, workspace);
        let (others, tools) = beside.join().unwrap_or_else(|panic| resume_unwind(panic));
        report.join(others);
        tools
    });
    checks::test(report, workspace, &tools);
    clients::run(report, workspace, &tools);
    sdk::run(report, workspace);
}
