//! Files that a request sends: named by the spec, found by whoever has a disk.

use std::path::{Component, Path, PathBuf};

use engine_expr::{EvalError, Scope, Template};
use engine_source::Span;

use crate::Piece;

/// A file that a request sends.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftFile {
    path: String,
    span: Span,
    found: Option<(PathBuf, u64)>,
}

impl DraftFile {
    /// Makes one of what the spec says.
    ///
    /// Values may name a file, but not lead out of the folder that the spec names: `files/{{ item.name }}` gives nothing outside of `files`.
    pub(crate) fn new(template: &Template, scope: &Scope) -> Result<Self, EvalError> {
        let span = template.span();
        let path = template.render_text(scope)?;
        if path.is_empty() || path.contains('\0') {
            return Err(EvalError::new("the path of the file is empty", span).help("name a file, relative to the spec"));
        }
        let ups = |path: &str| Path::new(path).components().filter(|part| *part == Component::ParentDir).count();
        if ups(&path) > ups(template.text()) {
            let error = EvalError::new(format!("the path `{path}` leads out of its folder"), span);
            return Err(error.help("check the value that is put into it: only the spec itself may write `..`"));
        }
        Ok(Self { path, span, found: None })
    }

    /// Returns the path as the spec has it, relative to its file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns the name of the file without its folders.
    pub(crate) fn name(&self) -> &str {
        Path::new(&self.path).file_name().and_then(|name| name.to_str()).unwrap_or(&self.path)
    }

    /// Says where the file is and how long.
    pub(crate) fn found(&mut self, path: PathBuf, length: u64) {
        self.found = Some((path, length));
    }

    /// Returns how long it is, once it was found.
    pub(crate) fn length(&self) -> Option<u64> {
        self.found.as_ref().map(|(_, length)| *length)
    }

    /// Returns what is sent.
    pub(crate) fn piece(&self) -> Result<Piece, EvalError> {
        let missing = || EvalError::new(format!("the file `{}` was not looked for", self.path), self.span);
        let (path, length) = self.found.clone().ok_or_else(missing)?;
        Ok(Piece::File { path, length })
    }

    /// Writes it as it may be shown: `invoice.pdf (application/pdf, 1234 bytes)`.
    pub(crate) fn show(&self, content_type: &str) -> String {
        match self.length() {
            Some(length) => format!("{} ({content_type}, {length} bytes)", self.path),
            None => format!("{} ({content_type})", self.path),
        }
    }
}
