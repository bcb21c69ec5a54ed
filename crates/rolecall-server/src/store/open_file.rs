//! The file of an open database, and whether it and the files beside it are still those that were opened.

use std::{
    error::Error as _,
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

/// The ending of the index of the write-ahead log, which holds SQLite's locks too.
const INDEX: &str = "-shm";
/// The endings of the files that SQLite keeps beside a database: the log and its index.
const COMPANIONS: [&str; 2] = ["-wal", INDEX];
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

    /// Notes an error that says something about the whole database.
    pub(super) fn note(&self, error: &StoreError) {
        if error.is_full() {
            self.failures.note_full();
        }
        if error.is_damage() && self.failures.note_damaged() {
            let reason = error.source().map(ToString::to_string);
            let reason = reason.unwrap_or_default();
            tracing::error!(
                database = %self.path.display(),
                %reason,
                "the database is damaged, so that this server is not ready: see what is damaged with `rolecall doctor`, then \
                 stop the server and restore a backup with `rolecall restore FILE --force`"
            );
        }
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
        // this process has no connection at the moment, and the next one would create another index than that which
        // other processes may have open
        if let [Some(log), None] = found
            && !is_open_here(log)
        {
            return Err(StoreError::LogMoved(beside(&self.target, INDEX)));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::file::mark_in_use;

    fn open(folder: &tempfile::TempDir) -> (OpenFile, [PathBuf; 2]) {
        let path = folder.path().join("rolecall.db");
        fs::write(&path, "").unwrap();
        let companions = COMPANIONS.map(|suffix| beside(&path, suffix));
        let in_use = mark_in_use(&path).unwrap();
        (OpenFile::new(path, in_use).unwrap(), companions)
    }

    /// Gives a file a second name, so that no file of another test gets its inode.
    fn keep_inode(path: &Path) {
        fs::hard_link(path, beside(path, ".kept")).unwrap();
    }

    #[tokio::test]
    async fn y545_a_process_without_connections_creates_no_other_index() {
        let folder = tempfile::tempdir().unwrap();
        let (file, [log, index]) = open(&folder);
        file.check().unwrap();
        // of another process
        fs::write(&log, "").unwrap();
        fs::write(&index, "").unwrap();
        keep_inode(&log);
        keep_inode(&index);
        file.check().unwrap();
        fs::remove_file(&index).unwrap();
        for refused in [file.check(), file.check_idle().await] {
            assert!(
                matches!(refused, Err(StoreError::LogMoved(_))),
                "{refused:?}"
            );
        }
        fs::remove_file(&log).unwrap();
        file.check().unwrap();
    }

    #[test]
    fn y545_files_that_get_the_inodes_of_earlier_ones_are_not_taken_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let (file, [log, index]) = open(&folder);
        let opened = [File::create(&log).unwrap(), File::create(&index).unwrap()];
        keep_inode(&log);
        file.check().unwrap();
        drop(opened);
        // as if the last connection had closed, and a new one had begun
        fs::rename(&index, &log).unwrap();
        let _opened = [File::open(&log).unwrap(), File::create(&index).unwrap()];
        file.check().unwrap();
        // and the new ones are known
        fs::remove_file(&index).unwrap();
        assert!(matches!(file.check(), Err(StoreError::LogMoved(_))));
    }
}
