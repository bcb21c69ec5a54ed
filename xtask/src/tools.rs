//! Where things are, and how other programs are run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The folders of the checkout.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from, or the current folder if it has moved.
    pub(crate) fn find() -> Self {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = built.canonicalize().unwrap_or_else(|_| PathBuf::from("."));
        Self { root }
    }

    /// A path inside the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path inside the folder for build products, wherever cargo was told to put them.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir));
        target.join(relative)
    }

    /// A command that runs in the root of the checkout and reads nothing.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.env("CARGO_TERM_COLOR", "auto");
        command
    }
}

/// Runs `command` with its output shown.
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

/// Whether `command` runs and succeeds; says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The first of `names` that is an executable file in `PATH` or in the folders for administrators.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // nginx lives where the PATH of an ordinary user does not reach
    folders.extend(["/usr/sbin".into(), "/sbin".into()]);
    names.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| is_executable(file))
    })
}

/// The folder with the newest PostgreSQL's `initdb` and `postgres`.
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

/// The command as one would type it, for a log.
pub(crate) fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The number that follows an option of a chore.
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
    number.with_context(|| format!("`{value}` is no number for {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_not_taken_for_one_that_ran() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` ended with"), "{error}");
        assert!(!succeeds(&mut Command::new("false")));
        assert!(succeeds(&mut Command::new("true")));
    }

    #[test]
    fn a_missing_program_is_named() {
        let mut command = Command::new("no-such-program-anywhere");
        let error = run(&mut command).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program-anywhere`");
    }

    #[test]
    fn the_first_program_that_exists_is_found() {
        let found = find_program(&["no-such-program-anywhere", "sh"]).unwrap();
        assert_eq!(found.file_name().unwrap(), "sh");
        assert_eq!(find_program(&["no-such-program-anywhere"]), None);
    }

    #[test]
    fn the_root_is_the_folder_of_the_workspace_manifest() {
        let manifest = Workspace::find().path("Cargo.toml");
        let text = std::fs::read_to_string(manifest).unwrap();
        assert!(text.starts_with("[workspace]"));
    }
}
