//! Dead letters: records that failed, kept aside with all that is needed to look at them and to send them again.

use engine_expr::Value;

use crate::failure::Failure;
use crate::idempotency::idempotency_key;
use crate::item::Item;
use crate::run::RunContext;
use crate::state::Kind;
use crate::world::BoxFuture;

/// Keeps records that failed.
pub(crate) trait DeadLetters: Send + Sync {
    /// Keeps a record: once this returns, it is on disk.
    fn keep<'a>(
        &'a self,
        context: &'a RunContext,
        step: &'a str,
        item: &'a Item,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Keeps them in the state store.
///
/// The key is that of the request that the record would have been sent with, so that one that fails again when its run is resumed is not
/// kept twice.
pub(crate) struct StoredLetters;

impl DeadLetters for StoredLetters {
    fn keep<'a>(
        &'a self,
        context: &'a RunContext,
        step: &'a str,
        item: &'a Item,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if context.options.dry_run {
                return Ok(());
            }
            let world = context.exchanges.world();
            let key = idempotency_key(&context.key, step, item);
            let label = context.redact(&format!("{}, step {step}: {}", context.plan.name, item.describe()));
            let letter = letter(context, step, item, failure)?.to_json();
            let saved = world.state.save(Kind::DeadLetter, &key, &label, letter.as_bytes(), world.clock.now()).await;
            Ok(saved?)
        })
    }
}

/// Writes down what failed: the record as it was then and as its source gave it, the items above it, the error, and the request.
fn letter(context: &RunContext, step: &str, item: &Item, failure: &Failure) -> Result<Value, Failure> {
    let original = item.original.value().map_err(|error| item.unreadable(&error))?;
    let status = failure.exchange.as_ref().and_then(|exchange| exchange.status);
    let request = failure.exchange.as_ref().and_then(|exchange| exchange.request.clone());
    let error = Value::object([
        ("kind", Value::from(failure.kind())),
        ("status", status.map_or(Value::Null, |status| Value::from(u64::from(status)))),
        ("message", Value::from(context.redact(&failure.message))),
        ("step", Value::from(failure.step.as_deref().unwrap_or(step))),
    ]);
    Ok(Value::object([
        ("flow", Value::from(context.plan.name.as_str())),
        ("run", Value::from(context.id.as_str())),
        ("step", Value::from(step)),
        ("item", item.value()?),
        ("original", original),
        ("parents", Value::list(item.parents(engine_expr::PARENTS.len())?)),
        ("stream", Value::from(&*item.origin.stream)),
        ("place", Value::from(item.describe())),
        ("error", error),
        ("request", request.unwrap_or_default()),
    ]))
}
