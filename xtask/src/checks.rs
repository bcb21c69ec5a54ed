//! The checks that cargo runs.

use std::{num::NonZero, thread::available_parallelism};

use crate::failures;
use crate::install::Tools;
use crate::report::Report;
use crate::tools::{self, Workspace};

/// Checks formatting, lints and documentation, and compiles the tests, all of which needs nothing but Rust.
pub(crate) fn compile(report: &mut Report, workspace: &Workspace) {
    report.step("format", || {
        tools::run(workspace.cargo().args(["fmt", "--all", "--check"]))
    });
    report.step("lints", || {
        let mut clippy = workspace.cargo();
        clippy.args(["clippy", "--workspace", "--all-targets", "--all-features"]);
        tools::run(clippy.args(["--locked", "--", "--deny", "warnings"]))
    });
    report.step("guard library with default features", || {
        tools::run(
            workspace
                .cargo()
                .args(["check", "--package", "rolecall", "--locked"]),
        )
    });
    report.step("no HTTP client in the guard library's defaults", || {
        no_http_client(workspace)
    });
    report.step("server without the command line", || {
        let mut clippy = workspace.cargo();
        clippy.args(["clippy", "--package", "rolecall-server", "--lib"]);
        clippy.args(["--no-deps", "--no-default-features", "--locked"]);
        tools::run(clippy.args(["--", "--deny", "warnings"]))
    });
    report.step("documentation", || {
        let mut doc = workspace.cargo();
        doc.env("RUSTDOCFLAGS", "--deny warnings");
        tools::run(doc.args([
            "doc",
            "--workspace",
            "--no-deps",
            "--all-features",
            "--locked",
        ]))
    });
    // as an application builds it, without the features of tests
    report.step(
        "documentation of the libraries with default features",
        || {
            let mut doc = workspace.cargo();
            doc.env("RUSTDOCFLAGS", "--deny warnings");
            doc.args([
                "doc",
                "--package",
                "rolecall",
                "--package",
                "rolecall-server",
            ]);
            tools::run(doc.args(["--no-deps", "--locked"]))
        },
    );
    report.step("build: tests", || {
        let mut build = workspace.cargo();
        tools::run(build.args(TESTS).arg("--no-run"))
    });
}

/// The arguments that compile and run the tests.
const TESTS: [&str; 4] = ["test", "--workspace", "--all-features", "--locked"];

/// Runs the tests.
pub(crate) fn test(report: &mut Report, workspace: &Workspace, tools: &Tools) {
    report.step("tests", || {
        let mut test = workspace.cargo();
        test.envs(tools.variables());
        // tests wait for databases and files more than a processor does
        let threads = available_parallelism().map_or(1, NonZero::get) + 1;
        test.env("RUST_TEST_THREADS", threads.to_string());
        // every test has a database, and a disk takes longer to write it than the test takes
        test.envs(tools::memory().map(|folder| ("TMPDIR", folder)));
        failures::run(test.args(TESTS).arg("--no-fail-fast"))
    });
    // a workspace of its own, see docs/adr/0042
    report.step("authenticator of others", || {
        let mut test = workspace.cargo();
        test.args(["test", "--locked", "--manifest-path"]);
        test.arg(workspace.path("tests/authenticator/Cargo.toml"));
        test.arg("--target-dir");
        // what both have in common is compiled once
        tools::run(test.arg(workspace.target(".")))
    });
}

/// Checks licenses, bans and sources by `deny.toml`. Advisories need a database from the network and are
/// checked before a release.
pub(crate) fn check_dependencies(report: &mut Report, workspace: &Workspace, tools: &Tools) {
    report.step("licenses, bans and sources of dependencies", || {
        let mut deny = workspace.command(tools.cargo_deny());
        deny.args(["--workspace", "--all-features", "--locked", "check"]);
        // warnings about duplicates would fill a page in every run
        deny.args(["--hide-inclusion-graph", "--allow", "duplicate"]);
        tools::run(deny.args(["bans", "licenses", "sources"]))
    });
}

/// A program that only verifies tokens must not have to build an HTTP client with TLS.
fn no_http_client(workspace: &Workspace) -> anyhow::Result<()> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--package", "rolecall", "--edges", "normal"]);
    let tree = tree.args(["--prefix", "none", "--locked"]).output()?;
    let tree = String::from_utf8_lossy(&tree.stdout);
    anyhow::ensure!(
        tree.contains("rolecall-core "),
        "`cargo tree` does not show the dependencies of `rolecall`"
    );
    for client in ["hyper", "hyper-util", "hyper-rustls", "reqwest", "rustls"] {
        let found = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(client));
        anyhow::ensure!(
            !found,
            "the default features of `rolecall` depend on `{client}`"
        );
    }
    Ok(())
}
