//! The file of an open database, and whether it and the files beside it are still those that were opened.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    error::{OpenError, StoreError},
    failures::Failures,
    file::{beside, failed, resolved},
};

/// The files that SQLite keeps beside a database: the write-ahead log, and its index, which holds the locks too.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];
/// The time after which a file that seems to be gone is looked for again.
const CLOSING: Duration = Duration::from_millis(5);

/// The device and inode of a file.
type Identity = (u64, u64);

/// The file of an open database.
pub(super) struct OpenFile {
    path: PathBuf,
    /// The path without links, beside which SQLite puts its files.
    target: PathBuf,
    identity: Identity,
    /// The [`COMPANIONS`] that the connections of this process have open, as far as they were seen.
    companions: Mutex<[Option<Identity>; 2]>,
    pub(super) failures: Failures,
    /// Locked while the file is open, so that no restore replaces it meanwhile.
    _in_use: File,
}

impl OpenFile {
    pub(super) fn new(path: PathBuf, in_use: File) -> Result<Self, OpenError> {
        let identity = identity(&path).map_err(failed(&path))?;
        let target = resolved(&path);
        let companions = Mutex::new(companions_of(&target));
        Ok(Self {
            path,
            target,
            identity,
            companions,
            failures: Failures::default(),
            _in_use: in_use,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does what [`check`](Self::check) does while no connection is held. SQLite removes the index of the log a moment
    /// before it closes it with the last connection, so that a missing one is looked for twice.
    pub(super) async fn check_idle(&self) -> Result<(), StoreError> {
        match self.check() {
            Err(StoreError::LogMoved(_)) => {
                tokio::time::sleep(CLOSING).await;
                self.check()
            }
            outcome => outcome,
        }
    }

    /// Checks that the file, its log and the index of the log still lie where they were opened: SQLite would go on
    /// writing to files without a name, which are lost when the process is killed, and another process would create an
    /// index of its own, whose locks this one does not see.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => self.check_companions(),
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Hidden {
                    path: self.path.clone(),
                    source,
                })
            }
            _ => Err(StoreError::Moved(self.path.clone())),
        }
    }

    fn check_companions(&self) -> Result<(), StoreError> {
        let found = companions_of(&self.target);
        let mut seen = self
            .companions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(());
        }
        for ((suffix, before), now) in COMPANIONS.into_iter().zip(*seen).zip(found) {
            // SQLite itself removes both with the last connection, and the next one creates others, which can get the
            // inodes of the first
            let is_reused = before.is_some() && found.contains(&before);
            if before != now && !is_reused && before.is_some_and(is_open_here) {
                return Err(StoreError::LogMoved(beside(&self.target, suffix)));
            }
        }
        *seen = found;
        Ok(())
    }
}

fn companions_of(database: &Path) -> [Option<Identity>; 2] {
    COMPANIONS.map(|suffix| identity(&beside(database, suffix)).ok())
}

/// Returns true if this process has the file open; also where the system does not show it.
fn is_open_here(file: Identity) -> bool {
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return true;
    };
    open.flatten()
        .any(|entry| identity(&entry.path()).is_ok_and(|found| found == file))
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}
