//! An expected text in a file, which `UPDATE=1` writes anew.

use std::fs;
use std::path::PathBuf;

/// A file that holds what is expected; none is as good as an empty one.
#[derive(Clone, Debug)]
pub struct Expected {
    path: PathBuf,
}

impl Expected {
    /// Names the file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns whether the file is there.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Compares a text with the file, or writes it there.
    ///
    /// # Errors
    ///
    /// Returns how they differ.
    pub fn check(&self, found: &str) -> Result<(), String> {
        let expected = fs::read_to_string(&self.path).unwrap_or_default();
        if expected == found {
            return Ok(());
        }
        if updating() {
            if found.is_empty() {
                fs::remove_file(&self.path).expect("an expected file can be removed");
            } else {
                fs::write(&self.path, found).expect("an expected file can be written");
            }
            return Ok(());
        }
        let line = expected.lines().zip(found.lines()).take_while(|(expected, found)| expected == found).count() + 1;
        Err(format!(
            "{}: differs from line {line} (UPDATE=1 writes it anew)\n--- expected\n{expected}--- found\n{found}---",
            self.path.strip_prefix(crate::root()).unwrap_or(&self.path).display()
        ))
    }
}

/// Returns whether expected files are to be written.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}
