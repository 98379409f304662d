//! The records of a step that later ones ask for: in memory while they are few, else on disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use engine_expr::Value;
use engine_source::Span;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;

/// How many bytes of records are kept in memory.
const IN_MEMORY: usize = 8 << 20;

/// What later steps ask of a step.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Whether all its records are asked for.
    all: bool,
    /// Whether its last record is asked for.
    last: bool,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    /// Those that came last, as lines of JSON.
    lines: Vec<u8>,
    /// Those before them.
    spilled: Option<File>,
    /// A page of which something is kept counts as delivered only once nobody needs it any more.
    claim: Claim,
}

impl Kept {
    /// Makes a place for what is asked for.
    pub(crate) fn new(all: bool, last: bool) -> Self {
        Self { all, last, records: Mutex::default() }
    }

    /// Tells whether anything is asked for.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.all || self.last
    }

    /// Keeps what is asked for of a batch.
    ///
    /// # Errors
    ///
    /// Fails where there is no room on the disk.
    pub(crate) fn keep(&self, batch: &[Item], claim: &Claim) -> Result<(), Failure> {
        if !self.is_asked_for() || batch.is_empty() {
            return Ok(());
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.claim.join(claim.clone());
        let wanted = if self.all {
            batch
        } else {
            records.lines.clear();
            batch.last().map(std::slice::from_ref).unwrap_or_default()
        };
        for item in wanted {
            // A line break within JSON stands between two tokens, where a space is as good.
            let text = item.current.text().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte });
            records.lines.extend(text);
            records.lines.push(b'\n');
        }
        if records.lines.len() > IN_MEMORY {
            records.spill().map_err(|error| {
                unkept(&error)
                    .help("make room in the folder for temporary files, or name another in the variable `TMPDIR`")
            })?;
        }
        Ok(())
    }

    /// Returns the kept records as values.
    ///
    /// # Errors
    ///
    /// Fails where they can't be read.
    pub(crate) fn values(&self) -> Result<Vec<Value>, Failure> {
        let lines = self.lines()?;
        let unreadable = |why: String| Failure::new("invalid-record", why, Span::default());
        let lines = std::str::from_utf8(&lines).map_err(|error| unreadable(error.to_string()))?;
        let values = lines.lines().map(Value::from_json).collect::<Result<Vec<_>, _>>();
        values.map_err(|error| unreadable(format!("the record cannot be read: {error}")))
    }

    /// Returns the kept records as lines of JSON, for who goes on with the run.
    ///
    /// # Errors
    ///
    /// Fails where they can't be read.
    pub(crate) fn lines(&self) -> Result<Vec<u8>, Failure> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        if let Some(file) = &mut records.spilled {
            // Reading to the end leaves it where the next ones are written.
            let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut lines));
            read.map_err(|error| unkept(&error))?;
        }
        lines.extend_from_slice(&records.lines);
        Ok(lines)
    }

    /// Takes the records that [`lines`](Self::lines) gave in another process.
    pub(crate) fn restore(&self, lines: &[u8]) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).lines = lines.to_vec();
    }

    /// Lets the pages count as delivered: their records are kept elsewhere too, or nobody needs them read again.
    pub(crate) fn release(&self) {
        let claim = std::mem::take(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner).claim);
        claim.settle();
    }
}

impl Records {
    /// Brings what is in memory to the disk.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.spilled {
            Some(file) => file,
            None => self.spilled.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

fn unkept(error: &io::Error) -> Failure {
    let text = format!("the records of the step cannot be kept: {error}");
    Failure::new("state-failed", text, Span::default()).fatal()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use super::*;
    use crate::item::{Json, Origin};

    fn items(from: u64, to: u64, filler: usize) -> Vec<Item> {
        let origin = Arc::new(Origin::default());
        let item = |id| {
            let text = format!("{{\"id\": {id},\n \"text\": \"{}\"}}", "x".repeat(filler));
            Item::new(Json::copy(&text), None, Arc::clone(&origin), id)
        };
        (from..to).map(item).collect()
    }

    #[test]
    fn many_records_are_kept_on_disk_and_come_back_in_their_order() {
        let kept = Kept::new(true, false);
        for page in 0..20 {
            kept.keep(&items(page * 100, page * 100 + 100, 10_000), &Claim::none()).unwrap();
        }
        assert!(kept.records.lock().unwrap().spilled.is_some());
        // They may be asked for more than once, and while others come.
        for _ in 0..2 {
            let values = kept.values().unwrap();
            let ids: Vec<String> = values.iter().filter_map(|value| value.get("id")).map(Value::to_json).collect();
            assert_eq!(ids, (0..2000).map(|id| id.to_string()).collect::<Vec<_>>());
        }
        kept.keep(&items(2000, 2001, 1), &Claim::none()).unwrap();
        assert_eq!(kept.values().unwrap().len(), 2001);
    }

    #[test]
    fn of_one_that_is_asked_for_the_last_is_kept() {
        let kept = Kept::new(false, true);
        kept.keep(&items(0, 3, 1), &Claim::none()).unwrap();
        kept.keep(&[], &Claim::none()).unwrap();
        kept.keep(&items(3, 5, 1), &Claim::none()).unwrap();
        let values = kept.values().unwrap();
        assert_eq!(values.iter().filter_map(|value| value.get("id")).map(Value::to_json).collect::<Vec<_>>(), ["4"]);
    }
}
