//! The texts of specs as they are to become: read from the disk once, changed in memory, written at the end.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine_plan::{Disk, Files};
use similar::{ChangeTag, TextDiff};

use crate::failure::Failure;
use crate::terminal::{Look, Style};

/// A file of a changed text, as it was and as it is to become.
#[derive(Clone, Debug)]
struct Changed {
    /// Its name as it was given.
    shown: PathBuf,
    before: String,
    after: String,
}

/// Files, some of which are changed in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// By the one true name of each file, whatever links lead to it.
    changed: BTreeMap<PathBuf, Changed>,
}

impl Texts {
    /// Changes a file, whose text now is `before`.
    pub(super) fn change(&mut self, path: &Path, before: &str, after: String) {
        let changed = || Changed { shown: path.to_owned(), before: before.to_owned(), after: String::new() };
        self.changed.entry(key(path)).or_insert_with(changed).after = after;
    }

    /// Writes all that is changed; each file is there as it was or as it is to become, whatever happens meanwhile.
    pub(super) fn write(&self) -> Result<(), Failure> {
        for (path, changed) in &self.changed {
            write_one(path, changed)
                .map_err(|error| Failure::failed(format!("cannot write `{}`: {error}", changed.shown.display())))?;
        }
        Ok(())
    }

    /// Returns the difference between what is on the disk and what is to become of it.
    pub(super) fn diff(&self, look: Look) -> String {
        let mut out = String::new();
        for changed in self.changed.values() {
            let diff = TextDiff::from_lines(&changed.before, &changed.after);
            let name = changed.shown.display();
            let head = format!("--- {name}\n+++ {name}\n");
            out.push_str(&look.paint(Style::Bold, head.trim_end()));
            out.push('\n');
            for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
                out.push_str(&look.paint(Style::Cyan, &hunk.header().to_string()));
                out.push('\n');
                for change in hunk.iter_changes() {
                    let line = change.value().trim_end_matches(['\n', '\r']);
                    match change.tag() {
                        ChangeTag::Equal => {
                            out.push(' ');
                            out.push_str(line);
                        }
                        ChangeTag::Delete => out.push_str(&look.paint(Style::Red, &format!("-{line}"))),
                        ChangeTag::Insert => out.push_str(&look.paint(Style::Green, &format!("+{line}"))),
                    }
                    out.push('\n');
                }
            }
        }
        out
    }
}

impl Files for Texts {
    fn read(&self, path: &Path) -> io::Result<String> {
        match self.changed.get(&key(path)) {
            Some(changed) => Ok(changed.after.clone()),
            None => Disk.read(path),
        }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        Disk.names(folder)
    }
}

/// Returns the one true name of a file.
pub(super) fn key(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Writes beside the file and puts that in its place.
fn write_one(path: &Path, changed: &Changed) -> io::Result<()> {
    if fs::read_to_string(path)? != changed.before {
        return Err(io::Error::other("it was changed by another program meanwhile"));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}.fix", std::process::id()));
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.set_permissions(fs::metadata(path)?.permissions())?;
        file.write_all(changed.after.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if result.is_err() {
        _ = fs::remove_file(&beside);
    }
    result
}
