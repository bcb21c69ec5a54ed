//! The promises of the crate as a whole, tested through its public interface.

pub(crate) mod foreign;
mod rules;

use crate::{Hasher, HasherOptions, Parameters, Password, Verdict};

/// Parameters that cost next to nothing.
const CHEAP: Parameters = Parameters::Argon2id {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn hasher(parameters: Parameters) -> Hasher {
    Hasher::new(HasherOptions {
        parameters,
        threads: 2,
        queue: 16,
    })
    .unwrap()
}

async fn verify(hasher: &Hasher, text: &str, stored: &str) -> Verdict {
    hasher
        .verify(password(text), Some(stored.to_owned()))
        .await
        .unwrap()
}
