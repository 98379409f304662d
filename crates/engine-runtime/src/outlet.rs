//! Where a step's records go: to the steps that take them, to the output, and to what later steps ask of it.

use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::Value;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::item::Item;
use crate::record::Record;
use crate::report::Observer;

/// Some items that go together: a page, or a part of one.
pub(crate) type Batch = Arc<Vec<Item>>;

/// What goes through the channel of a stream. A channel that closes without an end was broken off: what came is not all there is.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Some items.
    Items(Batch),
    /// There are no more.
    End,
}

/// How many batches may wait for a step: the one being worked on is not among them.
pub(crate) const WAITING: usize = 2;

/// How many records of a step may be kept for templates that ask for all of them.
const MAX_KEPT: usize = 1_000_000;

/// The end of a step's stream.
pub(crate) struct Outlet {
    /// The steps that take the stream.
    pub(crate) consumers: Vec<mpsc::Sender<Delivery>>,
    /// Where it is printed, and under which name where there are several.
    pub(crate) printed: Option<Printed>,
    /// What later steps ask of this one.
    pub(crate) kept: Arc<Kept>,
}

/// Prints a stream.
pub(crate) struct Printed {
    /// Takes the records.
    pub(crate) observer: Arc<dyn Observer>,
    /// The name of the stream, where there are several.
    pub(crate) stream: Option<String>,
    /// Whether the records name their streams themselves: the step reads several endpoints.
    pub(crate) mixed: bool,
}

impl Printed {
    fn print(&self, items: &[Item]) -> std::io::Result<()> {
        let records = |items: &[Item]| items.iter().map(|item| item.current.record()).collect::<Vec<Record>>();
        if !self.mixed {
            return self.observer.records(self.stream.as_deref(), &records(items));
        }
        items
            .chunk_by(|one, next| one.origin.stream == next.origin.stream)
            .try_for_each(|same| self.observer.records(same.first().map(|item| &*item.origin.stream), &records(same)))
    }
}

/// What later steps ask of a step.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Whether all its records are asked for.
    pub(crate) all: bool,
    /// Whether its last record is asked for.
    pub(crate) last: bool,
    records: Mutex<Vec<Item>>,
}

impl Kept {
    /// Makes a place for what is asked for.
    pub(crate) fn new(all: bool, last: bool) -> Self {
        Self { all, last, records: Mutex::default() }
    }

    fn keep(&self, batch: &[Item]) -> Result<(), Failure> {
        if !self.all && !self.last {
            return Ok(());
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.all {
            records.clear();
            records.extend(batch.last().map(compact));
            return Ok(());
        }
        records.extend(batch.iter().map(compact));
        if records.len() > MAX_KEPT {
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
        records.iter().map(Item::value).collect()
    }
}

/// Copies a record out of its page, which need not be kept for it.
fn compact(item: &Item) -> Item {
    Item { current: item.current.compact(), original: item.original.compact(), ..item.clone() }
}

impl Outlet {
    /// Hands a batch on; returns when all who take it have room.
    pub(crate) async fn send(&self, items: Vec<Item>) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }
        self.kept.keep(&items)?;
        if let Some(printed) = &self.printed {
            printed.print(&items).map_err(|error| {
                Failure::new(
                    "output-failed",
                    format!("the records cannot be printed: {error}"),
                    engine_source::Span::default(),
                )
            })?;
        }
        if self.consumers.is_empty() {
            return Ok(());
        }
        let batch: Batch = Arc::new(items);
        for consumer in &self.consumers {
            // A step that has ended, by a failure or a limit, takes no more; the others go on.
            _ = consumer.send(Delivery::Items(Arc::clone(&batch))).await;
        }
        Ok(())
    }

    /// Tells those who take the stream that this was all.
    pub(crate) async fn end(&self) {
        for consumer in &self.consumers {
            _ = consumer.send(Delivery::End).await;
        }
    }
}
