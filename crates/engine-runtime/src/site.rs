//! Where a step runs: what all parts of it share.

use std::sync::Arc;

use engine_expr::{Scope, Setting};
use engine_plan::{OnError, Step};
use engine_spec::ItemAction;

use crate::failure::Failure;
use crate::frame::Frame;
use crate::idempotency::idempotency_key;
use crate::item::Item;
use crate::letter::Letter;
use crate::report::Event;
use crate::retry::Retrying;
use crate::run::RunContext;
use crate::tally::Tally;

/// A step, the block in which it runs, and the names that it may use.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) frame: Arc<Frame>,
    pub(crate) step: Arc<Step>,
    pub(crate) base: Scope,
    pub(crate) tally: Arc<Tally>,
    /// What becomes of items that fail: in a case that says nothing, what its `switch` says.
    pub(crate) on_error: Arc<OnError>,
    /// Counts what becomes of them: for the step that says it.
    pub(crate) decides: Arc<Tally>,
    /// How many items are worked on at once; the same of a case.
    pub(crate) concurrency: Option<Setting<u32>>,
    /// Whether anybody takes what the step hands on.
    pub(crate) is_taken: bool,
}

impl Site {
    /// Returns what all steps of the flow share.
    pub(crate) fn context(&self) -> &Arc<RunContext> {
        &self.frame.context
    }

    /// Returns what tells the step from all others of a run.
    pub(crate) fn address(&self) -> &Arc<str> {
        self.tally.step()
    }

    /// Returns the records that an item of this step stands for: those of a batch that it has gathered, else itself.
    pub(crate) fn members<'i>(&self, item: &'i Item) -> &'i [Item] {
        if self.step.batch.is_some() { item.members() } else { std::slice::from_ref(item) }
    }

    /// Makes the site of a case, which runs in the place of this step.
    pub(crate) fn of_case(&self, case: &Arc<Step>) -> Self {
        let (rank, address) = (self.frame.rank(case), self.frame.address(case));
        let total = self.context().book.tally(&rank, &address, self.context());
        self.context().book.started(&rank);
        let tally = Arc::new(total.part());
        let says_nothing =
            |own: &OnError| own.action == ItemAction::Fail && own.retry.is_none() && own.steps.is_empty();
        let is_decided_here = !says_nothing(&case.on_error) || says_nothing(&self.on_error);
        Self {
            step: Arc::clone(case),
            decides: Arc::clone(if is_decided_here { &tally } else { &self.decides }),
            tally,
            on_error: if is_decided_here { Arc::new(case.on_error.clone()) } else { Arc::clone(&self.on_error) },
            concurrency: case.concurrency.clone().or_else(|| self.concurrency.clone()),
            ..self.clone()
        }
    }

    /// Returns how many items are worked on at once.
    ///
    /// # Errors
    ///
    /// Fails where the template does.
    pub(crate) fn concurrency(&self) -> Result<usize, Failure> {
        Ok(match &self.concurrency {
            Some(concurrency) => concurrency.resolve(&self.base)?.max(1) as usize,
            None => 1,
        })
    }

    /// Returns the key of what the step does for an item: the same whenever the run is taken up again.
    ///
    /// What was undone is done anew, and what is done at the end of a run that failed is done again when it fails again.
    pub(crate) fn key(&self, item: &Item) -> String {
        self.key_of(&self.again(item), item)
    }

    /// Returns how often what is done for an item was undone: nothing where it is done for the first time.
    pub(crate) fn again(&self, item: &Item) -> Arc<str> {
        let before = &self.frame.again;
        if let Some(retrying) = self.retrying(item) {
            return retrying.again();
        }
        match self.times(item) {
            0 => Arc::clone(before),
            times => format!("{before}+{}.{times}", self.address()).into(),
        }
    }

    /// Returns how often what the step had done for an item was undone, in this run and before the dead letter was kept that is sent again:
    /// its own, or that of an item around.
    pub(crate) fn times(&self, item: &Item) -> u32 {
        if self.on_error.steps.is_empty() {
            return 0;
        }
        let (key, trail) = (self.key_of(&self.frame.again, item), self.frame.trail());
        let before = self.letter(item).map_or(0, |letter| letter.content().undone);
        let within = trail.map_or(0, |trail| trail.times_before(&key));
        let times = before.max(within) + self.context().journal.times(&key);
        if let Some(trail) = trail.filter(|_| times > 0) {
            trail.undone(&key, times);
        }
        times
    }

    /// Returns what tells one run of these steps from others: of a flow within another for which item it runs, and how often it was undone.
    pub(crate) fn turn(&self) -> String {
        let context = self.context();
        let of_flow = if context.key == context.id { "" } else { context.key.as_str() };
        format!("{of_flow}{}", self.frame.again)
    }

    /// Writes down that what was done for an item was undone.
    ///
    /// # Errors
    ///
    /// Fails where that can't be kept.
    pub(crate) async fn undone(&self, item: &Item) -> Result<(), Failure> {
        let journal = &self.context().journal;
        journal.anew(&self.key_of(&self.frame.again, item), item);
        journal.flush().await?;
        // Whoever sends the dead letter of an item around has to know.
        self.times(item);
        Ok(())
    }

    fn key_of(&self, again: &str, item: &Item) -> String {
        idempotency_key(&format!("{}{again}", self.context().key), self.address(), item)
    }

    /// Tells whether an item, or one of a batch, is of a dead letter that is sent again: it is kept again if it fails again.
    pub(crate) fn is_retried(&self, item: &Item) -> bool {
        self.letter(item).is_some()
    }

    /// Returns the dead letter that is sent again, where an item, or one of a batch, is of one.
    pub(crate) fn letter(&self, item: &Item) -> Option<&Letter> {
        let context = self.context();
        let retry = context.options.retry.as_ref()?;
        let key = |item: &Item| idempotency_key(&context.key, self.address(), item);
        self.members(item).iter().find_map(|item| retry.letter(&key(item)))
    }

    /// Returns the dead letters of steps within this one that are taken up again for an item, which itself did not fail.
    pub(crate) fn retrying(&self, item: &Item) -> Option<Retrying> {
        self.frame.retrying()?.within(self, item)
    }

    /// Says something.
    pub(crate) fn log(&self, message: &str) {
        let message = self.context().redact(message);
        self.tally.event(Event::Log { step: Arc::clone(self.address()), message });
    }

    /// Tells that records were left out, and why.
    pub(crate) fn reject(&self, failure: &Failure, records: u64) {
        self.context().reject(self.address(), failure, records);
    }
}
