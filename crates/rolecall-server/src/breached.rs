//! The list of breached passwords: opened for a start, and built from a published list.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use rolecall_passwords::{
    BreachedPasswords, ListBuilder, ReadError, ReadOptions, Summary, read_list,
};

use crate::{files, ids, start_error::StartError, store::file};

/// The setting that names the file.
pub(crate) const KEY: &str = "passwords.breached";

/// Opens the list and checks its header.
///
/// # Errors
///
/// [`StartError::Breached`].
pub(crate) fn open(path: &Path) -> Result<BreachedPasswords, StartError> {
    BreachedPasswords::open(path).map_err(|error| StartError::Breached {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// The reason why a list was not built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("{path} already exists: choose another name, or replace it with --force", path = .0.display())]
    Exists(PathBuf),
    #[error("{path}: {1}", path = .0.display())]
    List(PathBuf, ReadError),
    #[error("{path}: {1}", path = .0.display())]
    Io(PathBuf, io::Error),
}

/// Builds a list from a published one and writes it to `to`, as a whole or not at all. A server that uses the file which
/// it replaces uses the new one from the next look-up on.
pub(crate) fn build(
    from: &Path,
    to: &Path,
    options: ReadOptions,
    force: bool,
    progress: impl FnMut(u64),
) -> Result<Summary, BuildError> {
    if !force && to.symlink_metadata().is_ok() {
        return Err(BuildError::Exists(to.to_owned()));
    }
    let input = files::open(from).map_err(|error| BuildError::Io(from.to_owned(), error))?;
    let failed = |error| BuildError::Io(to.to_owned(), error);
    // a name of its own: another build of the same list may be under way
    let name = ids::random_token(96).map_err(|error| failed(io::Error::other(error)))?;
    let partial = file::beside(to, &format!(".{name}.partial"));
    let built = write(input, &partial, options, progress);
    let published = built
        .map_err(|error| match error {
            ReadError::Io(error) => BuildError::Io(from.to_owned(), error),
            ReadError::Write(error) => failed(error),
            other => BuildError::List(from.to_owned(), other),
        })
        .and_then(|summary| {
            let named = if force {
                file::replace(&partial, to)
            } else {
                file::publish(&partial, to)
            };
            named.map(|()| summary).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => BuildError::Exists(to.to_owned()),
                _ => failed(error),
            })
        });
    if published.is_err() {
        // the rest of a list looks like one that is still being written
        let _ = fs::remove_file(&partial);
    }
    published
}

fn write(
    input: File,
    partial: &Path,
    options: ReadOptions,
    progress: impl FnMut(u64),
) -> Result<Summary, ReadError> {
    let out = new_file().open(partial).map_err(ReadError::Write)?;
    let builder = ListBuilder::new(out, || unnamed_beside(partial)).map_err(ReadError::Write)?;
    let input = BufReader::with_capacity(1024 * 1024, input);
    let (_, summary) = read_list(input, options, builder, progress)?;
    Ok(summary)
}

/// Published lists are no secret: the server may run as another user.
fn new_file() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    options
}

/// Creates a file that vanishes with this process, where there is room for the list.
fn unnamed_beside(path: &Path) -> io::Result<File> {
    let name = ids::random_token(96).map_err(io::Error::other)?;
    let path = file::beside(path, &format!(".{name}"));
    let created = new_file().open(&path)?;
    fs::remove_file(&path)?;
    Ok(created)
}

#[cfg(test)]
mod tests {
    use rolecall_passwords::Password;

    use super::*;

    #[test]
    fn a_list_is_replaced_as_a_whole_and_only_with_force() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("list.txt"), folder.path().join("list"));
        let build = |force| build(&from, &to, ReadOptions::default(), force, |_| ());
        let has = |text: &str| {
            let password = Password::new(text.to_owned()).unwrap();
            open(&to).unwrap().contains(&password).unwrap()
        };
        fs::write(&from, "one password\n").unwrap();
        assert_eq!(build(false).unwrap().passwords, 1);
        assert!(has("one password"));
        fs::write(&from, "another password\n").unwrap();
        assert!(matches!(build(false), Err(BuildError::Exists(_))));
        assert!(has("one password"));
        build(true).unwrap();
        assert!(has("another password") && !has("one password"));
        fs::write(&from, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\nx\n").unwrap();
        let refused = build(true).unwrap_err().to_string();
        assert!(refused.contains("list.txt: line 2"), "{refused}");
        assert!(has("another password"));
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn y443_a_build_leaves_the_unfinished_list_of_another_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("list.txt"), folder.path().join("list"));
        fs::write(&from, "one password\n").unwrap();
        let others = file::beside(&to, ".partial");
        fs::write(&others, "half a list").unwrap();
        build(&from, &to, ReadOptions::default(), true, |_| ()).unwrap();
        let password = Password::new("one password".to_owned()).unwrap();
        assert!(open(&to).unwrap().contains(&password).unwrap());
        assert_eq!(fs::read(&others).unwrap(), b"half a list");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.txt");
        let to = folder.path().join("list");
        let refused = build(&missing, &to, ReadOptions::default(), false, |_| ());
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("missing.txt"), "{refused}");
        // and the one that cannot be written
        fs::write(&missing, "one password\n").unwrap();
        let nowhere = folder.path().join("no such folder").join("list");
        let refused = build(&missing, &nowhere, ReadOptions::default(), false, |_| ());
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("no such folder"), "{refused}");
        fs::remove_file(&missing).unwrap();
        let refused = open(&missing).unwrap_err().to_string();
        assert!(refused.contains("passwords.breached") && refused.contains("missing.txt"));
    }
}
