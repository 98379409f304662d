//! No template, condition or path of a document escapes the checks.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use engine_source::Findings;
use engine_spec::Spec;

use super::Checker;
use crate::catalog::Catalog;
use crate::files::Disk;
use crate::load::Loader;

fn specs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/specs/valid");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "yaml"));
    paths.sort();
    assert!(paths.len() > 80, "the fixtures are there");
    paths
}

#[test]
fn looks_at_every_leaf_of_every_valid_spec() {
    for path in specs() {
        let mut loader = Loader::new(&Disk);
        let root = loader.load(&path).root.unwrap();
        let spec: Spec = engine_spec::read(&root, &mut Findings::new()).unwrap();
        let catalog = Catalog::new(&spec, &root);
        let mut checker = Checker::new(&spec, &root, &catalog, &mut loader.sources, &Disk);
        checker.all(true);
        for leaf in engine_expr::leaves(&spec) {
            assert!(checker.seen.contains(&leaf.text), "{}: {} `{}`", path.display(), leaf.pointer, leaf.text);
        }
    }
}
