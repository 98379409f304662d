//! Texts with a second form that may be shown.

/// A text that is being put together, and how it is shown: the same, with `***` for what is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Veiled {
    pub(crate) text: String,
    pub(crate) shown: String,
}

impl Veiled {
    /// Makes a text with nothing to hide.
    pub(crate) fn open(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.clone(), text }
    }

    /// Adds a text, which is not shown if it is secret.
    pub(crate) fn push(&mut self, text: &str, is_secret: bool) {
        self.text.push_str(text);
        self.shown.push_str(if is_secret { "***" } else { text });
    }

    /// Adds another one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.shown.push_str(&other.shown);
    }
}
