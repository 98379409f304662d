//! Asking for the pages of one read: one after another, or several at once where it is known what the next ones are.

use std::sync::Arc;

use engine_expr::{Scope, Value};
use engine_plan::Read;
use engine_request::{Changes, Draft, Pager, Prepared};
use futures_util::stream::{FuturesOrdered, StreamExt};
use tokio::sync::mpsc;

use crate::body::Takes;
use crate::exchange::{Asked, Outcome, is_read_only};
use crate::failure::Failure;
use crate::frame::Frame;
use crate::report::Event;
use crate::run::RunContext;
use crate::tally::Tally;
use crate::windows::Fetched;
use crate::world::BoxFuture;

/// Asks for the pages of one read.
pub(crate) struct Asker<'a> {
    pub(crate) context: &'a RunContext,
    pub(crate) frame: &'a Frame,
    pub(crate) tally: &'a Arc<Tally>,
    pub(crate) read: &'a Read,
    pub(crate) base: &'a Scope,
    /// The names that the read's own query and headers may use.
    pub(crate) item_scope: &'a Scope,
    pub(crate) params: &'a Value,
    /// What every request of the read sends, beside what each page changes.
    pub(crate) sent: &'a Changes,
    /// What the first one sends beside.
    pub(crate) conditions: &'a Changes,
    /// Whether there is more than one page, so that messages number them.
    pub(crate) has_pages: bool,
    /// What is done with the body of a page.
    pub(crate) takes: &'a Takes,
}

/// A page that was asked for, and what came.
pub(crate) struct Came {
    /// What came of it; nothing where a dry run does not ask.
    pub(crate) outcome: Option<Outcome>,
    /// The names that the endpoint's templates may use for this page.
    pub(crate) scope: Scope,
    /// What follows the URL in messages: `, page 3`.
    pub(crate) place: String,
}

impl Asker<'_> {
    /// Asks for one page.
    pub(crate) async fn ask(&self, changes: &Changes, number: u64) -> Result<Came, Failure> {
        let endpoint = &self.read.endpoint;
        let scope = self.base.with("params", changes.params(&self.sent.params(self.params)));
        let place = if self.has_pages { format!(", page {number}") } else { String::new() };
        let make = |scope: &Scope| {
            let mut draft = self.draft(scope)?;
            self.sent.apply(&mut draft)?;
            if number == 1 {
                self.conditions.apply(&mut draft)?;
            }
            changes.apply(&mut draft).map_err(|error| {
                let failure = Failure::from(error);
                Failure { message: format!("{draft:?}{place}: can't be asked for: {}", failure.message), ..failure }
            })?;
            self.context.find_files(&mut draft)?;
            if self.context.options.dry_run && !is_read_only(draft.method()) {
                let message =
                    format!("would read by {} {}, which a dry run does not send", draft.method(), endpoint.id());
                self.tally.event(Event::Log { step: Arc::clone(self.tally.step()), message });
                return Ok(None);
            }
            Ok(Some(draft))
        };
        let (outcome, scope) = self.context.exchanges.send(&self.asked(&scope, &place), make).await?;
        Ok(Came { outcome, scope, place })
    }

    /// Makes the request of a page as it would be sent, but for the proof of who is asking.
    pub(crate) async fn prepared(&self, base: &Scope, sent: &Changes, changes: &Changes) -> Result<Prepared, Failure> {
        let scope = base.with("params", changes.params(&sent.params(self.params)));
        let scope = self.context.exchanges.with_auth(&self.asked(&scope, "")).await?;
        let mut draft = self.draft(&scope)?;
        sent.apply(&mut draft)?;
        changes.apply(&mut draft)?;
        Ok(draft.finish()?)
    }

    fn asked<'s>(&'s self, scope: &'s Scope, place: &'s str) -> Asked<'s> {
        Asked {
            endpoint: &self.read.endpoint,
            scope,
            tally: self.tally,
            stop: &self.frame.stop,
            span: self.read.span,
            place,
            has_key: false,
            takes: self.takes,
            without: &[],
            once: None,
        }
    }

    /// Begins a request: what the endpoint says, and over it what the read says.
    fn draft(&self, scope: &Scope) -> Result<Draft, Failure> {
        let mut draft = self.context.exchanges.draft(&self.read.endpoint, scope)?;
        draft.set_query(&self.read.query, self.item_scope)?;
        draft.set_headers(&self.read.headers, self.item_scope)?;
        Ok(draft)
    }
}

/// Pages that are asked for before it is their turn.
pub(crate) struct Ahead<'a> {
    asker: &'a Asker<'a>,
    /// How many may be asked for at once.
    at_once: usize,
    under_way: FuturesOrdered<BoxFuture<'a, (Changes, Result<Came, Failure>)>>,
    /// Those that come already, since their window was asked for along with one before it.
    coming: Option<mpsc::Receiver<Fetched>>,
}

impl<'a> Ahead<'a> {
    /// Begins with nothing asked but what is coming.
    pub(crate) fn new(asker: &'a Asker<'a>, at_once: usize, coming: Option<mpsc::Receiver<Fetched>>) -> Self {
        Self { asker, at_once, under_way: FuturesOrdered::new(), coming }
    }

    /// Returns the page that these changes ask for.
    pub(crate) async fn take(&mut self, changes: &Changes, number: u64) -> Result<Came, Failure> {
        if let Some(coming) = &mut self.coming {
            match coming.recv().await {
                Some((asked, came)) if asked == *changes => return came,
                // The answers led elsewhere, or ended.
                _ => self.coming = None,
            }
        }
        match self.under_way.next().await {
            Some((asked, came)) if asked == *changes => return came,
            None => {}
            // The answers led elsewhere: what was asked for ahead is of no use.
            Some(_) => self.under_way = FuturesOrdered::new(),
        }
        self.asker.ask(changes, number).await
    }

    /// Asks for the pages after the one of this number, as far as they are known and needed.
    pub(crate) fn plan(&mut self, pager: &Pager, number: u64, needed: u64) {
        if self.at_once < 2 || self.coming.is_some() {
            return;
        }
        let count = self.at_once.min(usize::try_from(needed).unwrap_or(usize::MAX));
        let next = pager.ahead(count).into_iter().zip(number + 1..).skip(self.under_way.len());
        for (changes, number) in next {
            let asker = self.asker;
            self.under_way.push_back(Box::pin(async move {
                let came = asker.ask(&changes, number).await;
                (changes, came)
            }));
        }
    }
}
