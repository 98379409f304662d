//! Writing a stream: what comes next is shaped while a batch is written, and what has come meanwhile is written together.

use std::pin::pin;

use futures_util::stream::{Stream, StreamExt};

use crate::failure::Failure;
use crate::outlet::Outlet;
use crate::shape::Shaped;
use crate::site::Site;
use crate::writers::SharedWriter;

/// How many items may wait while others are written.
const ITEMS: usize = 4_000;

/// How many bytes of what their sources gave may wait while others are written.
const BYTES: usize = 1 << 19;

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
    let joins = writer.joins().await;
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
        let mut under_way = pin!(writer.take_all(site, std::mem::take(&mut waiting).batches));
        let written = loop {
            tokio::select! {
                biased;
                written = &mut under_way => break written?,
                next = shaped.next(), if end.is_none() && waiting.has_room(joins) => end = waiting.take(next),
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

    fn has_room(&self, joins: bool) -> bool {
        self.batches.is_empty() || (joins && self.items < ITEMS && self.bytes < BYTES)
    }
}
