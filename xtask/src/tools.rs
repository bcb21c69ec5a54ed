//! Finds the folders of the checkout, and runs other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The folders of the checkout.
pub(crate) struct Workspace {
    root: PathBuf,
    /// Nothing is built yet, apart from this program.
    is_new: bool,
}

impl Workspace {
    /// Returns the checkout that this program was built from, or the current folder if that one has moved.
    pub(crate) fn find() -> Self {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = built.canonicalize().unwrap_or_else(|_| PathBuf::from("."));
        let mut found = Self {
            root,
            is_new: false,
        };
        found.is_new = !found.target("test-venv").exists();
        found
    }

    /// Returns a path inside the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns a path inside the target folder, which `CARGO_TARGET_DIR` may name.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir));
        target.join(relative)
    }

    /// Returns a command that runs in the root of the checkout, without input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Returns the cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.env("CARGO_TERM_COLOR", "auto");
        if self.is_new {
            // what a first build would store for the next one, and for debuggers, makes it longer
            command.env("CARGO_INCREMENTAL", "0");
            command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        }
        command
    }
}

/// Runs a command with its output shown.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Returns whether a command succeeds, without showing its output.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the first of `names` that is an executable file in `/usr/local/go/bin`, `PATH`, `/usr/sbin` or `/sbin`.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // where Go's own archive puts it, which is newer than that of a distribution
    let mut folders: Vec<PathBuf> = vec!["/usr/local/go/bin".into()];
    folders.extend(std::env::split_paths(&path));
    // nginx is there, which is not in the PATH of an ordinary user
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    names.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| is_executable(file))
    })
}

/// The room, in kibibytes, that temporary files of one run of the tests need.
const ROOM: u64 = 4 << 20;

/// Returns the folder for temporary files in memory, if there is one with enough room in which programs may run.
pub(crate) fn memory() -> Option<PathBuf> {
    let folder = PathBuf::from("/dev/shm");
    let mut asked = Command::new("findmnt");
    asked.args(["--noheadings", "--bytes", "--output", "AVAIL,OPTIONS"]);
    let found = asked.arg(&folder).output().ok()?;
    is_roomy(&String::from_utf8_lossy(&found.stdout)).then_some(folder)
}

/// Reads the free bytes and the options of a file system.
fn is_roomy(found: &str) -> bool {
    let mut words = found.split_whitespace();
    let room = words.next().and_then(|bytes| bytes.parse::<u64>().ok());
    let mut options = words.flat_map(|options| options.split(','));
    room.is_some_and(|bytes| bytes / 1024 >= ROOM) && !options.any(|option| option == "noexec")
}

/// Returns the folder with `initdb` and `postgres` of the newest PostgreSQL.
pub(crate) fn find_postgres() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| is_executable(&bin.join("initdb")))
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Returns the command as a line of a shell, for a log.
pub(crate) fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads the number that follows an option.
pub(crate) fn number_after<
    'a,
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
>(
    option: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> anyhow::Result<T> {
    let value = rest.next();
    let value = value.with_context(|| format!("{option} needs a number"))?;
    let number = value.parse();
    number.with_context(|| format!("{option}: `{value}` is not a valid number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_an_error() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` ended with"), "{error}");
        assert!(!succeeds(&mut Command::new("false")));
        assert!(succeeds(&mut Command::new("true")));
    }

    #[test]
    fn the_error_names_a_missing_program() {
        let mut command = Command::new("no-such-program-anywhere");
        let error = run(&mut command).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program-anywhere`");
    }

    #[test]
    fn temporary_files_need_room_in_which_programs_run() {
        for (found, expected) in [
            ("25255514112 rw,relatime,size=24683656k\n", true),
            ("4294967296 rw", true),
            ("4294967295 rw", false),
            ("25255514112 rw,nosuid,nodev,noexec,relatime\n", false),
            ("", false),
            ("much rw", false),
        ] {
            assert_eq!(is_roomy(found), expected, "{found}");
        }
    }

    #[test]
    fn the_first_installed_program_is_found() {
        let found = find_program(&["no-such-program-anywhere", "sh"]).unwrap();
        assert_eq!(found.file_name().unwrap(), "sh");
        assert_eq!(find_program(&["no-such-program-anywhere"]), None);
    }

    #[test]
    fn the_root_has_the_manifest_of_the_workspace() {
        let manifest = Workspace::find().path("Cargo.toml");
        let text = std::fs::read_to_string(manifest).unwrap();
        assert!(text.starts_with("[workspace]"));
    }
}
