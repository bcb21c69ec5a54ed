//! A folder for the time of a process or a test.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::ids;

/// A folder that only this user can open. It is removed when this is dropped.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Creates a folder whose name begins with `prefix`, beside the other temporary files of the system.
    pub(crate) fn create(prefix: &str) -> io::Result<Self> {
        let name = ids::random_token(96).map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("{prefix}{name}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let context = |error: io::Error| {
            let text = format!("cannot create the folder {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        };
        builder.create(&path).map_err(context)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // the system removes its temporary files some day
        let _ = fs::remove_dir_all(&self.0);
    }
}
