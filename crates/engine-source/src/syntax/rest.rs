//! What has no explanation of its own, in our words.

use granit_parser::ErrorKind;

use super::Cause;
use crate::finding::Finding;

impl Cause<'_> {
    /// Explains the rest in our own words.
    pub(super) fn other(&self, kind: &ErrorKind) -> Finding {
        let here = self.character(self.at);
        let (message, label, help) = match kind {
            ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => (
                "the text of a block begins on the next line",
                "nothing may follow on this line",
                "put the text on the next line, indented",
            ),
            ErrorKind::InvalidBlockScalarIndent | ErrorKind::InvalidQuotedScalarIndent => {
                ("a line of a text is not indented enough", "indent this line", "indent it like the lines before")
            }
            ErrorKind::InvalidFlowScalarIndent => (
                "what stands in brackets must be indented more than its key",
                "indent this",
                "indent the lines between the brackets",
            ),
            ErrorKind::CommentNotSeparated => {
                ("a space is missing before the comment", "not a comment", "write a space before `#`")
            }
            ErrorKind::CommentInterceptedScalar => {
                ("a comment stands within a text", "the text goes on below", "quote the text, or move the comment")
            }
            ErrorKind::InvalidColonPlacement
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator => {
                ("a comma or the closing bracket is missing", "expected before this", "write `,` between two members")
            }
            ErrorKind::FlowMappingValueAdjacentCollection | ErrorKind::InvalidMappingValueWhitespace => {
                ("a space is missing after the `:`", "expected a space", "write a space after `:`")
            }
            ErrorKind::DocumentIndicatorInQuotedScalar => {
                ("a quoted text does not end before the document does", "still inside the quotes", "close the quotes")
            }
            ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape => (
                "an escape in this text is no character",
                "has a wrong escape",
                "write `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`",
            ),
            ErrorKind::MappingValueNotAllowed => {
                ("a `:` stands where no key can end", "not a key", "quote the value that it is part of")
            }
            ErrorKind::UnsupportedYamlMajorVersion
            | ErrorKind::DuplicateVersionDirective
            | ErrorKind::DuplicateTagDirective
            | ErrorKind::MissingDocumentEndBeforeDirective
            | ErrorKind::ExpectedDocumentStart
            | ErrorKind::InvalidDocumentEnd => (
                "this line starts a document in a wrong way",
                "not understood",
                "remove lines that start with `%` or `...`",
            ),
            _ => (
                "this cannot be read as YAML",
                "not understood from here on",
                "quote the value, or check the indentation",
            ),
        };
        Finding::error("yaml-syntax", message).label(here, label).help(help)
    }
}
