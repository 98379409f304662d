//! A recording as one HAR file, which is whole after each exchange. Bodies that are too large for memory are in files beside it.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_expr::Value;
use engine_request::Redactor;

use crate::cleaned::Cleaner;
use crate::content::Content;
use crate::exchange::{Exchange, Outcome};
use crate::failure::RecordingError;
use crate::index::Index;
use crate::{har, streamed};

/// How long a body may be that stands in the file itself: as much as is held in memory of it.
pub(crate) const BESIDE: usize = 4 << 20;

/// A HAR file that is written to.
#[derive(Debug)]
pub(crate) struct HarFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Where the last entry ends.
    end: u64,
    entries: u32,
    /// What is said of the run.
    index: Value,
    /// The smallest number of forms of secrets that were known when an entry was written.
    known: usize,
}

impl HarFile {
    /// Makes the file.
    pub(crate) fn make(path: &Path, overwrite: bool) -> Result<Self, RecordingError> {
        if path.exists() && !overwrite {
            return Err(RecordingError::new(format!("the file `{}` is there already", path.display()))
                .help("name another one, or replace it with `--overwrite`"));
        }
        let mut file = File::options();
        let file = file.create(true).write(true).truncate(true).open(path);
        let file = file.map_err(|error| RecordingError::writing(path, &error))?;
        let state = State { file, end: 0, entries: 0, index: Value::Null, known: usize::MAX };
        let made = Self { path: path.to_path_buf(), state: Mutex::new(state) };
        made.append(&mut made.state(), &head())?;
        Ok(made)
    }

    /// Writes what is said of the run.
    pub(crate) fn write_index(&self, index: &Index) -> Result<(), RecordingError> {
        let mut state = self.state();
        state.index = index.to_value();
        self.append(&mut state, "")
    }

    /// Writes an exchange. What is on disk is without secrets afterwards.
    pub(crate) fn write_exchange(&self, mut exchange: Exchange, redactor: &Redactor) -> Result<(), RecordingError> {
        if let Outcome::Answer { body: body @ Content::Spool(..), .. } = &mut exchange.outcome
            && let Content::Spool(spool, ending) = &*body
        {
            let own = self.path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{own}.{}.{ending}", exchange.name);
            let path = self.path.with_file_name(&name);
            let length = streamed::write(&path, spool.open(), redactor);
            *body = Content::File(name, length.map_err(|error| RecordingError::writing(&path, &error))?);
        }
        let mut state = self.state();
        state.known = state.known.min(redactor.count());
        state.entries += 1;
        let before = if state.entries > 1 { ",\n" } else { "\n" };
        self.append(&mut state, &format!("{before}{}", har::entry(&exchange).to_json()))
    }

    /// Writes what is said of the run in the end, and takes out the secrets that became known late.
    pub(crate) fn finish(&self, index: &Index, redactor: &Redactor) -> Result<(), RecordingError> {
        self.write_index(index)?;
        let state = self.state();
        if state.known >= redactor.count() {
            return Ok(());
        }
        let (_, mut exchanges) = read(&self.path)?;
        for exchange in &mut exchanges {
            *exchange = exchange.cleaned(Cleaner(redactor));
            if let Outcome::Answer { body: Content::File(name, length), .. } = &mut exchange.outcome {
                let path = self.path.with_file_name(&*name);
                *length = streamed::clean(&path, redactor).map_err(|error| RecordingError::writing(&path, &error))?;
            }
        }
        let entries: Vec<String> = exchanges.iter().map(|exchange| har::entry(exchange).to_json()).collect();
        let text = format!("{}\n{}{}", head(), entries.join(",\n"), tail(&state.index));
        streamed::replace(&self.path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| RecordingError::writing(&self.path, &error))
    }

    /// Writes something where the last entry ends, and the end of the file after it.
    fn append(&self, state: &mut State, text: &str) -> Result<(), RecordingError> {
        let tail = tail(&state.index);
        let State { file, end, .. } = state;
        let mut write = || {
            file.seek(SeekFrom::Start(*end))?;
            file.write_all(format!("{text}{tail}").as_bytes())?;
            *end += text.len() as u64;
            file.set_len(*end + tail.len() as u64)
        };
        write().map_err(|error| RecordingError::writing(&self.path, &error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a HAR file, of another program too: what it says of its run, if it does, and its exchanges.
pub(crate) fn read(path: &Path) -> Result<(Option<Index>, Vec<Exchange>), RecordingError> {
    let unlike = |what: &str| RecordingError::unlike(path, what);
    let text = std::fs::read_to_string(path).map_err(|error| RecordingError::reading(path, &error))?;
    let document = Value::from_json(text.trim_start_matches('\u{feff}')).map_err(|_| unlike("it is not JSON"))?;
    let log = document.get("log").ok_or_else(|| unlike("it has no `log`, as a HAR file has"))?;
    let entries = log.get("entries").and_then(Value::as_list).ok_or_else(|| unlike("its `log` has no `entries`"))?;
    let index = log.get("_recording").filter(|index| !index.is_null()).map(Index::from_value).transpose();
    let mut exchanges = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        exchanges.push(har::exchange(&format!("entry {}", at + 1), entry).map_err(|what| unlike(&what))?);
    }
    // Those that were answered at once may be written in another order.
    if index.as_ref().is_ok_and(Option::is_some) {
        exchanges.sort_by(|one, other| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)));
        exchanges.sort_by_key(|exchange| exchange.name.split('-').next().and_then(|it| it.parse::<u64>().ok()));
    }
    Ok((index.map_err(|what| unlike(&what))?, exchanges))
}

fn head() -> String {
    let creator = Value::object([("name", Value::from("engine")), ("version", Value::from(env!("CARGO_PKG_VERSION")))]);
    format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{},\"entries\":[", creator.to_json())
}

fn tail(index: &Value) -> String {
    if index.is_null() { "\n]}}\n".to_owned() } else { format!("\n],\"_recording\":{}}}}}\n", index.to_json()) }
}
