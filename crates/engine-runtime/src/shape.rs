//! Shaping the records of a step: `vars`, `where`, `map`, `validate`. Pure work on one batch after another.

use std::ops::Range;
use std::sync::Arc;

use engine_expr::{Condition, Dynamic, Members, Scope, Template, Value};
use engine_plan::Schema;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::fields::FieldPage;
use crate::item::{Item, Json, Located, text_of};
use crate::mapping::{Mapper, Scratch};
use crate::needs::Needs;
use crate::sink::LaidOut;

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
    /// Whether it is kept where the members of what is mapped are.
    pub(crate) keeps_fields: bool,
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
    /// These records as the sink sends them, if it lays records out beforehand.
    pub(crate) laid_out: Option<LaidOut>,
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
    pub(crate) fn shape(&self, mut items: Vec<Item>, scopes: &[Scope], base: &Scope, scratch: &mut Scratch) -> Shaped {
        let mut shaped = Shaped::default();
        // A batch is about as large as the one before.
        let mut buffer = Vec::with_capacity(if self.mapper.is_some() { scratch.length } else { 0 });
        let mut ranges = Vec::with_capacity(items.len());
        let width = self.mapper.as_deref().and_then(|mapper| self.names(mapper)).map_or(0, |names| names.len());
        let mut values = Vec::with_capacity(items.len() * width);
        // Which records go on: most often all of them, and none has to be moved.
        let mut goes_on = vec![false; items.len()];
        for (at, (item, goes_on)) in items.iter_mut().zip(&mut goes_on).enumerate() {
            let base = scopes.get(at).unwrap_or(base);
            let own;
            let kept = match self.prepare(item, base, scratch) {
                Ok(prepared) => prepared,
                Err(failure) => {
                    shaped.failed.push((self.unshaped(item), failure.about(item)));
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
            let (start, begin) = (buffer.len(), values.len());
            if let Err(failure) = self.make(item, scope, scratch, &mut buffer, &mut values) {
                let failure = failure.about(item);
                buffer.truncate(start);
                values.truncate(begin);
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
            if !self.is_case {
                item.taken = None;
            }
            if matches!(item.located, Located::Wanted(_)) {
                item.located = Located::Nowhere;
            }
            if self.keeps_taken && item.taken.is_none() {
                item.taken = Some(Arc::new(item.current.clone()));
            }
            *goes_on = true;
            if self.vars.is_some() || !scopes.is_empty() {
                shaped.scopes.push(scope.clone());
            }
        }
        if ranges.len() < items.len() {
            let mut goes_on = goes_on.into_iter();
            items.retain(|_| goes_on.next() == Some(true));
        }
        shaped.items = items;
        if let Some(mapper) = &self.mapper {
            scratch.length = buffer.len() + buffer.len() / 8;
            let buffer = text_of(buffer);
            for (item, range) in shaped.items.iter_mut().zip(&ranges) {
                item.current = Json::new(buffer.slice_ref(buffer.get(range.clone()).unwrap_or_default()));
                item.located = Located::Nowhere;
            }
            if let Some(names) = self.names(mapper) {
                let names = Arc::clone(names);
                let page = FieldPage { names, text: buffer, objects: ranges, values };
                for (item, fields) in shaped.items.iter_mut().zip(page.into_objects()) {
                    item.located = Located::Members(fields);
                }
            }
        }
        shaped
    }

    /// Returns the members that the mapping writes, where it is asked for where each of them is.
    fn names<'m>(&self, mapper: &'m Mapper) -> Option<&'m Arc<[Arc<str>]>> {
        mapper.names().filter(|_| self.keeps_fields)
    }

    /// Returns a record as it came.
    fn unshaped(&self, item: &Item) -> Item {
        Item { taken: item.taken.clone().filter(|_| self.is_case), ..item.clone() }
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
    fn make(
        &self,
        item: &Item,
        scope: &Scope,
        scratch: &mut Scratch,
        buffer: &mut Vec<u8>,
        values: &mut Vec<Range<usize>>,
    ) -> Result<(), Failure> {
        let start = buffer.len();
        if let Some(mapper) = &self.mapper {
            let values = self.names(mapper).map(|_| values);
            mapper.map(item, scope, scratch, buffer, values)?;
        }
        let Some(checks) = &self.checks else { return Ok(()) };
        if self.mapper.is_none() {
            return checks.check(item, scope, scratch);
        }
        let mapped = Item {
            current: Json::written(buffer.get(start..).unwrap_or_default().to_vec()),
            located: Located::Nowhere,
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
