//! Folders of the operator: templates, and texts in other languages.

use std::{fs, io, path::Path};

use super::fault::Fault;
use crate::files;

/// The largest template and the largest file of texts, in bytes.
const MAX_TEXT: u64 = 256 * 1024;
/// The most files in a folder.
const MAX_FILES: usize = 100;

/// Reads the files of a folder with their names, in the order of the names. Hidden files are left out.
pub(super) fn read(key: &str, folder: &Path) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let names = names(folder).map_err(|error| vec![Fault::unreadable(key, folder, &error)])?;
    if names.len() > MAX_FILES {
        let folder = folder.display();
        return Err(vec![Fault::of(
            key,
            format!("{folder} has more than {MAX_FILES} files"),
        )]);
    }
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for name in names {
        match read_text(&folder.join(&name)) {
            Ok(text) => texts.push((name, text)),
            Err(why) => faults.push(Fault::of(key, why).at(&name, None)),
        }
    }
    if faults.is_empty() {
        Ok(texts)
    } else {
        Err(faults)
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes =
        files::read_bounded(path, MAX_TEXT).map_err(|error| format!("cannot be read: {error}"))?;
    let bytes = bytes.ok_or("is longer than 256 KiB")?;
    let text = String::from_utf8(bytes);
    let mut text = text.map_err(|_| "is not UTF-8: save it in that encoding")?;
    // some editors begin a file with a byte order mark
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_by_name_and_hidden_ones_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b", "two"), ("a", "\u{feff}one"), (".hidden", "\u{0}")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let read = read("x", folder.path()).unwrap();
        let wanted = [("a", "one"), ("b", "two")];
        assert_eq!(
            read,
            wanted.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_and_all_of_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("latin"), b"\xe4").unwrap();
        fs::write(path.join("long"), vec![b'x'; 256 * 1024 + 1]).unwrap();
        fs::write(path.join("longest"), vec![b'x'; 256 * 1024]).unwrap();
        fs::create_dir(path.join("more")).unwrap();
        let faults = read("x", path).unwrap_err();
        let texts: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        for (text, why) in texts
            .iter()
            .zip(["latin: is not UTF-8", "long: is longer", "more: "])
        {
            assert!(text.starts_with(&format!("`x`: {why}")), "{text}");
        }
        let missing = read("x", &path.join("none")).unwrap_err();
        assert!(missing[0].to_string().contains("none"), "{missing:?}");
        for number in 0..=MAX_FILES {
            fs::write(path.join(number.to_string()), "").unwrap();
        }
        assert!(
            read("x", path).unwrap_err()[0]
                .text
                .contains("more than 100")
        );
    }
}
