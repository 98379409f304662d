//! Where the files of this repository are.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository").to_path_buf()
}

/// Returns all files with an extension below a folder of the repository, sorted, as paths from its root.
pub fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let root = root();
    let mut folders = vec![root.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                files.push(path.strip_prefix(&root).expect("it is below the root").to_path_buf());
            }
        }
    }
    files.sort();
    files
}
