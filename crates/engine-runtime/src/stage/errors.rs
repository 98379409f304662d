//! What becomes of items that fail: tried again, undone, left out, kept aside, or the end of the step.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::{Scope, Value};
use engine_request::{Attempt, Decision, Method, Outcome, RetryOn};
use engine_spec::ItemAction;
use jiff::Timestamp;

use super::each::Work;
use crate::failure::Failure;
use crate::item::Item;
use crate::letter::InBatch;
use crate::letters::Failed;
use crate::needs::whole_scope;
use crate::report::{Counts, Event};
use crate::site::Site;
use crate::tally::Tally;
use crate::trail::{KeptWithin, Trail};

/// Decides about the items of a step that fail.
pub(crate) struct Errors {
    site: Site,
    /// Whether what fails are reads, each under an item that came to the step.
    is_reading: bool,
    /// Whether what fails are items that can't be taken apart.
    is_whole: bool,
}

/// How often an item was tried, and since when.
pub(crate) struct Tries {
    number: u32,
    began: Timestamp,
}

impl Errors {
    /// Decides as the step says.
    pub(crate) fn new(site: &Site) -> Self {
        Self { site: site.clone(), is_reading: false, is_whole: false }
    }

    /// Decides as the step says, about reads.
    pub(crate) fn of_reads(site: &Site) -> Self {
        Self { is_reading: true, ..Self::new(site) }
    }

    /// Decides as the step says, about items that are taken apart.
    pub(crate) fn of_wholes(site: &Site) -> Self {
        Self { is_whole: true, ..Self::new(site) }
    }

    /// Begins with an item.
    pub(crate) fn begin(&self) -> Tries {
        Tries { number: 1, began: self.site.context().exchanges.now() }
    }

    /// Waits until an item is to be tried again; tells whether it is at all.
    pub(crate) async fn again(&self, failure: &Failure, scope: &Scope, tries: &mut Tries) -> Result<bool, Failure> {
        let Some(retry) = &self.site.on_error.retry else { return Ok(false) };
        if failure.is_interruption() || failure.is_fatal {
            return Ok(false);
        }
        let policy = retry.resolve(scope)?;
        let exchanges = &self.site.context().exchanges;
        let covers = |on: &RetryOn| match on {
            RetryOn::Status(pattern) => failure.status().is_some_and(|status| pattern.matches(status)),
            RetryOn::Timeout => failure.code == "timeout",
            RetryOn::Connect => failure.code == "connection",
        };
        if !policy.on().is_none_or(|on| on.iter().any(covers)) {
            return Ok(false);
        }
        let now = exchanges.now();
        let elapsed = Duration::try_from(now.duration_since(tries.began)).unwrap_or_default();
        // What is tried again here are steps, whose requests carry the same keys each time.
        let attempt = Attempt { number: tries.number, elapsed, method: Method::Get, has_key: true };
        let random = exchanges.world().clock.random();
        let Decision::After(wait) = policy.again(&attempt, Outcome::Connect, None, scope, now, random)? else {
            return Ok(false);
        };
        tries.number += 1;
        self.site.tally.event(Event::Retrying {
            step: Arc::clone(self.site.address()),
            what: self.site.context().redact(&failure.message),
            wait,
            attempt: tries.number,
        });
        self.site.tally.count_of(None, |counts| counts.retries += 1);
        if exchanges.sleep(wait, &self.site.frame.stop).await { Ok(true) } else { Err(Failure::interrupted()) }
    }

    /// Ends the work on an item that failed: undoes what was done, then leaves it out.
    ///
    /// # Errors
    ///
    /// Gives the failure back where the item must not be left out.
    pub(crate) async fn settle(&self, item: &Item, scope: &Scope, failure: Failure) -> Result<(), Failure> {
        self.end(item, scope, None, failure).await
    }

    /// Ends the work on an item that failed, for which steps may have done something.
    ///
    /// # Errors
    ///
    /// Gives the failure back where the item must not be left out.
    pub(crate) async fn settle_work(&self, work: &Work, failure: Failure) -> Result<(), Failure> {
        self.end(&work.item, &work.scope, work.trail.as_deref(), failure).await
    }

    async fn end(&self, item: &Item, scope: &Scope, trail: Option<&Trail>, failure: Failure) -> Result<(), Failure> {
        if failure.is_interruption() {
            return Err(failure);
        }
        let failure = failure.about(item);
        // Of an item within which only dead letters are taken up again the rest was done: it stays so, and they are still there.
        let is_around = self.site.retrying(item).is_some();
        if !is_around {
            self.undo(item, scope, &failure).await;
        }
        if failure.is_fatal || self.site.on_error.action == ItemAction::Fail {
            self.site.decides.count(self.site.members(item), |counts, number| counts.failed += number);
            return Err(failure);
        }
        let failure = failure.gone_on();
        if is_around {
            self.site.decides.count(self.site.members(item), |counts, number| counts.failed += number);
            self.site.reject(&failure, 1);
            return Ok(());
        }
        if self.site.on_error.action == ItemAction::DeadLetter || self.site.is_retried(item) {
            self.keep(item, &failure, trail, &self.site.decides).await?;
        } else {
            self.site.decides.count(self.site.members(item), |counts, number| counts.failed += number);
        }
        self.site.reject(&failure, self.site.members(item).len() as u64);
        Ok(())
    }

    /// Keeps an item as a dead letter, or each of a batch, and counts it for the step that says so.
    pub(crate) async fn keep_aside(&self, item: &Item, failure: &Failure, decides: &Arc<Tally>) -> Result<(), Failure> {
        self.keep(item, failure, None, decides).await
    }

    async fn keep(
        &self,
        item: &Item,
        failure: &Failure,
        trail: Option<&Trail>,
        decides: &Arc<Tally>,
    ) -> Result<(), Failure> {
        let context = self.site.context();
        let (is_reading, is_whole, within) = (self.is_reading, self.is_whole, self.site.frame.around());
        // It came to the step as it is.
        let as_it_came = (is_reading || is_whole).then(|| Item { taken: None, ..item.clone() });
        let members = as_it_came.as_ref().map_or_else(|| self.site.members(item), std::slice::from_ref);
        let key = (as_it_came.is_none() && item.origin.batch.is_some() && self.site.step.batch.is_some())
            .then(|| self.site.key(item));
        for (at, member) in members.iter().enumerate() {
            let batch = key.clone().map(|key| InBatch { key, of: members.len(), at });
            let failed = Failed {
                context,
                within: within.clone(),
                step: self.site.address(),
                item: member,
                batch,
                is_reading,
                is_whole,
                undone: self.site.times(item),
                // Those of a batch are sent again together, by the first of its letters.
                trail: trail.filter(|_| at == 0),
                failure,
            };
            let kept = context.letters.keep(failed).await?;
            decides.count(std::slice::from_ref(member), |counts, number| counts.dead_lettered += number);
            if let (Some(key), Some(around)) = (kept, self.site.frame.trail()) {
                around.kept(KeptWithin { key, decides: Arc::clone(decides), page: member.page().cloned() });
            }
        }
        Ok(())
    }

    /// Takes back dead letters whose items come again.
    pub(crate) async fn forget(&self, letters: Vec<KeptWithin>) -> Result<(), Failure> {
        let context = self.site.context();
        for KeptWithin { key, decides, page } in letters {
            context.letters.forget(context, &key).await?;
            let less = |counts: &mut Counts| counts.dead_lettered = counts.dead_lettered.saturating_sub(1);
            match &page {
                Some(page) => decides.count_of(Some(page), less),
                None => decides.add(less),
            }
            context.book.take_back(1);
        }
        Ok(())
    }

    /// Runs the steps that undo what was done. What fails in them is told, and what failed first stays what counts.
    async fn undo(&self, item: &Item, scope: &Scope, failure: &Failure) {
        let steps = &self.site.on_error.steps;
        if steps.is_empty() {
            return;
        }
        let base = match whole_scope(scope, item) {
            Ok(base) => base.with("error", self.error(failure)),
            Err(_) => return,
        };
        // Whatever stops the steps around, what was done is undone.
        let frame = self.site.frame.within(&self.site.step, steps, base, Arc::new(item.clone())).ending();
        let done = match Arc::new(frame.again(self.site.again(item))).run().await {
            Ok(()) => self.site.undone(item).await,
            failed => failed,
        };
        if let Err(undone) = done
            && !undone.is_interruption()
        {
            let undone = undone.about(item);
            self.site.context().tell(self.site.address(), &undone);
        }
    }

    fn error(&self, failure: &Failure) -> Value {
        let context = self.site.context();
        let status = failure.status();
        Value::object([
            ("kind", Value::from(failure.kind())),
            ("status", status.map_or(Value::Null, |status| Value::from(u64::from(status)))),
            ("message", Value::from(context.redact(&failure.message))),
            ("step", Value::from(failure.step().unwrap_or(self.site.address()))),
        ])
    }
}
