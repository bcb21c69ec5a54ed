//! The proof that the model is right: long random sequences of commands against a second implementation of
//! the whole model, which is kept as simple as possible. The core, the server on SQLite and the server on
//! PostgreSQL must agree with it on every decision, every refusal, every derivation and every token.
//!
//! `docs/proof.md` tells how to run it and how to read what it prints.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod command;
mod core;
mod generate;
mod model;
mod numbers;
mod play;
mod server;
mod shrink;
#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests of the server use the rest"
)]
mod support;
mod truth;
mod work;

use command::{Command, parse};
use work::{All, Task};

/// How many commands a sequence has after its preparations.
const LENGTH: usize = 40;

#[test]
fn a_script_is_not_another_one_once_it_was_written() {
    for seed in 0..200 {
        let script = generate::generate(seed, LENGTH);
        let read: Vec<Command> = parse(&command::write(&script)).unwrap();
        assert_eq!(read, script);
    }
}

/// The scripts that once failed.
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
async fn no_script_that_once_failed_fails_again() {
    let mut all = All::new().await;
    for (name, script) in regressions() {
        let played = all.play(&script).await;
        assert!(played.is_ok(), "{name}\n{}", played.unwrap_err());
    }
}

/// 50 sequences, or as many as `cargo xtask prove` was asked for.
#[test]
fn no_random_sequence_departs_from_the_model() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let asked = number("XTASK_PROVE_SEQUENCES");
    let task = Task::new(
        number("XTASK_PROVE_SEED").unwrap_or(0),
        asked.unwrap_or(50),
        asked.is_some(),
    );
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(|| task.work())).collect();
        let ended = started.into_iter().map(|worker| worker.join().unwrap());
        ended.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{}", task.sum());
}
