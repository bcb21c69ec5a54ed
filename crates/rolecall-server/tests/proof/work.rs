//! Plays the sequences on every implementation, with several workers in parallel.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{
    LENGTH,
    command::Command,
    core::Core,
    generate::generate,
    play::{Counts, Failure, Implementation, play, report},
    server::{Backend, Server},
    shrink::shrink,
};

/// Every implementation that is compared with the model.
pub(crate) struct Implementations {
    core: Core,
    sqlite: Server,
    /// `None` if no PostgreSQL is installed.
    postgres: Option<Server>,
}

impl Implementations {
    pub(crate) async fn new() -> Self {
        Self {
            core: Core::default(),
            sqlite: Server::on(Backend::Sqlite).await.unwrap(),
            postgres: Server::on(Backend::Postgres).await,
        }
    }

    /// Plays a script on each implementation; returns a report on the first that deviates, with a shrunk script.
    pub(crate) async fn play(&mut self, script: &[Command]) -> Result<(), String> {
        play_on(&mut self.core, script).await?;
        play_on(&mut self.sqlite, script).await?;
        match &mut self.postgres {
            Some(postgres) => play_on(postgres, script).await,
            None => Ok(()),
        }
    }

    /// The counts of each implementation since the last call.
    fn counts(&mut self) -> [Counts; 3] {
        let nothing = Counts::default();
        let postgres = self.postgres.as_mut();
        [
            std::mem::take(self.core.counts()),
            std::mem::take(self.sqlite.counts()),
            postgres.map_or(nothing, |postgres| std::mem::take(postgres.counts())),
        ]
    }
}

async fn play_on<C: Implementation>(compared: &mut C, script: &[Command]) -> Result<(), String> {
    let Err(failure) = play(compared, script).await else {
        return Ok(());
    };
    // the state left by earlier scripts must not be the cause
    compared.recreate().await;
    let again: Option<Failure> = play(compared, script).await.err();
    let name = compared.name();
    let Some(failure) = again else {
        let once = report(name, script, &failure);
        return Err(format!("# only after other scripts\n{once}"));
    };
    let (script, failure) = shrink(compared, script, failure).await;
    Err(report(name, &script, &failure))
}

/// A number of sequences, from a seed on.
pub(crate) struct Task {
    next: AtomicU64,
    end: u64,
    prints_progress: bool,
    failed: AtomicBool,
    started_at: Instant,
    sums: Mutex<[Counts; 3]>,
}

impl Task {
    pub(crate) fn new(seed: u64, sequences: u64, prints_progress: bool) -> Self {
        Self {
            next: AtomicU64::new(seed),
            end: seed + sequences,
            prints_progress,
            failed: AtomicBool::new(false),
            started_at: Instant::now(),
            sums: Mutex::default(),
        }
    }

    /// Plays sequences until all are done, or one has failed.
    pub(crate) fn work(&self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let mut all = Implementations::new().await;
            while !self.failed.load(Ordering::Relaxed) {
                let seed = self.next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.end {
                    break;
                }
                let played = all.play(&generate(seed, LENGTH)).await;
                self.add(all.counts());
                if let Err(what) = played {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(format!("# seed {seed}\n{what}"));
                }
                if self.prints_progress && seed % 1000 == 999 {
                    println!("{}", self.summary());
                }
            }
            Ok(())
        })
    }

    fn add(&self, counts: [Counts; 3]) {
        let mut sums = self.sums.lock().unwrap();
        for (sum, more) in sums.iter_mut().zip(counts) {
            sum.add(&more);
        }
    }

    /// The counts so far, as text.
    pub(crate) fn summary(&self) -> String {
        let [core, sqlite, postgres] = *self.sums.lock().unwrap();
        let seconds = self.started_at.elapsed().as_secs();
        format!("after {seconds} s\n  core: {core}\n  sqlite: {sqlite}\n  postgres: {postgres}")
    }
}
