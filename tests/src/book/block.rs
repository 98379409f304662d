//! A block of code in a page, with what its first line says of it: ` ```yaml,file=shop.yaml `.

/// A block of code.
#[derive(Clone, Debug)]
pub struct Block {
    /// The language, such as `yaml`; empty where none is said.
    pub language: String,
    /// What else the first line says: `file=shop.yaml`, `fragment`.
    attributes: Vec<(String, String)>,
    /// The lines, less what they are indented by.
    pub text: String,
    /// The number of the first line of the text, from 1.
    pub line: usize,
}

impl Block {
    /// Makes a block of its first line, less the fence.
    pub(super) fn new(info: &str, text: String, line: usize) -> Self {
        let mut parts = info.trim().split(',');
        let language = parts.next().unwrap_or_default().to_owned();
        let attributes = parts
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (name.trim().to_owned(), value.trim().to_owned())
            })
            .collect();
        Self { language, attributes, text, line }
    }

    /// Returns the value of an attribute, which may be empty.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the names of all attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }
}
