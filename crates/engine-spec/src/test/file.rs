//! Tests in a file of their own, beside the spec.

use engine_request::Text;
use serde::Deserialize;

use super::Test;
use crate::Version;

/// A file of tests: `orders.test.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "a file of tests", deny_unknown_fields)]
pub struct TestFile {
    /// The version of the language: 1.
    #[serde(default, rename = "version")]
    _version: Option<Version>,
    /// The spec that is tested; the path is relative to this file.
    pub spec: Text,
    /// What is to be true of it.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    pub tests: Vec<Test>,
}

impl TestFile {
    /// Tells whether a path is that of a file of tests, by its name.
    pub fn is_named(path: &std::path::Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        name.ends_with(".test.yaml") || name.ends_with(".test.yml")
    }
}
