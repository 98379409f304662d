//! Windows of a read that are asked for along with the one before them. Their pages are worked on when it is their turn, so that records come
//! in the order of the windows, and the cursor moves over whole ones only.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use engine_expr::{Slots, Value};
use engine_request::{Changes, Last, Next, Page, Pager};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use crate::ahead::{Asker, Came};
use crate::exchange::Outcome;
use crate::failure::Failure;
use crate::page::PageReader;
use crate::world::BoxFuture;

/// A page that was asked for, and by what.
pub(crate) type Fetched = (Changes, Result<Came, Failure>);

/// How many pages of a window wait for its turn: beside the one that comes.
const WAITING: usize = 1;

/// The windows that are asked for.
pub(crate) struct Windows<'a> {
    asker: &'a Asker<'a>,
    reader: &'a PageReader,
    ahead: VecDeque<Window>,
    begin: mpsc::UnboundedSender<BoxFuture<'a, ()>>,
}

/// A window, and the pages of it that come.
struct Window {
    /// What each request sends, and what the window is: that is what it is known by.
    known_by: (Changes, Value),
    pages: mpsc::Receiver<Fetched>,
}

impl<'a> Windows<'a> {
    /// Begins with nothing asked; what this returns beside has to be driven along with the read.
    pub(crate) fn new(
        asker: &'a Asker<'a>,
        reader: &'a PageReader,
    ) -> (Self, impl Future<Output = Infallible> + Send + 'a) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { asker, reader, ahead: VecDeque::new(), begin: sender }, drive(receiver))
    }

    /// Returns the pages of a window, if it is asked for.
    pub(crate) fn take(&mut self, known_by: &(Changes, Value)) -> Option<mpsc::Receiver<Fetched>> {
        let at = self.ahead.iter().position(|window| window.known_by == *known_by)?;
        // Those before it were left out.
        self.ahead.drain(..at);
        self.ahead.pop_front().map(|window| window.pages)
    }

    /// Asks for windows to come, as far as that was not done.
    pub(crate) fn ask(&mut self, to_come: Vec<(Changes, Value)>) {
        for known_by in to_come {
            if self.ahead.iter().any(|window| window.known_by == known_by) {
                continue;
            }
            let (sender, pages) = mpsc::channel(WAITING);
            let job = fetch(self.asker, self.reader, known_by.clone(), sender);
            if self.begin.send(Box::pin(job)).is_ok() {
                self.ahead.push_back(Window { known_by, pages });
            }
        }
    }
}

/// Asks for what is begun, all at once.
async fn drive(mut begun: mpsc::UnboundedReceiver<BoxFuture<'_, ()>>) -> Infallible {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(job) = begun.recv() => under_way.push(job),
            Some(()) = under_way.next() => {}
            else => std::future::pending().await,
        }
    }
}

/// Asks for the pages of a window, one after another, until it is at its end or something is wrong: whoever takes them finds out what.
async fn fetch(
    asker: &Asker<'_>,
    reader: &PageReader,
    (sent, window): (Changes, Value),
    waiting: mpsc::Sender<Fetched>,
) {
    let (base, nothing) = (asker.base.with("window", window), Changes::default());
    let asker = Asker { base: &base, sent: &sent, conditions: &nothing, ..*asker };
    let first = base.with("params", asker.params.clone());
    let Ok(mut pager) = reader.paging.as_ref().map(|paging| Pager::new(Arc::clone(paging), &first)).transpose() else {
        return;
    };
    let mut changes = pager.as_ref().map(Pager::first).unwrap_or_default();
    let mut slots = Slots::default();
    for number in 1.. {
        let came = asker.ask(&changes, number).await;
        let next = match (&came, &mut pager) {
            (Ok(came), Some(pager)) => next(came, reader, pager, &mut slots),
            _ => None,
        };
        if waiting.send((changes, came)).await.is_err() {
            return;
        }
        match next {
            Some(next) => changes = next,
            None => return,
        }
    }
}

/// Finds what the next page is asked for by.
fn next(came: &Came, reader: &PageReader, pager: &mut Pager, slots: &mut Slots) -> Option<Changes> {
    let Came { outcome: Some(Outcome::Answer(exchanged)), scope, .. } = came else { return None };
    let records = reader.read(&exchanged.answer, &exchanged.beside, scope, slots).ok()?;
    let page = Page {
        request: &exchanged.request,
        answer: &exchanged.answer,
        text: records.text(),
        slots: Some(&*slots),
        count: records.len(),
        last: records.last().map_or(Last::None, Last::Raw),
        fingerprint: records.fingerprint(),
    };
    match pager.next(&page, scope) {
        Ok(Next::Request(changes)) => Some(changes),
        Ok(Next::End) | Err(_) => None,
    }
}
