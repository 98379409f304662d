//! Shaping the batches of a step, and what becomes of records that can't be shaped.

use std::sync::Arc;

use engine_expr::{DynamicLeaf, Scope, Template};
use engine_plan::{Step, Target};
use engine_spec::{ItemAction, OnInvalid, Sink};

use super::errors::Errors;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::item::Item;
use crate::mapping::{Mapper, Scratch};
use crate::needs::Needs;
use crate::shape::{Checks, Shaped, Shaper, Vars};
use crate::site::Site;

/// Shapes the batches of a step.
pub(crate) struct Shaping {
    site: Site,
    shaper: Shaper,
    errors: Errors,
    scratch: Scratch,
}

impl Shaping {
    /// Compiles what a step does with each record before its target.
    pub(crate) fn new(site: &Site) -> Self {
        Self { site: site.clone(), shaper: shaper(site), errors: Errors::new(site), scratch: Scratch::default() }
    }

    /// Returns what maps each record.
    pub(crate) fn mapper(&self) -> Option<Arc<Mapper>> {
        self.shaper.mapper.clone()
    }

    /// Tells whether an expression here asks for the page as `response`.
    pub(crate) fn needs_response(&self) -> bool {
        self.shaper.needs_response()
    }

    /// Shapes a batch; `scopes` has one for each item, or is empty where all see the same.
    pub(crate) async fn take(&mut self, items: Vec<Item>, scopes: &[Scope], claim: Claim) -> Result<Shaped, Failure> {
        let tally = Arc::clone(&self.site.tally);
        tally.count(&items, |counts, number| counts.read += number);
        // Those of a batch are of one page, as they come.
        let page = items.first().and_then(Item::page).cloned();
        let mut shaped = self.shaper.shape(items, scopes, &self.site.base, &mut self.scratch);
        let dropped = shaped.dropped;
        match &page {
            Some(page) => tally.count_of(Some(page), |counts| counts.dropped += dropped),
            None => tally.add(|counts| counts.dropped += dropped),
        }
        for (item, failure) in std::mem::take(&mut shaped.refused) {
            let is_kept = self.site.step.validate.as_ref().is_some_and(|it| it.on_invalid == OnInvalid::DeadLetter);
            if is_kept || self.site.is_retried(&item) {
                self.errors.keep_aside(&item, &failure, &tally).await?;
            } else {
                tally.count(std::slice::from_ref(&item), |counts, number| counts.invalid += number);
            }
            self.site.reject(&Failure { help: None, ..failure }, 1);
        }
        for (item, failure) in std::mem::take(&mut shaped.failed) {
            // The help says how to let such records be left out, which is what happens.
            let help = failure.help.clone().filter(|_| self.site.on_error.action == ItemAction::Fail);
            let failure = Failure { help, ..failure };
            self.errors.settle(&item, &self.site.base, failure).await?;
        }
        shaped.claim = claim;
        Ok(shaped)
    }
}

fn shaper(site: &Site) -> Shaper {
    let step = &site.step;
    let vars = (!step.vars.is_empty()).then(|| {
        let mut needs = Needs::default();
        for value in step.vars.values() {
            value.visit(&mut |leaf| match leaf {
                DynamicLeaf::Template(template) => template.names().iter().for_each(|name| needs.add(name)),
                DynamicLeaf::Path(_) => needs.whole_item(),
            });
        }
        let values = step.vars.iter().map(|(name, value)| (Arc::clone(&name.value), value.clone())).collect();
        Vars { values, needs }
    });
    let filter = step.filter.as_ref().map(|condition| (condition.clone(), Needs::of(condition.names())));
    let mapper = step.map.as_ref().map(|mapping| site.context().mappers.of_records(mapping, &*site.frame));
    let checks = step.validate.as_ref().map(|validate| {
        let mut needs = Needs::default();
        for rule in &validate.rules {
            rule.check.names().iter().for_each(|name| needs.add(name));
            rule.message.iter().flat_map(Template::names).for_each(|name| needs.add(name));
        }
        Checks {
            schema: validate.schema.clone(),
            rules: validate.rules.iter().map(|rule| (rule.check.clone(), rule.message.clone())).collect(),
            needs,
        }
    });
    let leaves_invalid = step.validate.as_ref().is_some_and(|validate| validate.on_invalid != OnInvalid::Fail);
    let leaves_failed = site.on_error.action != ItemAction::Fail;
    let keeps_taken = mapper.is_some() && keeps_aside(site, step);
    let keeps_fields = matches!(&step.target, Target::Write(write) if has_columns(&write.sink.sink));
    let is_case = !site.frame.steps.iter().any(|own| own.uid == step.uid);
    Shaper { vars, filter, mapper, checks, leaves_invalid, leaves_failed, keeps_taken, keeps_fields, is_case }
}

/// Tells whether a sink takes records apart.
fn has_columns(sink: &Sink) -> bool {
    match sink {
        Sink::Csv(_) | Sink::Parquet(_) | Sink::Sqlite(_) | Sink::Postgres(_) => true,
        Sink::Stdout(_) | Sink::Jsonl(_) => false,
    }
}

/// Tells whether records that fail in a step after it has mapped them are kept aside, by itself or by a case, or may be with what fails within.
fn keeps_aside(site: &Site, step: &Step) -> bool {
    let has_steps = |step: &Step| {
        matches!(step.target, Target::Steps(_) | Target::Parallel(_) | Target::Flow(_) | Target::Composite(_))
    };
    has_steps(step)
        || site.on_error.action == ItemAction::DeadLetter
        || site.context().options.retry.is_some()
        || step
            .cases()
            .iter()
            .any(|case| case.step.on_error.action == ItemAction::DeadLetter || keeps_aside(site, &case.step))
}
