//! An application with rolecall in it, driven in-process on a database of its own.

mod app;
mod browser;
mod client;
mod command_line;
mod database;
mod node;
mod phone;
mod postgres;
mod proxy;
mod race;
mod relay;
mod request;
mod response;
mod session;
mod smtp;
mod started;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::Timestamp;
use rolecall_server::passwords::Parameters;
use serde_json::Value;

pub(crate) use app::{RealHashing, TestApp, builder_at};
pub(crate) use browser::{Browser, CHALLENGE, SignInAnswer, VERIFIER, without_challenge};
pub(crate) use client::Credentials;
pub(crate) use command_line::{
    audit_is_whole, command, output_of, rolecall, rolecall_with, run, run_failing, verify_audit,
    with_input,
};
pub(crate) use database::Database;
pub(crate) use node::{Node, may, role};
pub(crate) use phone::Phone;
pub(crate) use proxy::Proxy;
pub(crate) use race::{First, ROUNDS, Race, races};
pub(crate) use relay::{Relay, RunningServer};
pub(crate) use request::RequestBuilder;
pub(crate) use response::Response;
pub(crate) use session::{TokenPair, password_form};
pub(crate) use smtp::{Answer, MailServer, ReceivedMail};

/// The argument of a test, built on a fresh database.
pub(crate) trait Fixture {
    /// Whether the database is one on which a node was started before, with the settings of [`builder_at`].
    const IS_STARTED: bool = false;

    async fn on(db: Database) -> Self;
}

impl Fixture for Database {
    async fn on(db: Database) -> Self {
        db
    }
}

/// Makes two tests of each function that takes a [`Fixture`]: one on SQLite, one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::support::on_sqlite(super::$name).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::support::on_postgres(super::$name).await;
            }
        }
    )+ };
}
pub(crate) use on_both;

pub(crate) async fn on_sqlite<F: Fixture, T: Future<Output = ()>>(test: impl FnOnce(F) -> T) {
    let db = if F::IS_STARTED {
        started::sqlite().await
    } else {
        Database::sqlite()
    };
    test(F::on(db).await).await;
}

/// Passes without running `test` where no PostgreSQL is installed.
pub(crate) async fn on_postgres<F: Fixture, T: Future<Output = ()>>(test: impl FnOnce(F) -> T) {
    let db = if F::IS_STARTED {
        started::postgres().await
    } else {
        Database::postgres().await
    };
    if let Some(db) = db {
        test(F::on(db).await).await;
    }
}

/// The password of every user, unless a test sets another.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const WRONG: &str = "wrong horse battery staple";
/// The password that a test changes to.
pub(crate) const NEW_PASSWORD: &str = "another horse battery staple";
pub(crate) const ISSUER: &str = "http://127.0.0.1:8000";
pub(crate) const MASTER_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// 2030-01-01T00:00:00Z
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_893_456_000);

/// The cheapest parameters of a hash.
pub(crate) const CHEAP: Parameters = Parameters::Argon2id {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A part of a token, unverified: 0 is the header, 1 the claims.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The `sid` claim of a token.
pub(crate) fn session_id(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

/// Polls until `condition` holds. A node learns of changes made elsewhere with its next poll; the bound is
/// generous because tests share the machine.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let poll = async {
        while !condition().await {
            // leave the processor to the other tests
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let bound = Duration::from_secs(20);
    assert!(
        tokio::time::timeout(bound, poll).await.is_ok(),
        "not within {bound:?}: {what}"
    );
}
