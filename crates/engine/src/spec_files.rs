//! Finds the specs that a command line means: files, folders, patterns. Knows nothing about what is in them.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::failure::Failure;

/// Returns all files, sorted and each once.
///
/// A folder means every `*.yaml` and `*.yml` in it and below; a pattern (`specs/**/shop-*.yaml`) every file that it matches. Hidden
/// files and folders are left out unless they are named, links to folders are not followed.
///
/// # Errors
///
/// Fails where one of the paths means no file.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let known = files.len();
        let shown = path.display();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                walk(&clean(path), &mut |file| is_yaml(file).then(|| files.push(file.to_owned())))
                    .map_err(|error| unreadable(path, &error))?;
                if files.len() == known {
                    return Err(Failure::usage(format!("no specs in `{shown}`"))
                        .help("name a file, or a folder with files that end in `.yaml` or `.yml`"));
                }
            }
            Ok(_) => files.push(clean(path)),
            Err(error) => match (error.kind(), pattern(path)) {
                (io::ErrorKind::NotFound, Some(pattern)) => {
                    let (folder, matcher) = pattern?;
                    walk(&folder, &mut |file| matcher.is_match(file).then(|| files.push(file.to_owned())))
                        .map_err(|error| unreadable(&folder, &error))?;
                    if files.len() == known {
                        return Err(Failure::usage(format!("no file matches `{shown}`")));
                    }
                }
                (io::ErrorKind::NotFound, None) => return Err(Failure::usage(format!("`{shown}` does not exist"))),
                _ => return Err(unreadable(path, &error)),
            },
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Returns a path without what leads nowhere, so that a file has one name: `./specs//a.yaml` is `specs/a.yaml`.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let clean: PathBuf = path.components().filter(|component| *component != Component::CurDir).collect();
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}

/// Calls `take` with every file in a folder and below.
fn walk(folder: &Path, take: &mut dyn FnMut(&Path) -> Option<()>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = clean(&folder.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&path, take)?;
        } else if kind.is_file() || path.is_file() {
            take(&path);
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Reads a path as a pattern, if it is one, and returns the folder below which all that it matches is.
fn pattern(path: &Path) -> Option<Result<(PathBuf, GlobMatcher), Failure>> {
    let is_pattern = |text: &str| text.contains(['*', '?', '[', '{']);
    let clean = clean(path);
    let text = clean.to_str()?;
    if !is_pattern(text) {
        return None;
    }
    let fixed: PathBuf =
        clean.components().take_while(|component| !is_pattern(&component.as_os_str().to_string_lossy())).collect();
    let folder = if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed };
    if !folder.is_dir() {
        return Some(Err(Failure::usage(format!("`{}` does not exist", folder.display()))));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    Some(match glob {
        Ok(glob) => Ok((folder, glob.compile_matcher())),
        Err(error) => Err(Failure::usage(format!("`{text}` is not a pattern: {}", error.kind()))),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(paths: &[&str], expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.yaml", "b.yml", "c.json", "deep/d.yaml", "deep/er/e.yaml", ".hidden/f.yaml", "deep/.g.yaml"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let found = match find(&paths) {
            Ok(files) => {
                files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
            }
            Err(failure) => vec![failure.to_string().replace(&format!("{}/", folder.path().display()), "")],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn takes_folders_with_all_below_but_what_is_hidden() {
        check(&["."], &["a.yaml", "b.yml", "deep/d.yaml", "deep/er/e.yaml"]);
    }

    #[test]
    fn takes_a_file_once_and_whatever_its_name() {
        check(&["c.json", "./a.yaml", "a.yaml", ".hidden/f.yaml"], &[".hidden/f.yaml", "a.yaml", "c.json"]);
    }

    #[test]
    fn takes_patterns() {
        check(&["*.yaml"], &["a.yaml"]);
        check(&["deep/**/*.yaml"], &["deep/d.yaml", "deep/er/e.yaml"]);
        check(&["{a,b}.y*ml"], &["a.yaml", "b.yml"]);
    }

    #[test]
    fn refuses_what_means_no_file() {
        check(&["nowhere.yaml"], &["`nowhere.yaml` does not exist"]);
        check(&["*.toml"], &["no file matches `*.toml`"]);
        check(&["nowhere/*.yaml"], &["`nowhere` does not exist"]);
        check(&["[.yaml"], &["`[.yaml` is not a pattern: unclosed character class; missing ']'"]);
    }
}
