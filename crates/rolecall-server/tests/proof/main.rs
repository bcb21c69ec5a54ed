//! Compares the core, the server on SQLite and the server on PostgreSQL with a second implementation of the whole
//! model, kept as simple as possible: on long random sequences of commands all must agree on every decision,
//! refusal, derivation and token.
//!
//! `docs/proof.md` describes how to run it and how to read its output.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod command;
mod core;
mod explanation;
mod generate;
mod model;
mod play;
mod random;
mod server;
mod shrink;
#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the server tests use the rest"
)]
mod support;
mod work;

use command::{Command, parse};
use work::{Implementations, Task};

/// The number of commands in a sequence, after its preparations.
const LENGTH: usize = 40;

#[test]
fn a_script_survives_writing_and_parsing() {
    for seed in 0..200 {
        let script = generate::generate(seed, LENGTH);
        let read: Vec<Command> = parse(&command::write(&script)).unwrap();
        assert_eq!(read, script);
    }
}

/// The scripts that failed once, by file name.
fn regressions() -> Vec<(String, Vec<Command>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proof/regressions");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let script = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), parse(&text).unwrap())
    };
    paths.into_iter().map(script).collect()
}

#[tokio::test]
async fn no_regression_script_fails() {
    let mut all = Implementations::new().await;
    for (name, script) in regressions() {
        let played = all.play(&script).await;
        assert!(played.is_ok(), "{name}\n{}", played.unwrap_err());
    }
}

/// Plays 50 sequences, or as many as `cargo xtask prove` requests.
#[test]
fn no_random_sequence_deviates_from_the_model() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let requested = number("XTASK_PROVE_SEQUENCES");
    let task = Task::new(
        number("XTASK_PROVE_SEED").unwrap_or(0),
        requested.unwrap_or(50),
        requested.is_some(),
    );
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(|| task.work())).collect();
        let ended = started.into_iter().map(|worker| worker.join().unwrap());
        ended.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{}", task.summary());
}
