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

use command::Command;
use play::{Compared, Counts, play, report};
use server::{Below, Server};

/// How many sequences are played, and how long they are, unless somebody asks for more.
const SEQUENCES: u64 = 150;
const LENGTH: usize = 40;

/// Plays the sequences of these seeds; the first that fails is shrunk and printed.
async fn prove<C: Compared>(compared: &mut C, seeds: impl Iterator<Item = u64>) -> Counts {
    for seed in seeds {
        let script = generate::generate(seed, LENGTH);
        if let Err(failure) = play(compared, &script).await {
            let (script, failure) = shrink::shrink(compared, &script, failure).await;
            panic!("seed {seed}\n{}", report(compared.name(), &script, &failure));
        }
    }
    *compared.counts()
}

#[test]
fn a_script_is_not_another_one_once_it_was_written() {
    for seed in 0..200 {
        let script = generate::generate(seed, LENGTH);
        let read: Vec<Command> = command::parse(&command::write(&script)).unwrap();
        assert_eq!(read, script);
    }
}

#[tokio::test]
async fn the_core_never_departs_from_the_model() {
    let counts = prove(&mut core::Core::default(), 0..SEQUENCES).await;
    println!("{counts}");
}

#[tokio::test]
async fn the_server_on_sqlite_never_departs_from_the_model() {
    let mut server = Server::on(Below::Sqlite).await.unwrap();
    let counts = prove(&mut server, 0..SEQUENCES).await;
    println!("{counts}");
}

#[tokio::test]
async fn the_server_on_postgres_never_departs_from_the_model() {
    if let Some(mut server) = Server::on(Below::Postgres).await {
        let counts = prove(&mut server, 0..SEQUENCES).await;
        println!("{counts}");
    }
}
