//! Where a step runs: what all parts of it share.

use std::sync::Arc;

use engine_expr::{Scope, Setting};
use engine_plan::{OnError, Step};
use engine_spec::ItemAction;

use crate::failure::Failure;
use crate::frame::Frame;
use crate::idempotency::idempotency_key;
use crate::item::Item;
use crate::report::Event;
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
        let total = self.context().book.tally(&rank, &address, &self.context().observer);
        self.context().book.started(&rank);
        let own = &case.on_error;
        let says_nothing = own.action == ItemAction::Fail && own.retry.is_none() && own.steps.is_empty();
        Self {
            step: Arc::clone(case),
            tally: Arc::new(total.part()),
            on_error: if says_nothing { Arc::clone(&self.on_error) } else { Arc::new(own.clone()) },
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
    /// What is done because the run failed, or at its end, is done again when it fails again.
    pub(crate) fn key(&self, item: &Item) -> String {
        let context = self.context();
        let of_the_end = ["on_failure/", "finally/"].iter().any(|part| self.address().starts_with(part));
        match context.journal.ask(|machine| machine.attempt()) {
            attempt if of_the_end && attempt > 1 => {
                idempotency_key(&format!("{}#{attempt}", context.key), self.address(), item)
            }
            _ => idempotency_key(&context.key, self.address(), item),
        }
    }

    /// Tells whether an item, or one of a batch, is of a dead letter that is sent again: it is kept again if it fails again.
    pub(crate) fn is_retried(&self, item: &Item) -> bool {
        let context = self.context();
        context.options.retry.as_ref().is_some_and(|retry| {
            let key = |item: &Item| idempotency_key(&context.key, self.address(), item);
            self.members(item).iter().any(|item| retry.letter(&key(item)).is_some())
        })
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
