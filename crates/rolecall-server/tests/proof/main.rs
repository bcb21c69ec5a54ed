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
mod shrink;
mod truth;

use command::Command;
use play::{Compared, Counts, play, report};

/// How many sequences are played, and how long they are, unless somebody asks for more.
const SEQUENCES: u64 = 150;
const LENGTH: usize = 40;

/// Plays the sequences of these seeds; the first that fails is shrunk and printed.
async fn prove<C: Compared>(compared: &mut C, seeds: impl Iterator<Item = u64>) -> Counts {
    for seed in seeds {
        let script = generate::generate(seed, LENGTH);
        if let Err(failure) = play(compared, &script).await {
            let (script, failure) = shrink::shrink(compared, &script, failure).await;
            panic!("seed {seed}\n{}", report(C::NAME, &script, &failure));
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
