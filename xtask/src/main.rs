//! The chores of the project, run as `cargo xtask <chore>`.
//!
//! `test` is what CI runs, no more and no less: it installs what the tests need, then checks, then
//! runs every test there is. `bench` measures. `assets` renews the committed Swagger UI files.

mod assets;
#[cfg(test)]
mod asvs;
#[cfg(test)]
mod attacks;
mod bench;
mod checks;
mod circles;
mod clients;
mod failures;
mod fuzz;
mod install;
mod mutants;
#[cfg(test)]
mod oauth;
mod prove;
mod report;
#[cfg(test)]
mod sources;
mod tools;

use std::process::ExitCode;

use report::Report;
use tools::Workspace;

const USAGE: &str = "\
usage: cargo xtask <chore>

  test      install what the tests need, then run everything that CI runs
  install   only install what the tests need
  clients   only the Python, Node, curl and browser clients against fresh binaries
  bench     measure, and print tables: bench [SECTION..] [--quick] [--write]
            (sections: verify routes peers logins flood scale queries; --write keeps the
            tables in docs/performance.md)
  fuzz      [TARGET].. [--minutes N | --pack]: run the fuzz targets, by default for ten minutes each;
            --pack only packs the files in fuzz/corpus/TARGET/ into fuzz/corpus/TARGET.txt
  prove     [--sequences N] [--seed S]: random commands against the model, on the core and on both
            databases; 10000 sequences unless told otherwise
  mutants   [core|guard|services|FILE].. [--jobs N]: weaken the code in one place after another, and
            list what no test notices and no reason in xtask/mutants.txt excuses
  circles   print the circles between source files, with the names that each file imports
  assets    fetch the pinned Swagger UI and write the committed files";

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let workspace = Workspace::find();
    let mut report = Report::new();
    match chore.as_str() {
        "test" => {
            let tools = install::install(&mut report, &workspace);
            checks::run(&mut report, &workspace, &tools);
            clients::run(&mut report, &workspace, &tools);
        }
        "install" => {
            install::install(&mut report, &workspace);
        }
        "clients" => {
            let tools = install::install(&mut report, &workspace);
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
        "mutants" => report.step("mutants", || {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            mutants::mutants(&workspace, &mutants::Plan::parse(&arguments)?)
        }),
        "circles" => report.step("circles between source files", || {
            circles::print(&workspace)
        }),
        "bench" => {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            return bench::run(&workspace, &arguments);
        }
        "assets" => report.step("swagger ui files", || assets::renew(&workspace)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    report.close()
}
