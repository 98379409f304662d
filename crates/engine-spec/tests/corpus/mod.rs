//! The documents that tests of the model go over.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use engine_source::{Findings, Node, Sources, Tree};

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the specs of a folder, in order; files of tests are no specs.
pub(crate) fn folder(name: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.yaml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// Reads a text into a tree.
pub(crate) fn tree(name: &str, text: &str) -> Result<Node, Findings> {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let mut findings = Findings::default();
    match Tree::parse(&sources, id, &mut findings) {
        Some(tree) if !findings.has_errors() => Ok(tree.root),
        _ => Err(findings),
    }
}
