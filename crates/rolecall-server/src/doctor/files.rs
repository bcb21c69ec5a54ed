//! Checks of files: permissions, and room for a SQLite database to grow.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret as _;

use super::finding::Finding;
use crate::{
    config::{Config, Origin},
    secret_files::{self, Readers},
    start,
    store::file,
};

/// The size of a file that is written to check for room; a thousand log-ins take about as much.
const PROBE_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files_with_secrets(config)
        .iter()
        .map(|path| permissions("configuration file", path))
        .collect();
    let Some(database) = file::sqlite_path(config.database.url.expose_secret()) else {
        return findings;
    };
    findings.extend([permissions("database file", &database), room(&database)]);
    if config.master_key.is_none() {
        findings.push(permissions("master key file", &start::key_file(&database)));
        findings.push(Finding::warning(
            "master key",
            "it is in the same folder as the database, so a copy of the folder contains both: keep it elsewhere (`master_key_file`)",
        ));
    }
    findings
}

/// Returns the configuration files that contain a secret. Secrets in files of their own are checked when they
/// are read.
fn files_with_secrets(config: &Config) -> BTreeSet<PathBuf> {
    let url = config.database.url.expose_secret();
    let may_hold_password = file::sqlite_path(url).is_none();
    let secrets = config.show().0.into_iter().filter(|setting| {
        ["master_key", "tokens.secret"].contains(&setting.key)
            || (setting.key == "database.url" && may_hold_password)
    });
    secrets
        .filter_map(|setting| match setting.origin {
            Origin::File(path) => Some(path),
            _ => None,
        })
        .collect()
}

#[cfg(unix)]
fn permissions(check: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) => match secret_files::exposure(path, &found, Readers::Others) {
            Some(advice) => Finding::fault(
                check,
                format!("others on this machine can read or write {shown}: {advice}"),
            ),
            None => Finding::good(check, format!("only its owner can read {shown}")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::good(check, format!("{shown} is created at the first start"))
        }
        Err(error) => Finding::fault(
            check,
            format!("{shown} cannot be looked at ({error}): let this user read its folder"),
        ),
    }
}

#[cfg(not(unix))]
fn permissions(check: &'static str, path: &Path) -> Finding {
    Finding::good(
        check,
        format!(
            "the permissions of {} are not checked on this system",
            path.display()
        ),
    )
}

fn room(database: &Path) -> Finding {
    let folder = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match file::exists(folder) {
        Ok(true) => {}
        Ok(false) => {
            return Finding::good(
                "room",
                format!("{} is created at the first start", folder.display()),
            );
        }
        Err(error) => return Finding::fault("room", error.to_string()),
    }
    let probe = file::beside(database, ".doctor");
    // one that is there was left behind by a check that was killed, or is a link that somebody planted
    let _ = fs::remove_file(&probe);
    let written = file::owner_only_new().open(&probe).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    // even a failed write can leave a file behind
    let _ = fs::remove_file(&probe);
    match written {
        Ok(()) => Finding::good("room", format!("{} is writable", folder.display())),
        Err(error) => Finding::fault(
            "room",
            format!(
                "cannot write to {} ({error}): free space, or make this user the owner of the folder",
                folder.display()
            ),
        ),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::finding::Severity;
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn y240_the_room_is_not_measured_through_a_planted_link() {
        let folder = tempfile::tempdir().unwrap();
        let (database, victim) = (
            folder.path().join("rolecall.db"),
            folder.path().join("victim"),
        );
        fs::write(&victim, "as it was").unwrap();
        let probe = file::beside(&database, ".doctor");
        std::os::unix::fs::symlink(&victim, &probe).unwrap();
        assert_eq!(room(&database).severity, Severity::Good);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
        assert!(!probe.exists());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("rolecall.key");
        fs::write(&key, "x").unwrap();
        for (mode, severity) in [
            (0o644, Severity::Fault),
            (0o640, Severity::Fault),
            (0o600, Severity::Good),
        ] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                permissions("master key file", &key).severity,
                severity,
                "{mode:o}"
            );
        }
    }

    #[test]
    fn a_configuration_file_with_a_secret_that_others_can_read_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rolecall.toml");
        let severity_of = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let sources = crate::config::Sources::default()
                .with_flag("database.url", "sqlite::memory:")
                .with_file(&path, text);
            let config = Config::load(&sources).unwrap();
            let findings = check(&config);
            let found = findings
                .iter()
                .find(|one| one.check == "configuration file");
            found.map(|finding| finding.severity)
        };
        let secret =
            "master_key = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"";
        assert_eq!(severity_of(secret, 0o644), Some(Severity::Fault));
        assert_eq!(severity_of(secret, 0o600), Some(Severity::Good));
        assert_eq!(severity_of("listen = \"127.0.0.1:1\"", 0o644), None);
    }

    #[test]
    fn the_room_check_leaves_no_file_behind_and_fails_on_a_path_that_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            room(&folder.path().join("rolecall.db")).severity,
            Severity::Good
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(room(&file.join("rolecall.db")).severity, Severity::Fault);
    }
}
