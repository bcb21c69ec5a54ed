//! Files with secrets: whether others can read them, and what to do about it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The users who must not be able to read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// All but the owner.
    Others,
    /// All but the owner and the group, which secrets mounted into containers need.
    Everybody,
}

impl Readers {
    fn bits(self) -> u32 {
        match self {
            Self::Others => 0o077,
            Self::Everybody => 0o007,
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Others => "chmod 600",
            Self::Everybody => "chmod o=",
        }
    }
}

/// Returns advice if `readers` can read the file. A file on a read-only mount is accepted: nobody here can change its
/// mode, which containers set to 0644 or 0444 unless they are told otherwise.
pub(crate) fn exposure(path: &Path, metadata: &Metadata, readers: Readers) -> Option<String> {
    let is_exposed = metadata.permissions().mode() & readers.bits() != 0;
    if !is_exposed || is_mounted_read_only(path) {
        return None;
    }
    let shown = path.display();
    let is_ours = fs::metadata("/proc/self")
        .map_or(true, |own| own.uid() == metadata.uid() || own.uid() == 0);
    Some(if is_ours {
        format!("run `{} {shown}`", readers.remedy())
    } else {
        "it belongs to another user: mount it read-only, or with mode 0400 for this user (Kubernetes: `defaultMode: \
         0400` and `fsGroup`; Docker Compose: `uid` and `mode`)"
            .to_owned()
    })
}

/// Returns true if the file is on a mount that is read-only. Without `/proc` nothing is.
fn is_mounted_read_only(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (
        fs::canonicalize(path),
        fs::read_to_string("/proc/self/mountinfo"),
    ) else {
        return false;
    };
    is_read_only_in(&path, &mounts)
}

/// Looks a path up in the text of `mountinfo` (proc(5)): the fifth member of a line is the mount point, the sixth its
/// options.
fn is_read_only_in(path: &Path, mounts: &str) -> bool {
    let mounts = mounts.lines().filter_map(|line| {
        let mut members = line.split(' ').skip(4);
        Some((unescaped(members.next()?), members.next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    // of several on one point the last hides the others
    let nearest = above.max_by_key(|(point, _)| point.components().count());
    nearest.is_some_and(|(_, options)| options.split(',').any(|option| option == "ro"))
}

/// Decodes a space, a tab, a newline and a backslash, which are written in octal.
fn unescaped(point: &str) -> PathBuf {
    let codes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let text = codes.iter().fold(point.to_owned(), |text, (code, sign)| {
        text.replace(code, sign)
    });
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 0:20 / / rw,relatime - overlay overlay rw\n\
        40 22 0:50 / /run/secrets/role\\040call ro,relatime - tmpfs tmpfs rw,size=1024k\n\
        41 22 0:51 / /etc/keys ro - tmpfs tmpfs ro\n\
        42 22 0:52 / /etc/keys rw - tmpfs tmpfs rw\n";

    #[test]
    fn the_nearest_mount_decides() {
        for (path, expected) in [
            ("/run/secrets/role call/key", true),
            ("/run/secrets/other", false),
            ("/etc/keys/key", false),
            ("/etc/keysafe", false),
        ] {
            assert_eq!(is_read_only_in(Path::new(path), MOUNTS), expected, "{path}");
        }
        assert!(!is_read_only_in(Path::new("/key"), "nonsense\n\n"));
    }

    #[test]
    fn a_readable_file_of_ones_own_gets_advice_that_can_be_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "x").unwrap();
        let exposed = |mode, readers| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            exposure(&path, &fs::metadata(&path).unwrap(), readers)
        };
        assert_eq!(exposed(0o440, Readers::Everybody), None);
        assert_eq!(exposed(0o400, Readers::Others), None);
        assert!(
            exposed(0o444, Readers::Everybody)
                .unwrap()
                .contains("chmod o=")
        );
        assert!(
            exposed(0o440, Readers::Others)
                .unwrap()
                .contains("chmod 600")
        );
    }
}
