//! Faults in the look of the pages. They refuse the start.

use std::{fmt, path::Path};

/// A fault, with the place where it is and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting.
    pub(crate) key: String,
    /// The file, if the setting names a folder.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) text: String,
}

impl Fault {
    /// Returns a fault of a setting.
    pub(super) fn of(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            file: None,
            line: None,
            text: text.into(),
        }
    }

    /// Adds the file of a folder, and the line if it is known.
    #[must_use]
    pub(super) fn at(mut self, file: &str, line: Option<usize>) -> Self {
        self.file = Some(file.to_owned());
        self.line = line;
        self
    }

    /// Returns the fault of a file or folder that cannot be read.
    pub(super) fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::of(key, format!("cannot read {}: {error}", path.display()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.key)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}, line {line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.text)
    }
}

/// The faults for which the pages cannot look as configured, one line each.
#[derive(Debug)]
pub struct LookError {
    faults: Vec<Fault>,
}

impl LookError {
    /// Returns an error if there is a fault.
    pub(super) fn unless_empty(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// Returns the faults.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl From<Fault> for LookError {
    fn from(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.faults.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for LookError {}

/// Returns the name that an unknown one was probably meant to be, as the end of a sentence.
pub(super) fn suggestion<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let distances = known
        .into_iter()
        .map(|name| (strsim::levenshtein(unknown, name), name));
    // more than three wrong letters are no typing error
    let nearest = distances.filter(|(distance, _)| *distance <= 3).min();
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Returns the number of the line at this offset.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}
