//! A body that becomes a file: written beside its place first, and put there when nothing speaks against it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use engine_expr::{Scope, Template, Value};
use engine_source::Span;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::packing::Source;
use crate::beside::beside;
use crate::failure::Failure;

/// How much is copied at once.
const PIECE: usize = 256 * 1024;

/// A file that is written, and not in its place yet.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Nothing in a dry run.
    written: Option<TempPath>,
    place: PathBuf,
    /// What is told of it: `path`, `size`, `content_type`, `sha256`.
    pub(crate) value: Value,
    /// What is in it.
    sum: String,
    span: Span,
}

/// The files that a run has put into their places: none of them is replaced by another of the same run.
#[derive(Debug, Default)]
pub(crate) struct Placed(Mutex<HashMap<PathBuf, (Download, String)>>);

/// What a file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Download {
    /// The step.
    pub(crate) step: String,
    /// The item, as messages show it.
    pub(crate) item: String,
    /// The request, as messages show it.
    pub(crate) request: String,
}

impl Staged {
    /// Writes a body beside the place that `to` names, relative to a folder; a dry run only says what it would be.
    pub(crate) async fn write(
        source: Source,
        to: &Template,
        folder: &Path,
        scope: &Scope,
        content_type: Option<String>,
        most: u64,
        is_dry: bool,
    ) -> Result<Self, Failure> {
        let span = to.span();
        let name = to.render_text(scope)?;
        check(&name, to.text()).map_err(|(message, help)| Failure::new("output-failed", message, span).help(help))?;
        let place = folder.join(&name);
        let here = (!is_dry).then(|| place.parent().unwrap_or(Path::new("")).to_path_buf());
        let copied = tokio::task::spawn_blocking(move || copy(&source, here.as_deref(), most)).await;
        let copied = copied.unwrap_or_else(|_| Err(io::Error::other("it was broken off")));
        let (written, size, sum) = copied.map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => Failure::new("body-too-large", error.to_string(), span)
                .help("allow more with `response: {max_size: …}`"),
            io::ErrorKind::InvalidData => {
                Failure::new("invalid-body", format!("the answer cannot be read: {error}"), span)
            }
            _ => failed(&place, &error, span),
        })?;
        let value = Value::object([
            ("path", Value::from(name.as_str())),
            ("size", Value::from(size)),
            ("content_type", content_type.map_or(Value::Null, Value::from)),
            ("sha256", Value::from(sum.as_str())),
        ]);
        Ok(Self { written, place, value, sum, span })
    }

    /// Puts the file into its place, in place of one that is there from before the run.
    pub(crate) fn place(self, download: Download, placed: &Placed) -> Result<(), Failure> {
        let place = real(&self.place);
        let mut known = placed.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is asked for twice and is the same is not lost.
        if let Some((other, sum)) = known.get(&place)
            && (other.request != download.request || *sum != self.sum)
        {
            let step = if other.step == download.step { String::new() } else { format!(" in step `{}`", other.step) };
            let text = format!(
                "`{}` is already the file of {} ({}){step}, and would be replaced by that of {} ({})",
                self.place.display(),
                other.item,
                other.request,
                download.item,
                download.request
            );
            return Err(Failure::new("output-failed", text, self.span)
                .help("put something into `to` that tells the items apart, such as `{{ params.id }}`"));
        }
        // Nobody else puts a file there between this and the look.
        if let Some(written) = self.written {
            written.persist(&self.place).map_err(|error| failed(&self.place, &error.error, self.span))?;
        }
        known.insert(place, (download, self.sum));
        Ok(())
    }
}

/// Names a place as it is, whatever links and dots lead to it; where a file system sees no difference between letters, nor is there one here.
fn real(place: &Path) -> PathBuf {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = match (std::fs::canonicalize(folder), place.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => place.components().filter(|part| !matches!(part, Component::CurDir)).collect(),
    };
    if cfg!(any(windows, target_os = "macos")) { real.to_string_lossy().to_lowercase().into() } else { real }
}

fn failed(place: &Path, error: &io::Error, span: Span) -> Failure {
    let text = format!("can't write `{}`: {}", place.display(), error.to_string().to_lowercase());
    Failure::new("output-failed", text, span).help("check the folder, its rights, and the room on the disk")
}

/// Refuses a name by which data would choose the folder.
fn check(name: &str, template: &str) -> Result<(), (String, &'static str)> {
    let parts = |text: &str| text.split(['/', '\\']).filter(|part| *part == "..").count();
    let is_absolute = |text: &str| text.starts_with(['/', '\\']) || Path::new(text).is_absolute();
    if parts(name) != parts(template) || (is_absolute(name) && !is_absolute(template)) || name.contains('\0') {
        let message = format!("`{}` leads out of the folder that `to` names", name.escape_debug());
        return Err((message, "write folders into `to` itself; a value in it may name what is below them"));
    }
    if matches!(name.rsplit(['/', '\\']).next(), None | Some("" | ".")) {
        return Err((
            format!("`{name}` is not the name of a file"),
            "give the file a name: `./out/{{ params.id }}.pdf`",
        ));
    }
    Ok(())
}

/// Copies a body to a file in a folder, or to nowhere; returns the file, the size and the checksum.
fn copy(source: &Source, folder: Option<&Path>, most: u64) -> io::Result<(Option<TempPath>, u64, String)> {
    let mut file = match folder {
        None => None,
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            Some(beside(folder)?)
        }
    };
    let mut hasher = Sha256::new();
    let mut size = 0_u64;
    source.read(|input: &mut dyn Read| -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            size += read as u64;
            if size > most {
                let text = format!("the body is larger than {}", engine_request::Size::from_bytes(most));
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
            let bytes = piece.get(..read).unwrap_or_default();
            hasher.update(bytes);
            if let Some(file) = &mut file {
                file.write_all(bytes)?;
            }
        }
    })?;
    let written = match file {
        None => None,
        Some(file) => {
            // What is put into place is there whatever happens next.
            file.as_file().sync_all()?;
            Some(file.into_temp_path())
        }
    };
    Ok((written, size, hex(&hasher.finalize())))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::packing::Packed;
    use super::*;
    use crate::transport::Body;

    #[test]
    fn data_does_not_choose_the_folder() {
        let cases = [
            ("./out/7.pdf", "./out/{{ params.id }}.pdf", true),
            ("../out/7.pdf", "../out/{{ params.id }}.pdf", true),
            ("/srv/7.pdf", "/srv/{{ params.id }}.pdf", true),
            ("out/a/7.pdf", "out/{{ params.id }}.pdf", true),
            ("out/../../etc/passwd", "out/{{ params.id }}", false),
            ("out/..\\x", "out/{{ params.id }}", false),
            ("/etc/passwd", "{{ params.id }}", false),
            ("out/", "out/{{ params.id }}", false),
            ("", "{{ params.id }}", false),
        ];
        for (name, template, expected) in cases {
            assert_eq!(check(name, template).is_ok(), expected, "{name}");
        }
    }

    fn download(item: &str, request: &str) -> Download {
        Download { step: "files".to_owned(), item: item.to_owned(), request: request.to_owned() }
    }

    #[test]
    fn no_file_replaces_another_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let placed = Placed::default();
        let put = |name: &str, text: &'static str, item: &str, request: &str| {
            let source = Source { body: Body::Bytes(text.into()), packed: Packed::No };
            let (written, _, sum) = copy(&source, Some(folder.path()), 5).unwrap();
            let place = folder.path().join(name);
            let staged = Staged { written, place, value: Value::Null, sum, span: Span::default() };
            staged.place(download(item, request), &placed).map_err(|failure| failure.message)
        };
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("a"), "old").unwrap();
        put("a", "1", "item 1", "GET /1").unwrap();
        put("b", "1", "item 2", "GET /2").unwrap();
        // The same once more.
        put("a", "1", "item 3", "GET /1").unwrap();
        for (name, text, request) in [("a", "2", "GET /2"), ("sub/../a", "1", "GET /2"), ("./a", "2", "GET /1")] {
            let error = put(name, text, "item 4", request).unwrap_err();
            let expected = format!(
                "a` is already the file of item 3 (GET /1), and would be replaced by that of item 4 ({request})"
            );
            assert!(error.ends_with(&expected), "{error}");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "1");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_is_in_its_place_only_when_it_is_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source { body: Body::Bytes("hello".into()), packed: Packed::No };
        let (written, size, sum) = copy(&source, Some(&folder.path().join("a/b")), 5).unwrap();
        assert_eq!((size, sum.as_str()), (5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
        let place = folder.path().join("a/b/c.txt");
        let staged = Staged { written, place: place.clone(), value: Value::Null, sum, span: Span::default() };
        assert!(!place.exists());
        staged.place(download("item 1", "GET /1"), &Placed::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "hello");
        assert!(copy(&source, Some(folder.path()), 4).is_err());
        assert_eq!(std::fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
    }
}
