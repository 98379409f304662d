//! A recording as a folder: `recording.yaml`, a file for each exchange, and beside them the bodies that are large or no text.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use engine_request::Redactor;

use crate::cleaned::Cleaner;
use crate::content::Content;
use crate::document;
use crate::exchange::{Exchange, Outcome};
use crate::failure::RecordingError;
use crate::index::Index;
use crate::{streamed, yaml};

/// The file that says of what run this is.
pub(crate) const INDEX: &str = "recording.yaml";
/// How long a body may be that stands beside the rest of its exchange: 64 KiB.
pub(crate) const BESIDE: usize = 64 * 1024;

/// A folder that is written to.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder where there is none. One with something in it is refused, but for an earlier recording that is to be replaced.
    pub(crate) fn make(path: &Path, overwrite: bool) -> Result<Self, RecordingError> {
        let shown = path.display();
        fs::create_dir_all(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RecordingError::new(format!("`{shown}` is a file"))
                .help("name a folder for the recording, or a file that ends in `.har`"),
            _ => RecordingError::writing(path, &error),
        })?;
        let names = names(path)?;
        if let Some(other) = names.iter().find(|name| !is_own(name)) {
            return Err(RecordingError::new(format!("the folder `{shown}` has something else in it: `{other}`"))
                .help("name an empty folder, or one that is not there yet"));
        }
        if !names.is_empty() && !overwrite {
            return Err(RecordingError::new(format!("the folder `{shown}` has a recording in it already"))
                .help("name another folder, or replace the recording with `--overwrite`"));
        }
        for name in names {
            let file = path.join(name);
            fs::remove_file(&file).map_err(|error| RecordingError::writing(&file, &error))?;
        }
        Ok(Self { path: path.to_path_buf() })
    }

    /// Writes what is said of the run.
    pub(crate) fn write_index(&self, index: &Index) -> Result<(), RecordingError> {
        self.write(INDEX, &yaml::write(&index.to_value()))
    }

    /// Writes an exchange, and its bodies beside it. What is on disk is without secrets afterwards.
    pub(crate) fn write_exchange(&self, mut exchange: Exchange, redactor: &Redactor) -> Result<(), RecordingError> {
        let name = exchange.name.clone();
        self.move_beside(&mut exchange.request.body, &format!("{name}.request"), redactor)?;
        if let Outcome::Answer { body, .. } = &mut exchange.outcome {
            self.move_beside(body, &format!("{name}.answer"), redactor)?;
        }
        self.write(&format!("{name}.yaml"), &yaml::write(&exchange.to_value()))
    }

    /// Takes secrets out that became known after an exchange was written.
    pub(crate) fn clean(&self, name: &str, redactor: &Redactor) -> Result<(), RecordingError> {
        let path = self.path.join(format!("{name}.yaml"));
        let known = document::read(&path)?;
        let exchange = Exchange::from_value(name, &known).map_err(|what| RecordingError::unlike(&path, &what))?;
        let mut cleaned = exchange.cleaned(Cleaner(redactor));
        let answer = match &mut cleaned.outcome {
            Outcome::Answer { body, .. } => Some(body),
            Outcome::Fault(_) => None,
        };
        for body in std::iter::once(&mut cleaned.request.body).chain(answer) {
            if let Content::File(name, length) = body {
                let file = self.path.join(&*name);
                *length = streamed::clean(&file, redactor).map_err(|error| RecordingError::writing(&file, &error))?;
            }
        }
        let text = yaml::write(&cleaned.to_value());
        if text == yaml::write(&known) { Ok(()) } else { self.write(&format!("{name}.yaml"), &text) }
    }

    fn move_beside(&self, body: &mut Content, stem: &str, redactor: &Redactor) -> Result<(), RecordingError> {
        let (name, written) = match &*body {
            Content::Bytes(bytes, ending) => {
                let name = format!("{stem}.{ending}");
                let write = streamed::replace(&self.path.join(&name), |file| file.write_all(bytes));
                (name, write.map(|()| bytes.len() as u64))
            }
            Content::Spool(spool, ending) => {
                let name = format!("{stem}.{ending}");
                let length = streamed::write(&self.path.join(&name), spool.open(), redactor);
                (name, length)
            }
            _ => return Ok(()),
        };
        let length = written.map_err(|error| RecordingError::writing(&self.path.join(&name), &error))?;
        *body = Content::File(name, length);
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), RecordingError> {
        let path = self.path.join(name);
        streamed::replace(&path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| RecordingError::writing(&path, &error))
    }
}

/// Reads a folder: what it says of its run, and its exchanges in their order.
pub(crate) fn read(path: &Path) -> Result<(Index, Vec<Exchange>), RecordingError> {
    let file = path.join(INDEX);
    if !file.exists() {
        return Err(RecordingError::new(format!("the folder `{}` has no recording in it", path.display()))
            .help("record a run with `engine run SPEC --record DIR`, and name its folder"));
    }
    let unlike = |path: &Path| {
        let path = path.to_path_buf();
        move |what: String| RecordingError::unlike(&path, &what)
    };
    let index = Index::from_value(&document::read(&file)?).map_err(unlike(&file))?;
    let mut exchanges = Vec::new();
    for name in names(path)?.iter().filter_map(|name| name.strip_suffix(".yaml")).filter(|name| is_numbered(name)) {
        let file = path.join(format!("{name}.yaml"));
        exchanges.push(Exchange::from_value(name, &document::read(&file)?).map_err(unlike(&file))?);
    }
    Ok((index, exchanges))
}

/// Returns the names of the files in a folder, in the order of their names.
fn names(path: &Path) -> Result<Vec<String>, RecordingError> {
    let failed = |error| RecordingError::reading(path, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by_key(|name| (number(name), name.clone()));
    Ok(names)
}

/// Tells whether a file is one that recordings have.
fn is_own(name: &str) -> bool {
    name == INDEX || is_numbered(name) || name.starts_with(".recording-")
}

/// Tells whether the name of a file begins as those of exchanges do: `0001-`.
fn is_numbered(name: &str) -> bool {
    number(name).is_some()
}

fn number(name: &str) -> Option<u64> {
    let (digits, _) = name.split_once('-')?;
    (digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::{Secret, Value};

    use super::*;

    #[test]
    fn takes_out_what_becomes_known_to_be_secret_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let kept = Folder::make(&path, false).unwrap();
        let value = Value::from_json(
            r#"{"request": {"method": "GET", "url": "https://a.example/?t=l%2Ate"}, "answer": {"status": 200, "body": {"json": {"l*te": ["bCp0ZQ==", 1.50]}}}}"#,
        );
        let mut exchange = Exchange::from_value("0001-shop.list", &value.unwrap()).unwrap();
        let bytes = format!("{} l*te", "x".repeat(100)).into_bytes();
        exchange.request.body = Content::Bytes(bytes, "txt");
        kept.write_exchange(exchange, &Redactor::default()).unwrap();
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
        assert!(read("0001-shop.list.yaml").contains("l*te") && read("0001-shop.list.request.txt").contains("l*te"));

        kept.clean("0001-shop.list", &Redactor::new([Secret::new("l*te")])).unwrap();
        let cleaned = read("0001-shop.list.yaml");
        assert!(
            cleaned.contains("/?t=***\n") && cleaned.contains("\"***\":\n        - \"***\"\n        - 1.50"),
            "{cleaned}"
        );
        assert!(cleaned.contains("file: \"0001-shop.list.request.txt\"\n    bytes: 104\n"), "{cleaned}");
        assert_eq!(read("0001-shop.list.request.txt"), format!("{} ***", "x".repeat(100)));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "no temporary file is left");
    }
}
