//! Keeping dead letters.

use std::collections::BTreeMap;

use engine_expr::{Scope, Value};
use engine_plan::Plan;
use engine_source::Span;

use crate::around::Around;
use crate::failure::Failure;
use crate::idempotency::idempotency_key;
use crate::item::Item;
use crate::letter::{Content, InBatch, KeptError, KeptItem, VERSION};
use crate::run::RunContext;
use crate::state::Kind;
use crate::trail::Trail;
use crate::world::BoxFuture;

/// How many bytes a letter may have, with the record in each of its forms, and those above it.
const MAX_LETTER: usize = 64 << 20;

/// A record that failed in a step.
pub(crate) struct Failed<'a> {
    pub(crate) context: &'a RunContext,
    /// What the step ran within, outermost first.
    pub(crate) within: Vec<Around>,
    /// The address of the step.
    pub(crate) step: &'a str,
    pub(crate) item: &'a Item,
    /// The batch that it was sent in.
    pub(crate) batch: Option<InBatch>,
    /// Whether it was a read under the item that failed.
    pub(crate) is_reading: bool,
    /// Whether it could not be taken apart.
    pub(crate) is_whole: bool,
    /// How often what the step had done for it was undone.
    pub(crate) undone: u32,
    /// What the steps within it had done for it.
    pub(crate) trail: Option<&'a Trail>,
    pub(crate) failure: &'a Failure,
}

/// Keeps records that failed.
pub(crate) trait DeadLetters: Send + Sync {
    /// Keeps a record: once this returns, it is on disk. Returns the key of its letter, if there is one.
    fn keep<'a>(&'a self, failed: Failed<'a>) -> BoxFuture<'a, Result<Option<String>, Failure>>;

    /// Removes the letter of a record that comes again.
    fn forget<'a>(&'a self, context: &'a RunContext, key: &'a str) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Keeps them in the state store, encrypted.
///
/// The key is that of the request that the record would have been sent with, so that one that fails again when its run is gone on with, or
/// when it is retried, is not kept twice.
pub(crate) struct StoredLetters {
    /// The flow that was started: flows within it have no runs of their own.
    flow: String,
    spec: String,
    inputs: String,
    trigger: Option<String>,
}

impl StoredLetters {
    /// Keeps the letters of a flow that was started with these names.
    pub(crate) fn new(plan: &Plan, base: &Scope, trigger: Option<&Value>) -> Self {
        Self {
            flow: plan.name.clone(),
            spec: plan.path.display().to_string(),
            inputs: base.get("inputs").map_or_else(|| "{}".to_owned(), Value::to_json),
            trigger: trigger.map(Value::to_json),
        }
    }

    /// Writes down what failed.
    fn content(&self, failed: &Failed<'_>, key: &str) -> Content {
        let Failed { context, within, step, item, batch, is_reading, is_whole, undone, trail, failure } = failed;
        let exchange = failure.exchange();
        let before = context.options.retry.as_ref().and_then(|retry| retry.letter(key));
        Content {
            version: VERSION,
            flow: self.flow.clone(),
            spec: self.spec.clone(),
            run: context.id.clone(),
            started_at: context.started_at.to_string(),
            inputs: self.inputs.clone(),
            trigger: self.trigger.clone(),
            step: (*step).to_owned(),
            place: context.redact(&item.describe()),
            attempts: before.map_or(1, |letter| letter.content().attempts + 1),
            error: KeptError {
                kind: failure.kind().to_owned(),
                status: exchange.and_then(|exchange| exchange.status),
                message: context.redact(&failure.message),
                step: failure.step().unwrap_or(step).to_owned(),
            },
            request: exchange
                .and_then(|exchange| exchange.request.as_ref())
                .map(|request| context.redact(&request.to_json())),
            batch: batch.clone(),
            made: item.taken.is_some().then(|| item.current.text().to_owned()),
            is_reading: *is_reading,
            is_whole: *is_whole,
            item: KeptItem::taken(item),
            undone: *undone,
            // What is kept before the steps within it run has what they had done when it was kept before.
            appended: match (trail, before) {
                (Some(trail), _) => trail.rows(),
                (None, Some(letter)) => letter.content().appended.clone(),
                (None, None) => String::new(),
            },
            undone_within: match (trail, before) {
                (Some(trail), _) => trail.undone_within(),
                (None, Some(letter)) => letter.content().undone_within.clone(),
                (None, None) => BTreeMap::new(),
            },
            within: within.iter().map(Around::kept).collect(),
        }
    }
}

impl DeadLetters for StoredLetters {
    fn keep<'a>(&'a self, failed: Failed<'a>) -> BoxFuture<'a, Result<Option<String>, Failure>> {
        Box::pin(async move {
            let Failed { context, step, item, failure, .. } = &failed;
            if context.options.dry_run {
                return Ok(None);
            }
            let world = context.exchanges.world();
            let key = idempotency_key(&context.key, step, item);
            let label = context.redact(&format!("{}, step {step}: {}", self.flow, item.describe()));
            let around = failed.within.iter().flat_map(|around| &*around.items);
            let length = length(item) + around.map(length).sum::<usize>();
            if length > MAX_LETTER {
                return Err(too_large(length, failure.span).about(item));
            }
            let content = self.content(&failed, &key).written();
            world.state.save(Kind::DeadLetter, &key, &label, &content, world.clock.now()).await?;
            if let Some(retry) = &context.options.retry {
                retry.failed_again(key.clone());
            }
            Ok(Some(key))
        })
    }

    fn forget<'a>(&'a self, context: &'a RunContext, key: &'a str) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            context.exchanges.world().state.remove(Kind::DeadLetter, key).await?;
            if let Some(retry) = &context.options.retry {
                retry.comes_again(key);
            }
            Ok(())
        })
    }
}

/// Returns the item that an item is under.
fn around(item: &Item) -> Option<&Item> {
    item.parent.as_deref().or(item.origin.under.as_deref())
}

/// Returns how long all texts of an item are that are kept.
fn length(item: &Item) -> usize {
    let own = item.current.text().len() + item.original.text().len();
    let taken = item.taken.as_ref().map_or(0, |taken| taken.text().len());
    let above = std::iter::successors(around(item), |item| around(item));
    let above: usize = above.map(|item| item.current.text().len() + item.original.text().len()).sum();
    let batch: usize = item.origin.batch.iter().flat_map(|items| items.iter()).map(length).sum();
    own + taken + above + batch
}

fn too_large(length: usize, span: Span) -> Failure {
    let text = format!(
        "it failed, and is too large to be kept as a dead letter: {length} bytes, where {MAX_LETTER} are the most"
    );
    Failure::new("state-failed", text, span)
        .help("leave out of it what is not needed with `map` in a step before, or write `on_error: skip`")
        .fatal()
}
