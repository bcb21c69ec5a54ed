//! The file of a model: sections, and members with the lines on which they begin.

use crate::{
    note::{ImportError, Note},
    source::{Location, Source, quoted},
};

/// A member of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
}

/// Returns the members of a file, in their order. A `\` at the end of a line continues the value on the next one;
/// everything after `#` or `;` is a comment.
pub(super) fn entries(source: Source<'_>) -> Result<Vec<Entry>, ImportError> {
    let file = source.name.into();
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    let mut section = String::new();
    let mut open: Option<(usize, String)> = None;
    let mut close = |open: &mut Option<(usize, String)>, section: &str| {
        let Some((line, text)) = open.take() else {
            return;
        };
        match text.split_once('=') {
            Some((key, value)) => entries.push(Entry {
                line,
                section: section.to_owned(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            }),
            None => faults.push(Note::new(
                Location::line(&file, line),
                format!("{} is neither a section nor `key = value`", quoted(&text)),
            )),
        }
    };
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        let name = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if text.is_empty() || text.starts_with(['#', ';']) {
            close(&mut open, &section);
        } else if let Some(name) = name {
            close(&mut open, &section);
            name.clone_into(&mut section);
        } else {
            let (text, goes_on) = match text.strip_suffix('\\') {
                Some(text) => (text.trim(), true),
                None => (text, false),
            };
            let text = text.split(['#', ';']).next().unwrap_or_default();
            let (_, whole) = open.get_or_insert_with(|| (line, String::new()));
            whole.push_str(text);
            whole.push(' ');
            if !goes_on {
                close(&mut open, &section);
            }
        }
    }
    close(&mut open, &section);
    if faults.is_empty() {
        Ok(entries)
    } else {
        Err(faults.into())
    }
}
