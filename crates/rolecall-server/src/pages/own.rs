//! The folders in which an operator keeps templates and texts: written from what is built in, and checked.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{fault::Fault, languages, look::Look, templates};
use crate::config::Pages;

/// The folder of the templates in an exported one.
pub(crate) const TEMPLATES: &str = "templates";
/// The folder of the texts in an exported one.
pub(crate) const LOCALES: &str = "locales";

/// The reason why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("{path} already exists: choose another folder, or replace what is there with --force", path = .0.display())]
    Exists(PathBuf),
    #[error("{path}: {1}", path = .0.display())]
    Io(PathBuf, io::Error),
}

/// Writes the built-in templates and texts below a folder, and returns the paths of the files. Without `force`, nothing
/// is written if one of them exists.
pub(crate) fn export(folder: &Path, force: bool) -> Result<Vec<PathBuf>, ExportError> {
    let pages = templates::TEMPLATES.map(|(name, text)| (TEMPLATES, name.to_owned(), text));
    let texts = languages::BUILT_IN.map(|(name, text)| (LOCALES, format!("{name}.ftl"), text));
    let files = pages.into_iter().chain(texts);
    let files = files.map(|(inner, name, text)| (folder.join(inner).join(name), text));
    let files: Vec<(PathBuf, &str)> = files.collect();
    // a dangling link exists too
    let taken = files
        .iter()
        .find(|(path, _)| path.symlink_metadata().is_ok());
    if let Some((path, _)) = taken.filter(|_| !force) {
        return Err(ExportError::Exists(path.clone()));
    }
    for inner in [TEMPLATES, LOCALES] {
        let inner = folder.join(inner);
        fs::create_dir_all(&inner).map_err(|error| ExportError::Io(inner, error))?;
    }
    for (path, text) in &files {
        write(path, text, force).map_err(|error| ExportError::Io(path.clone(), error))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    if force {
        options.write(true).create(true).truncate(true);
    } else {
        options.write(true).create_new(true);
    }
    options.open(path)?.write_all(text.as_bytes())
}

/// Returns the settings that use an exported folder; `None` if it has neither templates nor texts.
pub(crate) fn settings_for(folder: &Path) -> Option<Pages> {
    let inner = |name| Some(folder.join(name)).filter(|path| path.is_dir());
    let pages = Pages {
        templates: inner(TEMPLATES),
        locales: inner(LOCALES),
        ..Pages::default()
    };
    (pages.templates.is_some() || pages.locales.is_some()).then_some(pages)
}

/// The result of a check.
pub(crate) struct Checked {
    pub(crate) faults: Vec<Fault>,
    /// The languages with texts that stand there in English, each with the names of these texts.
    pub(crate) missing: Vec<(String, Vec<String>)>,
}

/// Checks what the pages would use, as a start does.
pub(crate) fn check(pages: &Pages) -> Checked {
    match Look::new(pages) {
        Ok(look) => Checked {
            faults: Vec::new(),
            missing: look.languages.missing(),
        },
        Err(error) => Checked {
            faults: error.faults().to_vec(),
            missing: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exported_has_no_fault_and_looks_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let files = export(folder.path(), false).unwrap();
        assert_eq!(
            files.len(),
            templates::NAMES.len() + languages::BUILT_IN.len()
        );
        let checked = check(&settings_for(folder.path()).unwrap());
        assert_eq!(checked.faults, []);
        assert!(checked.missing.is_empty());
        for (name, text) in templates::TEMPLATES {
            let written = fs::read_to_string(folder.path().join(TEMPLATES).join(name));
            assert_eq!(written.unwrap(), text);
        }
    }

    #[test]
    fn nothing_is_replaced_without_force() {
        let folder = tempfile::tempdir().unwrap();
        let texts = folder.path().join(LOCALES);
        fs::create_dir(&texts).unwrap();
        let mine = texts.join("de.ftl");
        fs::write(&mine, "sign-in = Einloggen").unwrap();
        let refused = export(folder.path(), false).unwrap_err().to_string();
        assert!(
            refused.contains("de.ftl already exists") && refused.contains("--force"),
            "{refused}"
        );
        assert!(!folder.path().join(TEMPLATES).exists());
        assert_eq!(fs::read_to_string(&mine).unwrap(), "sign-in = Einloggen");
        export(folder.path(), true).unwrap();
        assert!(
            fs::read_to_string(&mine)
                .unwrap()
                .contains("sign-in = Anmelden")
        );
    }

    #[test]
    fn a_folder_with_neither_has_no_settings() {
        let folder = tempfile::tempdir().unwrap();
        assert!(settings_for(folder.path()).is_none());
        fs::create_dir(folder.path().join(LOCALES)).unwrap();
        let pages = settings_for(folder.path()).unwrap();
        assert!(pages.locales.is_some() && pages.templates.is_none());
    }

    #[test]
    fn texts_that_are_missing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let texts = folder.path().join(LOCALES);
        fs::create_dir(&texts).unwrap();
        fs::write(texts.join("fr.ftl"), "sign-in = Connexion").unwrap();
        fs::write(texts.join("de-AT.ftl"), "sign-in = Servus").unwrap();
        let missing = check(&settings_for(folder.path()).unwrap()).missing;
        let [(language, keys)] = missing.as_slice() else {
            panic!("{missing:?}");
        };
        assert_eq!(language, "fr");
        assert!(keys.contains(&"password".to_owned()) && !keys.contains(&"sign-in".to_owned()));
    }
}
