//! Gathering items for a target that takes several at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use engine_expr::{Scope, Value};
use engine_plan::Target;
use engine_spec::BatchSize;
use futures_util::stream::{self, Stream, StreamExt};
use jiff::Timestamp;

use super::begun::{self, Begun, Gathered};
use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::{Item, Json, Origin};
use crate::journal::Journal;
use crate::machine::{Event, WrittenUnit};
use crate::shape::Shaped;
use crate::site::Site;
use crate::written::{Known, text_of, units_of};

/// How many bytes of a list are its brackets.
const BRACKETS: u64 = 2;

/// Gathers the items of a step.
pub(crate) struct Gather {
    site: Site,
    /// How many; without it all there are.
    size: Option<usize>,
    bytes: Option<u64>,
    within: Option<Duration>,
    items: Vec<Item>,
    scopes: Vec<Scope>,
    claim: Claim,
    /// How many bytes of JSON there are, as a list.
    length: u64,
    /// When the first item came.
    since: Option<Timestamp>,
    /// How many batches there were.
    batches: u64,
    /// What was in batches that were done before the run was taken up again, though not all of their pages were.
    done: Known,
    /// Those that were begun then.
    begun: Begun,
    /// The number of the next one that is written down.
    number: u64,
    /// Where batches that are done are written down, and those that begin.
    journal: Option<(Journal, String)>,
}

impl Gather {
    /// Makes what gathers the items of a step, if it says so.
    ///
    /// # Errors
    ///
    /// Fails where a limit can't be evaluated.
    pub(crate) fn new(site: &Site) -> Result<Option<Self>, Failure> {
        let Some(batch) = &site.step.batch else { return Ok(None) };
        let count = match &batch.size {
            BatchSize::All => None,
            BatchSize::Count(count) => Some(usize::try_from(count.resolve(&site.base)?.max(1)).unwrap_or(usize::MAX)),
        };
        let most = batch.bytes.as_ref().map(|bytes| bytes.resolve(&site.base)).transpose()?;
        let period = batch.within.as_ref().map(|time| time.resolve(&site.base)).transpose()?;
        // What steps within others gather is gathered anew with its item; and a sink knows itself what was written to it.
        let is_journaled = site.frame.is_top() && !matches!(site.step.target, Target::Write(_));
        let journal = Some(&site.context().journal).filter(|journal| is_journaled && journal.is_kept());
        let journal = journal.map(|journal| (journal.clone(), format!("batches of {}", site.address())));
        let (mut done, mut begun) = (Known::default(), Begun::default());
        if let Some((journal, name)) = journal.as_ref().filter(|(journal, _)| journal.is_resumed()) {
            let units = |name: &str| journal.ask(|machine| machine.file(name).map(|file| file.units.clone()));
            let known = units(name).unwrap_or_default();
            begun = Begun::read(&units(&begun_name(name)).unwrap_or_default(), &known);
            done = Known::of_journal(&known);
        }
        Ok(Some(Self {
            site: site.clone(),
            done,
            number: begun.next(),
            begun,
            journal,
            size: count,
            bytes: most.map(engine_request::Size::bytes),
            within: period.map(engine_request::Period::duration),
            items: Vec::new(),
            scopes: Vec::new(),
            claim: Claim::none(),
            length: BRACKETS,
            since: None,
            batches: 0,
        }))
    }

    /// Takes items, and returns the batches that are full with them.
    pub(crate) fn take(&mut self, shaped: Shaped) -> Result<Vec<Shaped>, Failure> {
        let Shaped { items, scopes, claim, .. } = shaped;
        let mut full = Vec::new();
        let together = items.first().and_then(|item| item.origin.together.as_ref());
        // What failed as one batch is sent again as that, under its key.
        let is_whole = together.is_some_and(|step| step == self.site.address());
        if is_whole {
            full.extend(self.rest()?);
        }
        let mut scopes = scopes.into_iter();
        let mut is_held = false;
        let turn = self.site.turn();
        for item in items {
            let scope = scopes.next();
            if self.done.take(&item, &turn) {
                continue;
            }
            if !is_whole && !self.begun.is_empty() {
                if let Some(place) = self.begun.find(&item, &turn) {
                    let whole = self.begun.put(place, item, scope, &claim);
                    full.extend(whole.map(|whole| self.made(whole)).transpose()?);
                    continue;
                }
                if self.begun.are_past(&item) {
                    full.extend(self.parts()?);
                }
            }
            let length = item.current.text().len() as u64;
            // One that is too large by itself goes alone.
            if !is_whole && self.bytes.is_some_and(|most| !self.items.is_empty() && self.length + 1 + length > most) {
                full.extend(self.rest()?);
                is_held = false;
            }
            if !is_held {
                self.claim.join(claim.clone());
                is_held = true;
            }
            if self.items.is_empty() {
                self.since = Some(self.site.context().exchanges.now());
            }
            // With the comma before it.
            self.length += length + u64::from(!self.items.is_empty());
            self.items.push(item);
            self.scopes.extend(scope);
            let is_full = self.size.is_some_and(|size| self.items.len() >= size);
            if !is_whole && (is_full || self.bytes.is_some_and(|most| self.length >= most)) {
                full.extend(self.rest()?);
                is_held = false;
            }
        }
        if is_whole {
            full.extend(self.rest()?);
        }
        claim.settle();
        Ok(full)
    }

    /// Returns the batch that is not full, if there is anything in it.
    pub(crate) fn rest(&mut self) -> Result<Option<Shaped>, Failure> {
        if self.items.is_empty() {
            return Ok(None);
        }
        let items = std::mem::take(&mut self.items);
        let scopes = std::mem::take(&mut self.scopes);
        let claim = std::mem::take(&mut self.claim);
        self.length = BRACKETS;
        self.since = None;
        // Where all of the stream is one batch, what has come to it since belongs to it too; and what comes of no page is there as it was.
        let is_open = self.size.is_none() && self.bytes.is_none() && self.within.is_none();
        let has_page = items.first().is_some_and(|item| item.page().is_some());
        if let (Some((journal, name)), false, true) = (&self.journal, is_open, has_page) {
            let units = begun::written(&items, &self.site.turn(), self.number);
            self.number += 1;
            journal.event(Event::Written { file: begun_name(name), length: None, units });
        }
        self.made(Gathered { items, scopes, claim }).map(Some)
    }

    /// Returns the batches at the end: those that were begun before the run was taken up again and are not whole, and the last.
    pub(crate) fn end(&mut self) -> Result<Vec<Shaped>, Failure> {
        let mut made = self.parts()?;
        made.extend(self.rest()?);
        Ok(made)
    }

    /// Returns what has come of batches that were begun before the run was taken up again, and are not whole.
    fn parts(&mut self) -> Result<Vec<Shaped>, Failure> {
        self.begun.rest().into_iter().map(|batch| self.made(batch)).collect()
    }

    /// Makes a batch.
    fn made(&mut self, Gathered { items, scopes, claim }: Gathered) -> Result<Shaped, Failure> {
        let claim = self.written(&items, claim);
        self.batches += 1;
        // A sink takes records, many at once.
        if matches!(self.site.step.target, Target::Write(_)) {
            return Ok(Shaped { items, scopes, claim, ..Shaped::default() });
        }
        let mut text = Vec::with_capacity(items.iter().map(|item| item.current.text().len() + 1).sum::<usize>() + 1);
        let mut values = Vec::with_capacity(items.len());
        for item in &items {
            text.push(if text.is_empty() { b'[' } else { b',' });
            text.extend_from_slice(item.current.text().as_bytes());
            values.push(item.value()?);
        }
        text.push(b']');
        let scope = self.site.base.with("batch", Value::list(values));
        let first = items.first().map(|item| &item.origin);
        let origin = Origin {
            stream: first.map(|origin| Arc::clone(&origin.stream)).unwrap_or_default(),
            response: first.and_then(|origin| origin.response.clone()),
            place: self.site.step.span,
            batch: Some(Arc::new(items)),
            ..Origin::default()
        };
        let item = Item::new(Json::written(text), None, Arc::new(origin), self.batches);
        Ok(Shaped { items: vec![item], scopes: vec![scope], claim, ..Shaped::default() })
    }

    /// Writes down that a batch is done before its pages may count as delivered: a page may be in two batches.
    fn written(&self, items: &[Item], claim: Claim) -> Claim {
        let Some((journal, name)) = self.journal.clone() else { return claim };
        let units: Vec<WrittenUnit> = units_of(items.iter(), &self.site.turn())
            .into_iter()
            .map(|(page, items)| WrittenUnit { page, items: text_of(&items) })
            .collect();
        Claim::on(move || {
            journal.event(Event::Written { file: name, length: None, units });
            claim.settle();
        })
    }

    /// Returns how long until what was gathered goes on, full or not.
    pub(crate) fn due(&self) -> Option<Duration> {
        let (since, within) = (self.since?, self.within?);
        let passed = Duration::try_from(self.site.context().exchanges.now().duration_since(since)).unwrap_or_default();
        Some(within.saturating_sub(passed))
    }

    /// Makes batches of a stream.
    pub(crate) fn stream<'a>(
        self,
        shaped: impl Stream<Item = Result<Shaped, Failure>> + Send + 'a,
    ) -> impl Stream<Item = Result<Shaped, Failure>> + Send + 'a {
        let state = (Box::pin(shaped), self, VecDeque::new(), false);
        stream::unfold(state, |(mut shaped, mut gather, mut ready, mut has_ended)| async move {
            loop {
                if let Some(batch) = ready.pop_front() {
                    return Some((Ok(batch), (shaped, gather, ready, has_ended)));
                }
                if has_ended {
                    return None;
                }
                let next = match gather.due() {
                    None => Some(shaped.next().await),
                    Some(due) => {
                        let clock = Arc::clone(&gather.site.context().exchanges.world().clock);
                        tokio::select! {
                            next = shaped.next() => Some(next),
                            () = clock.sleep(due) => None,
                        }
                    }
                };
                let made = match next {
                    Some(Some(Ok(shaped))) => gather.take(shaped),
                    Some(Some(Err(failure))) => Err(failure),
                    Some(None) => {
                        has_ended = true;
                        gather.end()
                    }
                    None => gather.rest().map(|rest| rest.into_iter().collect()),
                };
                match made {
                    Ok(made) => ready.extend(made),
                    Err(failure) => return Some((Err(failure), (shaped, gather, ready, true))),
                }
            }
        })
    }
}

/// Names where batches that begin are written down, by where those are that are done.
fn begun_name(done: &str) -> String {
    format!("begun {done}")
}
