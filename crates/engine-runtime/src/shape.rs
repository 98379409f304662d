//! Shaping the records of a step: `vars`, `where`, `map`, `validate`. Pure work on one batch after another.

use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Members, Scope, Template, Value};
use engine_plan::Schema;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::{Item, Json, text_of};
use crate::mapping::{Mapper, Scratch};
use crate::needs::Needs;

/// What a step does with each record before its target.
#[derive(Default)]
pub(crate) struct Shaper {
    pub(crate) vars: Option<Vars>,
    pub(crate) filter: Option<(Condition, Needs)>,
    pub(crate) mapper: Option<Arc<Mapper>>,
    pub(crate) checks: Option<Checks>,
    /// Whether a record that `map` or `validate` refuses is left out, whatever becomes of others that fail.
    pub(crate) leaves_invalid: bool,
    /// Whether a record for which an expression fails is left out: else it is the last one.
    pub(crate) leaves_failed: bool,
    /// Whether the record is kept as it came, for when it fails after it was mapped.
    pub(crate) keeps_taken: bool,
    /// Whether this is a case, in the place of the step to which the record came.
    pub(crate) is_case: bool,
}

/// Values that are computed for each record.
pub(crate) struct Vars {
    pub(crate) values: Vec<(Arc<str>, Dynamic)>,
    pub(crate) needs: Needs,
}

/// What `validate` demands.
pub(crate) struct Checks {
    pub(crate) schema: Option<Schema>,
    pub(crate) rules: Vec<(Condition, Option<Template>)>,
    pub(crate) needs: Needs,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Shaped {
    /// The records that go on.
    pub(crate) items: Vec<Item>,
    /// The scopes with the step's own vars, one for each record; empty where it has none.
    pub(crate) scopes: Vec<Scope>,
    /// How many `where` dropped.
    pub(crate) dropped: u64,
    /// Those that were refused, and why.
    pub(crate) refused: Vec<(Item, Failure)>,
    /// Those that failed, and why; where such records are not left out, the first of them, and none after it was shaped.
    pub(crate) failed: Vec<(Item, Failure)>,
    /// The part in the work on the pages that all these came from.
    pub(crate) claim: Claim,
}

impl Shaped {
    /// Makes a batch of each record.
    pub(crate) fn split(self) -> Vec<Self> {
        let Self { items, scopes, claim, .. } = self;
        let mut scopes = scopes.into_iter();
        let parts = items.into_iter().map(|item| Self {
            items: vec![item],
            scopes: scopes.next().into_iter().collect(),
            claim: claim.clone(),
            ..Self::default()
        });
        let parts = parts.collect();
        claim.settle();
        parts
    }
}

/// What comes of a record before it is mapped.
enum Prepared {
    /// It goes on, with a scope of its own if the step has vars.
    Kept(Option<Scope>),
    /// `where` does not hold for it.
    Dropped,
}

impl Shaper {
    /// Tells whether an expression here asks for the page as `response`.
    pub(crate) fn needs_response(&self) -> bool {
        self.vars.as_ref().is_some_and(|vars| vars.needs.response())
            || self.filter.as_ref().is_some_and(|(_, needs)| needs.response())
            || self.mapper.as_ref().is_some_and(|mapper| mapper.needs_response())
            || self.checks.as_ref().is_some_and(|checks| checks.needs.response())
    }

    /// Shapes a batch; `scopes` has one for each item, or is empty where all see `base`.
    pub(crate) fn shape(&self, items: Vec<Item>, scopes: &[Scope], base: &Scope, scratch: &mut Scratch) -> Shaped {
        let mut shaped = Shaped { items: Vec::with_capacity(items.len()), ..Shaped::default() };
        // A batch is about as large as the one before.
        let mut buffer = Vec::with_capacity(if self.mapper.is_some() { scratch.length } else { 0 });
        let mut ranges = Vec::with_capacity(items.len());
        for (at, mut item) in items.into_iter().enumerate() {
            let base = scopes.get(at).unwrap_or(base);
            let own;
            let kept = match self.prepare(&item, base, scratch) {
                Ok(prepared) => prepared,
                Err(failure) => {
                    let failure = failure.about(&item);
                    shaped.failed.push((self.unshaped(item), failure));
                    if self.leaves_failed {
                        continue;
                    }
                    break;
                }
            };
            let scope = match kept {
                Prepared::Dropped => {
                    shaped.dropped += 1;
                    continue;
                }
                Prepared::Kept(None) => base,
                Prepared::Kept(Some(scope)) => {
                    own = scope;
                    &own
                }
            };
            let start = buffer.len();
            if let Err(failure) = self.make(&item, scope, scratch, &mut buffer) {
                let failure = failure.about(&item);
                buffer.truncate(start);
                if self.leaves_invalid {
                    shaped.refused.push((self.unshaped(item), failure));
                    continue;
                }
                shaped.failed.push((self.unshaped(item), failure));
                if self.leaves_failed {
                    continue;
                }
                break;
            }
            ranges.push(start..buffer.len());
            item = self.unshaped(item);
            item.row = None;
            if self.keeps_taken && item.taken.is_none() {
                item.taken = Some(Arc::new(item.current.clone()));
            }
            shaped.items.push(item);
            if self.vars.is_some() || !scopes.is_empty() {
                shaped.scopes.push(scope.clone());
            }
        }
        if self.mapper.is_some() {
            scratch.length = buffer.len() + buffer.len() / 8;
            let buffer = text_of(buffer);
            for (item, range) in shaped.items.iter_mut().zip(ranges) {
                item.current = Json::new(buffer.slice_ref(buffer.get(range).unwrap_or_default()));
            }
        }
        shaped
    }

    /// Returns a record as it came.
    fn unshaped(&self, item: Item) -> Item {
        Item { taken: item.taken.filter(|_| self.is_case), ..item }
    }

    /// Computes the vars of one record, and tells whether it is kept.
    fn prepare(&self, item: &Item, base: &Scope, scratch: &mut Scratch) -> Result<Prepared, Failure> {
        let own = match &self.vars {
            Some(vars) => Some(vars.bind(item, base, scratch)?),
            None => None,
        };
        if let Some((condition, needs)) = &self.filter {
            let scope = own.as_ref().unwrap_or(base);
            if !needs.evaluate(scope, item, scratch.names(), |scope| condition.test(scope))? {
                return Ok(Prepared::Dropped);
            }
        }
        Ok(Prepared::Kept(own))
    }

    /// Maps and checks one record.
    fn make(&self, item: &Item, scope: &Scope, scratch: &mut Scratch, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let start = buffer.len();
        if let Some(mapper) = &self.mapper {
            mapper.map(item, scope, scratch, buffer)?;
        }
        let Some(checks) = &self.checks else { return Ok(()) };
        if self.mapper.is_none() {
            return checks.check(item, scope, scratch);
        }
        let mapped = Item {
            current: Json::written(buffer.get(start..).unwrap_or_default().to_vec()),
            row: None,
            ..item.clone()
        };
        checks.check(&mapped, scope, scratch)
    }
}

impl Vars {
    fn bind(&self, item: &Item, base: &Scope, scratch: &mut Scratch) -> Result<Scope, Failure> {
        let record = item.value()?;
        let vars = self.needs.evaluate(base, item, scratch.names(), |scope| {
            let scope = scope.rooted(record.clone());
            let mut members = match base.get("vars") {
                Some(Value::Object(outer)) => (**outer).clone(),
                _ => Members::new(),
            };
            for (name, value) in &self.values {
                // Each sees those before it.
                let scope = scope.with("vars", Value::Object(Arc::new(members.clone())));
                members.insert(Arc::clone(name), value.evaluate(&scope)?.unwrap_or_default());
            }
            Ok(Value::Object(Arc::new(members)))
        })?;
        Ok(base.with("vars", vars))
    }
}

impl Checks {
    fn check(&self, item: &Item, scope: &Scope, scratch: &mut Scratch) -> Result<(), Failure> {
        if let Some(schema) = &self.schema {
            let value = item
                .current
                .value()
                .map_err(|error| Failure::new("invalid-record", error.to_string(), schema.span()))?;
            if let Err(error) = schema.check(&value) {
                let at = if error.pointer.is_empty() { String::new() } else { format!(" at `{}`", error.pointer) };
                let message = format!("it does not fit the schema{at}: {}", error.message);
                return Err(Failure::new("invalid-record", message, schema.span())
                    .help("let `on_invalid: skip` leave such records out"));
            }
        }
        for (condition, message) in &self.rules {
            let holds = self.needs.evaluate(scope, item, scratch.names(), |scope| condition.test(scope))?;
            if !holds {
                let text = match message {
                    Some(message) => {
                        self.needs.evaluate(scope, item, scratch.names(), |scope| message.render_text(scope))?
                    }
                    None => format!("`{}` does not hold", condition.text()),
                };
                return Err(Failure::new("invalid-record", text, condition.span())
                    .help("let `on_invalid: skip` leave such records out"));
            }
        }
        Ok(())
    }
}
