//! The notes about a realm, while it is converted.

use std::sync::Arc;

use crate::{note::Note, source::Location};

/// Notes about members of the realm, each with the path of the member.
pub(super) struct Notes {
    file: Arc<str>,
    /// The path of the realm in the file.
    realm: String,
    pub(super) unmapped: Vec<Note>,
    pub(super) notices: Vec<Note>,
}

impl Notes {
    pub(super) fn new(file: Arc<str>, realm: &str) -> Self {
        Self {
            file,
            realm: realm.to_owned(),
            unmapped: Vec::new(),
            notices: Vec::new(),
        }
    }

    pub(super) fn at(&self, path: &str) -> Location {
        Location::path(&self.file, &format!("{}{path}", self.realm))
    }

    /// Reports a member without a counterpart.
    pub(super) fn unmapped(&mut self, path: &str, message: impl Into<String>) {
        self.unmapped.push(Note::new(self.at(path), message));
    }

    /// Reports something that an administrator should know.
    pub(super) fn notice(&mut self, path: &str, message: impl Into<String>) {
        self.notices.push(Note::new(self.at(path), message));
    }
}
