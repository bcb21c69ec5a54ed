//! The kept inputs of a fuzz target: an archive in the repository, and the folder of files that libFuzzer
//! works on.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::unpack::{Input, unpack};
use crate::tools::Workspace;

/// The begin of a file's name if its input has none.
const UNNAMED: &str = "input-";

pub(super) struct Corpus {
    archive: PathBuf,
    folder: PathBuf,
}

impl Corpus {
    pub(super) fn of(workspace: &Workspace, target: &str) -> Self {
        Self {
            archive: workspace.path(&format!("fuzz/corpus/{target}.txt")),
            folder: workspace.path(&format!("fuzz/corpus/{target}")),
        }
    }

    /// Writes the archive's inputs into the folder, beside what an interrupted run has left there.
    pub(super) fn unpack(&self) -> anyhow::Result<()> {
        let text = match fs::read_to_string(&self.archive) {
            Ok(text) => text,
            // a new target
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        fs::create_dir_all(&self.folder)?;
        let inputs =
            unpack(&text).map_err(|error| anyhow!("{}: {error}", self.archive.display()))?;
        for (number, input) in inputs.into_iter().enumerate() {
            let name = if input.name.is_empty() {
                format!("{UNNAMED}{number:04}")
            } else {
                input.name
            };
            fs::write(self.folder.join(name), input.bytes)?;
        }
        Ok(())
    }

    /// Returns the inputs in the folder.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Input>> {
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let file = entry?.path();
            let name = file.file_name().context("a file has a name")?;
            let name = name.to_string_lossy().into_owned();
            let name = if is_given(&name) { name } else { String::new() };
            let bytes = fs::read(&file)?;
            inputs.push(Input { name, bytes });
        }
        Ok(inputs)
    }

    /// Writes the inputs to the archive and removes the folder.
    pub(super) fn pack(&self, inputs: Vec<Input>) -> anyhow::Result<()> {
        fs::write(&self.archive, pack(inputs))?;
        fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

/// Returns whether a person has chosen the name. libFuzzer names its files by their SHA-1.
fn is_given(name: &str) -> bool {
    let is_hash = name.len() == 40 && name.chars().all(|letter| letter.is_ascii_hexdigit());
    !is_hash && !name.starts_with(UNNAMED)
}

/// Returns the text of an archive: the named inputs, then the others, each once.
fn pack(inputs: Vec<Input>) -> String {
    let (mut unnamed, mut named): (Vec<_>, Vec<_>) =
        inputs.into_iter().partition(|input| input.name.is_empty());
    named.sort();
    named.dedup();
    let known: BTreeSet<&[u8]> = named.iter().map(|input| input.bytes.as_slice()).collect();
    unnamed.retain(|input| !known.contains(input.bytes.as_slice()));
    unnamed.sort();
    unnamed.dedup();
    let mut archive = String::new();
    for Input { name, bytes } in named.iter().chain(&unnamed) {
        let separator = if name.is_empty() { "" } else { " " };
        let bytes = bytes.escape_ascii();
        archive.extend([name, separator, &format!("\"{bytes}\"\n")]);
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, bytes: &[u8]) -> Input {
        Input {
            name: name.to_owned(),
            bytes: bytes.to_owned(),
        }
    }

    #[test]
    fn every_byte_survives_an_archive() {
        let all: Vec<u8> = (0..=255).collect();
        let inputs = vec![input("deep", b"\"a\\"), input("", &all)];
        assert_eq!(unpack(&pack(inputs.clone())), Ok(inputs));
    }

    #[test]
    fn an_archive_holds_each_input_once_and_keeps_the_names() {
        let inputs = vec![
            input("", b"b"),
            input("", b"a"),
            input("second", b"b"),
            input("first", b"b"),
            input("", b"a"),
        ];
        assert_eq!(pack(inputs), "first \"b\"\nsecond \"b\"\n\"a\"\n");
    }

    #[test]
    fn a_broken_line_is_refused_with_its_number() {
        for line in ["a", "\"a", r#""\x4""#, r#""\q""#, r#""\""#] {
            let error = unpack(&format!("\"good\"\n{line}\n")).unwrap_err();
            assert!(error.starts_with("line 2 "), "{error}");
        }
    }

    #[test]
    fn a_name_is_given_unless_it_is_a_hash_or_a_number() {
        assert!(is_given("crash-2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"));
        assert!(!is_given("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"));
        assert!(!is_given("input-0001"));
    }

    #[test]
    fn the_archives_in_the_repository_are_as_packing_writes_them() {
        for target in super::super::TARGETS {
            let corpus = Corpus::of(&Workspace::find(), target);
            let text = fs::read_to_string(corpus.archive).unwrap();
            assert_eq!(pack(unpack(&text).unwrap()), text, "{target}");
        }
    }
}
