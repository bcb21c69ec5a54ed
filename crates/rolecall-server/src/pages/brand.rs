//! Names, pictures and colours: those of the server, and those of single clients.

/// A name, a picture and a style sheet.
pub(super) struct Brand {
    pub(super) name: Option<String>,
    /// The version of the picture; empty without one.
    pub(super) logo: String,
    /// The version of the style sheet.
    pub(super) style: String,
}

impl Brand {
    /// Returns true if the head of a page is the brand's, and not only its colours.
    pub(super) fn has_head(&self) -> bool {
        self.name.is_some() || !self.logo.is_empty()
    }
}

/// The client for which a page is shown.
pub(super) struct PageClient {
    pub(super) id: String,
    /// The name as it is registered.
    pub(super) name: String,
    /// The place that the answer goes to.
    pub(super) host: String,
}
