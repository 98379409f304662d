//! Where a step's records go: to the steps that take them, out of their block, to the output, and to what later steps ask of it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;
use crate::kept::Kept;
use crate::record::Record;
use crate::report::Observer;

/// Some items that go together: a page, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The items.
    pub(crate) items: Arc<Vec<Item>>,
    /// The part in the work on the pages that they came from.
    pub(crate) claim: Claim,
}

/// What goes through the channel of a stream. A channel that closes without an end was broken off: what came is not all there is.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Some items.
    Items(Batch),
    /// There are no more.
    End,
}

/// Where the batches of a stream come from.
pub(crate) type Inlet = mpsc::Receiver<Delivery>;

/// How many batches may wait for a step: the one being worked on is not among them.
pub(crate) const WAITING: usize = 2;

/// The end of a step's stream.
pub(crate) struct Outlet {
    /// The steps that take the stream.
    pub(crate) consumers: Vec<mpsc::Sender<Delivery>>,
    /// Who takes what the block hands on, if this is part of it.
    pub(crate) out: Option<mpsc::Sender<Delivery>>,
    /// Where it is printed, and under which name where there are several.
    pub(crate) printed: Option<Printed>,
    /// What later steps ask of this one.
    pub(crate) kept: Arc<Kept>,
    /// Who watches what is handed on.
    pub(crate) watched: Option<Watched>,
}

/// Shows what a step hands on.
pub(crate) struct Watched {
    /// Who watches.
    pub(crate) observer: Arc<dyn Observer>,
    /// The address of the step.
    pub(crate) step: String,
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

impl Batch {
    /// Joins items and the part in the work on them.
    pub(crate) fn new(items: Vec<Item>, claim: Claim) -> Self {
        Self { items: Arc::new(items), claim }
    }
}

impl Printed {
    fn print(&self, items: &[Item]) -> std::io::Result<()> {
        if !self.mixed {
            return self.observer.records(self.stream.as_deref(), &records(items));
        }
        items
            .chunk_by(|one, next| one.origin.stream == next.origin.stream)
            .try_for_each(|same| self.observer.records(same.first().map(|item| &*item.origin.stream), &records(same)))
    }
}

impl Outlet {
    /// Tells whether anybody takes what is handed on.
    pub(crate) fn is_taken(&self) -> bool {
        !self.consumers.is_empty()
            || self.out.is_some()
            || self.printed.is_some()
            || self.kept.is_asked_for()
            || self.watched.is_some()
    }

    /// Hands a batch on; returns when all who take it have room.
    pub(crate) async fn send(&self, items: Vec<Item>, claim: Claim) -> Result<(), Failure> {
        if items.is_empty() {
            claim.settle();
            return Ok(());
        }
        self.kept.keep(&items, &claim)?;
        if let Some(Watched { observer, step }) = &self.watched {
            observer.handed_on(step, &records(&items));
        }
        if let Some(printed) = &self.printed {
            printed.print(&items).map_err(|error| {
                Failure::new(
                    "output-failed",
                    format!("the records cannot be printed: {error}"),
                    engine_source::Span::default(),
                )
            })?;
        }
        let batch = Batch::new(items, claim);
        for consumer in self.consumers.iter().chain(&self.out) {
            // A step that has ended by a failure takes no more; the others go on.
            _ = consumer.send(Delivery::Items(batch.clone())).await;
        }
        batch.claim.settle();
        Ok(())
    }

    /// Tells the steps that take the stream that this was all.
    pub(crate) async fn end(&self) {
        for consumer in &self.consumers {
            _ = consumer.send(Delivery::End).await;
        }
    }
}

fn records(items: &[Item]) -> Vec<Record> {
    items.iter().map(Item::record).collect()
}

/// Lets a stream pass that nobody needs: what is in it counts as delivered.
pub(crate) async fn pass(mut inlet: Inlet) {
    while let Some(delivery) = inlet.recv().await {
        match delivery {
            Delivery::Items(batch) => batch.claim.settle(),
            Delivery::End => return,
        }
    }
}
