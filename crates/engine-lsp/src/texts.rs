//! The texts of files: those that are open in the editor, whether saved or not, else those on the disk.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_plan::{Disk, Files, normal};
use url::Url;

/// The open files over those on the disk. Cloning one is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    open: HashMap<PathBuf, Arc<str>>,
}

impl Texts {
    /// Opens a file, or changes it.
    pub(crate) fn set(&mut self, path: &Path, text: Arc<str>) {
        self.open.insert(normal(path), text);
    }

    /// Closes a file.
    pub(crate) fn remove(&mut self, path: &Path) {
        self.open.remove(&normal(path));
    }

    /// Returns the text of an open file.
    pub(crate) fn open(&self, path: &Path) -> Option<&Arc<str>> {
        self.open.get(&normal(path))
    }

    /// Returns the paths of the open files, in a fixed order.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.open.keys().cloned().collect();
        paths.sort();
        paths
    }
}

impl Files for Texts {
    fn read(&self, path: &Path) -> io::Result<String> {
        match self.open(path) {
            Some(text) => Ok(text.to_string()),
            None => Disk.read(path),
        }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let mut names = Disk.names(folder);
        let folder = normal(folder);
        let open = self.open.keys().filter(|path| path.parent() == Some(&folder));
        names.extend(open.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)));
        names.sort();
        names.dedup();
        names
    }
}

/// Returns the path of a document; one that is no file has the one that its address spells, so that it can be worked on too.
pub(crate) fn path_of(uri: &str) -> PathBuf {
    let path = Url::parse(uri).ok().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
    normal(&path.unwrap_or_else(|| PathBuf::from(uri)))
}

/// Returns the address of a file.
pub(crate) fn uri_of(path: &Path) -> String {
    Url::from_file_path(path).map_or_else(|()| path.to_string_lossy().into_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_lies_over_the_disk() {
        let mut texts = Texts::default();
        let path = Path::new("/nowhere/a/../b.yaml");
        texts.set(path, "version: 1".into());
        assert_eq!(texts.read(Path::new("/nowhere/./b.yaml")).ok().as_deref(), Some("version: 1"));
        assert_eq!(texts.names(Path::new("/nowhere")), ["b.yaml"]);
        texts.remove(Path::new("/nowhere/b.yaml"));
        assert!(texts.read(path).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn names_files_as_editors_do() {
        assert_eq!(path_of("file:///a%20b/./c.yaml"), Path::new("/a b/c.yaml"));
        assert_eq!(uri_of(Path::new("/a b/c.yaml")), "file:///a%20b/c.yaml");
        assert_eq!(path_of("untitled:Untitled-1"), Path::new("untitled:Untitled-1"));
        assert_eq!(uri_of(Path::new("untitled:Untitled-1")), "untitled:Untitled-1");
    }
}
