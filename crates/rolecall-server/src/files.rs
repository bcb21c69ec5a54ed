//! Files that the configuration or the command line names.
//!
//! Opening a pipe without a writer, and reading some devices, never ends. So everything but a regular file is refused,
//! except `<(command)` and `/dev/stdin`, which shells make for one program.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::OFlags;

/// The folders of the open files of this process, where the shell puts `<(command)`.
const OWN_FILES: [&str; 2] = ["/dev/fd/", "/proc/self/fd/"];

/// Opens a file to read it.
///
/// # Errors
///
/// Those of the system, and an error that names the kind of what is no file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    let is_own = is_own(path);
    if !is_own {
        // a pipe without a writer is opened at once, and refused below; regular files do not know the flag
        options.custom_flags(flags(OFlags::NONBLOCK | OFlags::NOCTTY));
    }
    let file = options.open(path)?;
    match fault_of_kind(&file.metadata()?, is_own) {
        None => Ok(file),
        Some(fault) => Err(io::Error::other(fault)),
    }
}

/// Reads a whole file; errors are those of [`open`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file of at most `most` bytes, `None` if it is longer; errors are those of [`open`].
pub(crate) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Reads a whole file of text; errors are those of [`open`].
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Checks what another library opens by its path; nothing is at the path of a file that is yet to be created.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn check_kind(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) => {
            fault_of_kind(&found, false).map_or(Ok(()), |fault| Err(io::Error::other(fault)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_own(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || OWN_FILES.iter().any(|folder| path.starts_with(folder))
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

fn fault_of_kind(metadata: &Metadata, allows_pipe: bool) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_fifo() && allows_pipe {
        return None;
    }
    Some(if kind.is_dir() {
        "it is a folder"
    } else if kind.is_fifo() {
        "it is a named pipe, not a file"
    } else if kind.is_socket() {
        "it is a socket, not a file"
    } else {
        "it is a device, not a file"
    })
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsRawFd as _, process::Command};

    use super::*;

    #[test]
    fn y271_what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "content").unwrap();
        for (path, part) in [
            (&*pipe, "a named pipe"),
            (&link, "a named pipe"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/dev/tty0"), ""),
        ] {
            let refused = read(path).unwrap_err().to_string();
            assert!(refused.contains(part), "{}: {refused}", path.display());
            assert!(read_to_string(path).is_err());
        }
        for path in [&*pipe, &link, Path::new("/dev/zero")] {
            assert!(check_kind(path).is_err());
        }
        assert!(check_kind(&file).is_ok() && check_kind(&folder.path().join("new")).is_ok());
        assert_eq!(read_to_string(&file).unwrap(), "content");
        let missing = read(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_output_of_a_command_is_read_as_a_file() {
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"content").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_to_string(Path::new(&path)).unwrap(), "content");
    }
}
