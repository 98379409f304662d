//! Keeps the exchanges of a run while it runs, in a folder or in a HAR file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_request::{Payload, Piece, Prepared};
use engine_runtime::{Body, BoxFuture, Found, Hidden, RecordedExchange, RecordedRun, Recorder};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::cleaned::Cleaner;
use crate::content::{self, Content};
use crate::exchange::{Exchange, Outcome, Purpose, Request, cleaned_fault};
use crate::failure::RecordingError;
use crate::folder::{self, Folder};
use crate::har_file::{self, HarFile};
use crate::index::Index;

/// Keeps the exchanges of one run.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    kept: Arc<Kept>,
    state: Mutex<State>,
}

/// Where they are kept.
#[derive(Debug)]
enum Kept {
    Folder(Folder),
    Har(HarFile),
}

#[derive(Debug, Default)]
struct State {
    index: Index,
    /// What is written, by what it is known, and how many forms of secrets were known then.
    written: Vec<(String, usize)>,
    taken: u32,
    hidden: Option<Hidden>,
    /// Why it is not whole.
    failed: Option<RecordingError>,
}

impl Record {
    /// Begins a recording at a path: a HAR file where it ends in `.har`, otherwise a folder.
    ///
    /// # Errors
    ///
    /// Fails where something is there already: an earlier recording is replaced only with `overwrite`, and anything else never.
    pub fn begin(path: &Path, overwrite: bool) -> Result<Arc<Self>, RecordingError> {
        let kept = if is_har(path) {
            Kept::Har(HarFile::make(path, overwrite)?)
        } else {
            Kept::Folder(Folder::make(path, overwrite)?)
        };
        Ok(Arc::new(Self { path: path.to_path_buf(), kept: Arc::new(kept), state: Mutex::default() }))
    }

    /// Takes secrets out that became known after they were written, and returns how many exchanges there are.
    ///
    /// # Errors
    ///
    /// Says why the recording is not whole, where it is not.
    pub fn finish(&self) -> Result<u32, RecordingError> {
        let mut state = self.state();
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        let Some(redactor) = state.hidden.as_ref().map(Hidden::redactor) else { return Ok(0) };
        let State { index, written, taken, .. } = &mut *state;
        index.clean(Cleaner(&redactor));
        index.exchanges = Some(*taken);
        match &*self.kept {
            Kept::Folder(folder) => {
                for (name, _) in written.iter().filter(|(_, known)| *known < redactor.count()) {
                    folder.clean(name, &redactor)?;
                }
                folder.write_index(index)?;
            }
            Kept::Har(file) => file.finish(index, &redactor)?,
        }
        Ok(*taken)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is said of the run, once that is known.
    fn write_index(&self, state: &mut State) {
        let written = match &*self.kept {
            Kept::Folder(folder) => folder.write_index(&state.index),
            Kept::Har(file) => file.write_index(&state.index),
        };
        if let Err(error) = written {
            state.failed.get_or_insert(error);
        }
    }

    /// How long a body may be that is kept with the rest.
    fn most(&self) -> usize {
        match &*self.kept {
            Kept::Folder(_) => folder::BESIDE,
            Kept::Har(_) => har_file::BESIDE,
        }
    }

    async fn keep(&self, recorded: RecordedExchange<'_>) {
        // One that becomes known between the two is looked for once more at the end.
        let known = recorded.hidden.redactor().count();
        let redactor = recorded.redactor();
        let mut exchange = self.exchange(&recorded, Cleaner(&redactor));
        // They are numbered as they are answered, however long it takes to write them down.
        {
            let mut state = self.state();
            state.taken += 1;
            exchange.name = name(state.taken, &Cleaner(&redactor).text(recorded.asked));
            state.written.push((exchange.name.clone(), known));
        }
        let kept = Arc::clone(&self.kept);
        let write = move || match &*kept {
            Kept::Folder(folder) => folder.write_exchange(exchange, &redactor),
            Kept::Har(file) => file.write_exchange(exchange, &redactor),
        };
        let written = match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(_) => Err(RecordingError::new("writing the recording was broken off")),
        };
        if let Err(error) = written {
            let mut state = self.state();
            state.failed.get_or_insert(error);
        }
    }

    /// Makes what is kept of an exchange.
    fn exchange(&self, recorded: &RecordedExchange<'_>, cleaner: Cleaner<'_>) -> Exchange {
        let outcome = match &recorded.came {
            Err(error) => Outcome::Fault(cleaned_fault(error, cleaner)),
            // Nobody knows yet which of it is the token.
            Ok(incoming) if recorded.is_login => Outcome::Answer {
                status: incoming.status,
                headers: Vec::new(),
                body: Content::Withheld(content::LOGIN.to_owned()),
            },
            Ok(incoming) => {
                let content_type = content_type(&incoming.headers);
                let body = match &incoming.body {
                    Body::Bytes(bytes) => Content::of(bytes, &content_type, self.most(), cleaner),
                    Body::File(spool) => Content::Spool(Arc::clone(spool), content::ending(&content_type, b"")),
                };
                Outcome::Answer { status: incoming.status, headers: cleaner.headers(&incoming.headers), body }
            }
        };
        Exchange {
            name: String::new(),
            step: cleaner.text(recorded.step),
            endpoint: recorded.asked.to_owned(),
            attempt: recorded.attempt,
            purpose: match (recorded.is_login, recorded.is_redirect) {
                (true, _) => Purpose::Login,
                (false, true) => Purpose::Redirect,
                (false, false) => Purpose::Asking,
            },
            at: Some(recorded.sent_at),
            took: recorded.took,
            request: self.request(recorded.request, cleaner),
            outcome,
        }
    }

    fn request(&self, request: &Prepared, cleaner: Cleaner<'_>) -> Request {
        let content_type = content_type(&request.headers);
        let (bytes, boundary) = (shown(&request.body), boundary(&content_type));
        let mut headers = cleaner.headers(&request.headers);
        let mut body = Content::of(&bytes, &content_type, self.most(), cleaner);
        if let Some(boundary) = boundary {
            // It is another one each time.
            for (_, value) in headers.iter_mut().filter(|(name, _)| name == CONTENT_TYPE.as_str()) {
                *value = value.replace(&boundary, BOUNDARY);
            }
            body = match body {
                Content::Text(text) => Content::Text(text.replace(&boundary, BOUNDARY)),
                other => other,
            };
        }
        Request { method: request.method.to_string(), url: cleaner.url(&request.url), headers, body }
    }
}

impl Recorder for Record {
    fn begin(&self, run: &RecordedRun<'_>) {
        let mut state = self.state();
        state.index.begin(run, Cleaner(&run.hidden.redactor()));
        state.hidden = Some(run.hidden.clone());
        self.write_index(&mut state);
    }

    fn found(&self, found: Found<'_>) {
        let mut state = self.state();
        let redactor = state.hidden.as_ref().map(Hidden::redactor).unwrap_or_default();
        if state.index.found(found, Cleaner(&redactor)) {
            self.write_index(&mut state);
        }
    }

    fn exchange<'a>(&'a self, exchange: RecordedExchange<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.keep(exchange))
    }
}

/// What stands for the boundary of a multipart body.
pub(crate) const BOUNDARY: &str = "boundary";

/// Tells whether a path is that of a HAR file.
pub(crate) fn is_har(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("har"))
}

/// Returns the type of a body.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Returns the boundary of a multipart body.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (_, rest) = content_type.strip_prefix("multipart/")?.split_once("boundary=")?;
    let boundary = rest.split(';').next()?.trim().trim_matches('"');
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// Returns what a request sends; files are named and not read.
pub(crate) fn shown(payload: &Payload) -> Vec<u8> {
    match payload {
        Payload::Bytes(bytes) => bytes.to_vec(),
        Payload::Pieces(pieces) => pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Bytes(bytes) => bytes.to_vec(),
                Piece::File { path, length } => format!("<{length} bytes of `{}`>", path.display()).into_bytes(),
            })
            .collect(),
    }
}

/// Names an exchange: `0001-shop.list_orders`.
fn name(number: u32, asked: &str) -> String {
    let asked: String = asked
        .chars()
        .map(|char| if char.is_alphanumeric() || matches!(char, '.' | '_' | '-') { char } else { '_' })
        .collect();
    format!("{number:04}-{asked}")
}
