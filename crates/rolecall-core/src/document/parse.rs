use super::{
    check,
    error::{DocumentErrors, Faults},
    model::Document,
    node::UncheckedDocument,
    position::Positions,
    read,
    weight::ParseLimit,
};

/// A valid document, and the positions of its members in the text.
#[derive(Clone, Debug)]
pub struct ParsedDocument {
    /// The document.
    pub document: Document,
    /// Lines and columns; empty if the document was not parsed from TOML.
    pub positions: Positions,
}

impl Document {
    /// Parses a document in TOML.
    ///
    /// # Errors
    ///
    /// All faults, in the order of the text.
    pub fn parse(text: &str) -> Result<ParsedDocument, DocumentErrors> {
        Self::parse_within(text, ParseLimit::NONE)
    }

    /// Parses a document in TOML, unless that would take too much memory.
    ///
    /// # Errors
    ///
    /// All faults, in the order of the text; of a long text that is not TOML, the first one.
    pub fn parse_within(text: &str, limit: ParseLimit) -> Result<ParsedDocument, DocumentErrors> {
        limit.check_toml(text)?;
        Self::check(&UncheckedDocument::from_toml(text)?)
    }

    /// Checks a document that was deserialized from another format.
    ///
    /// # Errors
    ///
    /// All faults, each with the path of the member that it concerns.
    pub fn check(unchecked: &UncheckedDocument) -> Result<ParsedDocument, DocumentErrors> {
        let mut faults = Faults::default();
        let read = read::read_document(unchecked.node(), &mut faults);
        let positions = unchecked.positions();
        check::check_references(&read, &mut faults);
        check::check_cycles(&read, &mut faults);
        faults.into_result(&positions)?;
        Ok(ParsedDocument {
            document: read.document,
            positions,
        })
    }
}
