//! The same sequences on everything that is compared, by several workers side by side.

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
    play::{Compared, Counts, Failure, play, report},
    server::{Below, Server},
    shrink::shrink,
};

/// Everything that is compared with the model.
pub(crate) struct All {
    core: Core,
    sqlite: Server,
    /// None where no PostgreSQL is installed.
    postgres: Option<Server>,
}

impl All {
    pub(crate) async fn new() -> Self {
        Self {
            core: Core::default(),
            sqlite: Server::on(Below::Sqlite).await.unwrap(),
            postgres: Server::on(Below::Postgres).await,
        }
    }

    /// Plays a script on each; a report about the first that departs, with the shortest script that does.
    pub(crate) async fn play(&mut self, script: &[Command]) -> Result<(), String> {
        on(&mut self.core, script).await?;
        on(&mut self.sqlite, script).await?;
        match &mut self.postgres {
            Some(postgres) => on(postgres, script).await,
            None => Ok(()),
        }
    }

    /// How much was done by each, since this was asked last.
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

async fn on<C: Compared>(compared: &mut C, script: &[Command]) -> Result<(), String> {
    let Err(failure) = play(compared, script).await else {
        return Ok(());
    };
    // what one script left must not be why another fails
    compared.renew().await;
    let again: Option<Failure> = play(compared, script).await.err();
    let name = compared.name();
    let Some(failure) = again else {
        let once = report(name, script, &failure);
        return Err(format!("# only once, after other scripts\n{once}"));
    };
    let (script, failure) = shrink(compared, script, failure).await;
    Err(report(name, &script, &failure))
}

/// So many sequences, from a seed on.
pub(crate) struct Task {
    next: AtomicU64,
    end: u64,
    /// Whether progress is printed.
    tells: bool,
    failed: AtomicBool,
    began: Instant,
    sums: Mutex<[Counts; 3]>,
}

impl Task {
    pub(crate) fn new(seed: u64, sequences: u64, tells: bool) -> Self {
        Self {
            next: AtomicU64::new(seed),
            end: seed + sequences,
            tells,
            failed: AtomicBool::new(false),
            began: Instant::now(),
            sums: Mutex::default(),
        }
    }

    /// Plays one sequence after the other until there are no more, or one has failed.
    pub(crate) fn work(&self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let mut all = All::new().await;
            while !self.failed.load(Ordering::Relaxed) {
                let seed = self.next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.end {
                    break;
                }
                let played = all.play(&generate(seed, LENGTH)).await;
                self.note(all.counts());
                if let Err(what) = played {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(format!("# seed {seed}\n{what}"));
                }
                if self.tells && seed % 1000 == 999 {
                    println!("{}", self.sum());
                }
            }
            Ok(())
        })
    }

    fn note(&self, counts: [Counts; 3]) {
        let mut sums = self.sums.lock().unwrap();
        for (sum, more) in sums.iter_mut().zip(counts) {
            sum.add(&more);
        }
    }

    /// How much was done so far.
    pub(crate) fn sum(&self) -> String {
        let [core, sqlite, postgres] = *self.sums.lock().unwrap();
        let seconds = self.began.elapsed().as_secs();
        format!("after {seconds} s\n  core: {core}\n  sqlite: {sqlite}\n  postgres: {postgres}")
    }
}
