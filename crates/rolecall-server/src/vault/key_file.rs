//! Files with a master key: readable by their owner only, and created with a random key.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use zeroize::Zeroizing;

use super::{
    error::MasterKeyError,
    master_key::{KEY_BYTES, MasterKey},
};
use crate::{
    files,
    ids::{NoRandomness, random_token},
    secret_files::{self, Readers},
};

impl MasterKey {
    /// Reads the key from a file, or creates the file (mode 0600) with a random key. Processes that start at the same
    /// time get the same key.
    ///
    /// # Errors
    ///
    /// If others can read the file, or it contains no key, or cannot be read or created.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                create(path).map_err(|source| match source {
                    CreateError::Io(source) => MasterKeyError::File {
                        path: path.to_owned(),
                        source,
                    },
                    CreateError::NoRandomness(error) => error.into(),
                })?;
                Self::load(path)
            }
            result => result,
        }
    }

    /// Reads the key from a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// If others can read the file, or it contains no key, or cannot be read.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let file_error = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        let file = files::open(path).map_err(file_error)?;
        let metadata = file.metadata().map_err(file_error)?;
        if let Some(advice) = secret_files::exposure(path, &metadata, Readers::Others) {
            return Err(MasterKeyError::Readable {
                path: path.to_owned(),
                advice,
            });
        }
        let mut text = Zeroizing::new(String::with_capacity(256));
        file.take(256)
            .read_to_string(&mut text)
            .map_err(file_error)?;
        let content = |reason| MasterKeyError::Content {
            path: path.to_owned(),
            reason,
        };
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Err(content("it is empty".to_owned()));
        }
        let key: Result<Self, MasterKeyError> = text.parse();
        key.map_err(|error| content(error.to_string()))
    }
}

enum CreateError {
    Io(io::Error),
    NoRandomness(NoRandomness),
}

impl From<io::Error> for CreateError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NoRandomness> for CreateError {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

/// Writes a random key to a temporary file and links it to `path`: the file appears as a whole or not at all, and
/// never replaces one that another process created first.
fn create(path: &Path) -> Result<(), CreateError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".master-key-{}", random_token(64)?));
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in MasterKey::generate()?.bytes() {
        fmt::Write::write_fmt(&mut *text, format_args!("{byte:02x}")).map_err(io::Error::other)?;
    }
    text.push('\n');
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    let linked = written.and_then(|()| std::fs::hard_link(&temporary, path));
    let _ = std::fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(File::open(folder)?.sync_all()?),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_file_is_created_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::load_or_create(&path)
            .unwrap()
            .fingerprint()
            .unwrap();
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        assert_eq!(
            MasterKey::load_or_create(&path)
                .unwrap()
                .fingerprint()
                .unwrap(),
            made
        );
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn processes_that_start_at_the_same_time_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let fingerprints: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        MasterKey::load_or_create(&path)
                            .unwrap()
                            .fingerprint()
                            .unwrap()
                    })
                })
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(fingerprints.iter().all(|text| *text == fingerprints[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_its_solution() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, HEX).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = MasterKey::load_or_create(&path).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(MasterKey::load(&path).is_ok());
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for (text, reason) in [("nothing", "32 bytes"), ("\n", "it is empty")] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = MasterKey::load_or_create(&path).unwrap_err().to_string();
            let named = refused.contains(path.to_str().unwrap());
            assert!(named && refused.contains(reason), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let refused = MasterKey::load(Path::new("/dev/zero")).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("device") && !refused.contains("chmod"),
            "{refused}"
        );
        let missing = folder.path().join("no/such/folder/master.key");
        let refused = MasterKey::load_or_create(&missing).unwrap_err();
        assert!(matches!(refused, MasterKeyError::File { .. }));
    }
}
