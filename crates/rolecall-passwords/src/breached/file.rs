//! The list of a server, which may be replaced while it is in use.

use std::{
    fmt,
    fs::File,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{error::ListError, fingerprint, list::List};
use crate::password::Password;

/// A list of breached passwords in a file, as [`ListBuilder`](crate::ListBuilder) writes it.
///
/// A look-up reads one block of the file. Each one looks whether another file has the name by now, and uses that one
/// from then on; one that cannot be used is reported in the log, and the old list stays in use.
pub struct BreachedPasswords {
    path: PathBuf,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    list: Option<(Identity, Arc<List<File>>)>,
    /// A file that cannot be used, which was reported.
    unusable: Option<Identity>,
}

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl fmt::Debug for BreachedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BreachedPasswords")
            .field(&self.path)
            .finish()
    }
}

impl BreachedPasswords {
    /// Names the file of a list, which is opened at the first look-up.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            current: Mutex::default(),
        }
    }

    /// Opens a list and checks its header.
    ///
    /// # Errors
    ///
    /// See [`ListError`].
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let list = Self::at(path);
        list.current()?;
        Ok(list)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of passwords in the list.
    ///
    /// # Errors
    ///
    /// See [`ListError`].
    pub fn count(&self) -> Result<u64, ListError> {
        Ok(self.current()?.values())
    }

    /// Checks whether a password is in the list. One of a thousand passwords that are not is taken for one that is if
    /// the list has a billion of them, and fewer the shorter it is. This reads from the disk: call it on a thread that
    /// may wait.
    ///
    /// # Errors
    ///
    /// See [`ListError`].
    pub fn contains(&self, password: &Password) -> Result<bool, ListError> {
        self.current()?.contains(fingerprint(password.expose()))
    }

    /// Reads the whole file, which takes seconds for a large one.
    ///
    /// # Errors
    ///
    /// See [`ListError`].
    pub fn verify(&self) -> Result<(), ListError> {
        self.current()?.verify()
    }

    /// Returns the list in the file that has the name now.
    fn current(&self) -> Result<Arc<List<File>>, ListError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let found = std::fs::metadata(&self.path);
        let Some((in_use, list)) = &current.list else {
            let (identity, list) = self.read()?;
            current.list = Some((identity, Arc::clone(&list)));
            return Ok(list);
        };
        let list = Arc::clone(list);
        // a file that was removed stays readable for those who have it open
        let Some(found) = found.ok().map(|found| Identity::of(&found)) else {
            return Ok(list);
        };
        if found == *in_use || current.unusable == Some(found) {
            return Ok(list);
        }
        match self.read() {
            Ok((identity, list)) => {
                tracing::info!(
                    passwords = list.values(),
                    "the list of breached passwords was replaced"
                );
                *current = Current {
                    list: Some((identity, Arc::clone(&list))),
                    unusable: None,
                };
                Ok(list)
            }
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "the new list of breached passwords cannot be used: the old one stays in use");
                current.unusable = Some(found);
                Ok(list)
            }
        }
    }

    fn read(&self) -> Result<(Identity, Arc<List<File>>), ListError> {
        // opening a pipe would wait for its writer
        if !std::fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("it is not a regular file").into());
        }
        let file = File::open(&self.path)?;
        let identity = Identity::of(&file.metadata()?);
        Ok((identity, Arc::new(List::open(file)?)))
    }
}

impl Identity {
    fn of(file: &std::fs::Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.len(),
            changed: (file.mtime(), file.mtime_nsec()),
        }
    }
}
