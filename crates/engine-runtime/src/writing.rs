//! Writing a stream: what comes next is shaped while a batch is written, and what has come meanwhile is written together.

use std::pin::pin;

use futures_util::stream::{Stream, StreamExt};

use crate::failure::Failure;
use crate::item::Item;
use crate::outlet::Outlet;
use crate::record::Record;
use crate::shape::Shaped;
use crate::sink::Layout;
use crate::site::Site;
use crate::writers::SharedWriter;

/// What may wait while others are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    items: usize,
    /// How many bytes of what their sources gave.
    bytes: usize,
}

impl Room {
    /// Where a transaction costs little.
    pub(crate) const NEAR: Self = Self { items: 4_000, bytes: 1 << 19 };

    /// Where each takes a few ways to a server and back.
    pub(crate) const FAR: Self = Self { items: 8_000, bytes: 1 << 20 };
}

/// Batches that wait to be written.
#[derive(Default)]
struct Waiting {
    batches: Vec<Shaped>,
    items: usize,
    bytes: usize,
}

/// Writes what is shaped, and hands it on.
pub(crate) async fn stream(
    site: &Site,
    shaped: impl Stream<Item = Result<Shaped, Failure>> + Send,
    writer: &SharedWriter,
    outlet: &Outlet,
) -> Result<(), Failure> {
    let mut shaped = pin!(shaped);
    let room = writer.room().await;
    let mut waiting = Waiting::default();
    let mut end = None;
    loop {
        if waiting.batches.is_empty() {
            match end {
                Some(end) => return end,
                None => end = waiting.take(shaped.next().await),
            }
            continue;
        }
        let layout = writer.layout().await;
        let mut under_way = pin!(writer.take_all(site, std::mem::take(&mut waiting).batches));
        let written = loop {
            tokio::select! {
                biased;
                written = &mut under_way => break written?,
                next = shaped.next(), if end.is_none() && waiting.has_room(room) => {
                    end = waiting.take(next);
                    waiting.lay_out(layout.as_deref());
                }
            }
        };
        for done in written {
            site.tally.count(&done.items, |counts, number| counts.out += number);
            outlet.send(done.items, done.claim).await?;
            site.tally.progress();
        }
    }
}

impl Waiting {
    /// Takes the next batch, or tells how the stream has ended. What came before a failure is written all the same.
    fn take(&mut self, next: Option<Result<Shaped, Failure>>) -> Option<Result<(), Failure>> {
        match next {
            Some(Ok(batch)) => {
                let (count, dropped) = (batch.items.len(), usize::try_from(batch.dropped).unwrap_or(usize::MAX));
                let bytes: usize = batch.items.iter().map(|item| item.original.text().len()).sum();
                // An item holds its page, with all that was dropped of it.
                let held = bytes.saturating_mul(count.saturating_add(dropped)) / count.max(1);
                self.items += count;
                self.bytes = self.bytes.saturating_add(held);
                self.batches.push(batch);
                None
            }
            Some(Err(failure)) => Some(Err(failure)),
            None => Some(Ok(())),
        }
    }

    /// Lays out what came last.
    fn lay_out(&mut self, layout: Option<&dyn Layout>) {
        if let (Some(layout), Some(batch)) = (layout, self.batches.last_mut()) {
            let records: Vec<Record> = batch.items.iter().map(Item::record).collect();
            batch.laid_out = layout.lay_out(&records);
        }
    }

    fn has_room(&self, room: Option<Room>) -> bool {
        let fits = |room: Room| self.items < room.items && self.bytes < room.bytes;
        self.batches.is_empty() || room.is_some_and(fits)
    }
}
