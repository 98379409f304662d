//! The records of a step that later ones ask for.

use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::Value;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::{Item, Json, Origin};

/// How many records of a step may be kept for templates that ask for all of them.
const MAX_KEPT: usize = 1_000_000;

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
    items: Vec<Item>,
    /// A page of which something is kept in memory counts as delivered only once nobody needs it any more.
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
    pub(crate) fn keep(&self, batch: &[Item], claim: &Claim) -> Result<(), Failure> {
        if !self.all && !self.last {
            return Ok(());
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.claim.join(claim.clone());
        if !self.all {
            records.items.clear();
            records.items.extend(batch.last().map(compact));
            return Ok(());
        }
        records.items.extend(batch.iter().map(compact));
        if records.items.len() > MAX_KEPT {
            return Err(Failure::new(
                "template-failed",
                format!("more than {MAX_KEPT} records would have to be kept for a template"),
                engine_source::Span::default(),
            )
            .help("take the step's stream by `for_each` instead of `steps.ID.items`"));
        }
        Ok(())
    }

    /// Returns the kept records as values.
    pub(crate) fn values(&self) -> Result<Vec<Value>, Failure> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.items.iter().map(Item::value).collect()
    }

    /// Returns the kept records as lines of JSON, for who goes on with the run.
    pub(crate) fn lines(&self) -> Vec<u8> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for item in &records.items {
            lines.extend_from_slice(item.current.text().as_bytes());
            lines.push(b'\n');
        }
        lines
    }

    /// Takes the records that [`lines`](Self::lines) gave in another process.
    pub(crate) fn restore(&self, lines: &[u8]) {
        let origin = Arc::new(Origin::default());
        let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        let items = lines
            .filter(|line| !line.is_empty())
            .zip(1..)
            .map(|(line, number)| Item::new(Json::copy(line), None, Arc::clone(&origin), number));
        self.records.lock().unwrap_or_else(PoisonError::into_inner).items = items.collect();
    }

    /// Lets the pages count as delivered, whose records are kept elsewhere too.
    pub(crate) fn release(&self) {
        let claim = std::mem::take(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner).claim);
        claim.settle();
    }

    /// Says that nobody will ask any more.
    pub(crate) fn settle(&self) {
        let records = std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        records.claim.settle();
    }
}

/// Copies a record out of its page, which need not be kept for it.
fn compact(item: &Item) -> Item {
    Item { current: item.current.compact(), original: item.original.compact(), ..item.clone() }
}
