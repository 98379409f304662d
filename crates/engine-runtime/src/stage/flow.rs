//! A step that runs another spec's flow, for each item.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine_plan::FlowCall;
use tokio::sync::mpsc;

use super::Done;
use super::block::gather;
use super::each::Work;
use crate::exchange::Exchanges;
use crate::failure::Failure;
use crate::machine::Part;
use crate::needs::whole_scope;
use crate::outlet::WAITING;
use crate::run::{Ending, RunContext, RunOptions, base_scope};
use crate::site::Site;
use crate::slot::Slot;
use crate::writers::Writers;

/// Runs a flow with inputs made of an item, and gives the records of its last step.
pub(crate) async fn run(site: &Site, call: &FlowCall, work: &Work, slot: Option<&Arc<Slot>>) -> Result<Done, Failure> {
    let context = Arc::new(prepare(site, call, work)?);
    let (out, inlet) = mpsc::channel(WAITING);
    let under = Some(Arc::new(work.item.clone()));
    let frame = site.frame.apart(&site.step, &context, &context.plan.steps, context.base.clone(), None)?;
    // What it hands on is told from what it hands on for other items.
    let frame = frame.working(site, work).again(Arc::default()).under(under.clone());
    let frame = Arc::new(frame.handing_on(Some(out)).holding(slot.cloned()));
    // What is done at its end is done again when it fails again.
    let end = format!("{} end", context.key);
    let again: Arc<str> = match context.journal.times(&end) {
        0 => Arc::default(),
        times => format!("#{}", times + 1).into(),
    };
    let run = async {
        let failed = Arc::clone(&frame).run().await.err();
        let make = |part: Part, base| {
            let steps = part.of(&context.plan);
            let frame = site.frame.apart(&site.step, &context, steps, base, None)?;
            Ok(frame.again(again.clone()).under(under.clone()).ending())
        };
        let has_failed = failed.is_some();
        let is_cut = failed.as_ref().is_some_and(Failure::is_interruption);
        let mut ended = Ending { frame: &frame, make: &make }.run(failed.into_iter().collect(), &site.frame.stop).await;
        if has_failed || !ended.is_empty() {
            context.journal.anew(&end, &work.item);
        }
        drop(frame);
        if is_cut {
            // Whatever failed at its end, the item is neither done nor to be left out.
            ended.insert(0, Failure::interrupted());
        }
        ended
    };
    let (failures, done) = tokio::join!(run, gather(inlet));
    context.exchanges.settle().await;
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(done) };
    for other in failures.filter(|other| !other.is_interruption()) {
        context.tell(site.address(), &other);
    }
    // Its sinks are its own: they are opened anew for another item.
    Err(Failure { is_fatal: first.is_fatal && first.code != "sink-failed", ..first })
}

/// Finds the inputs and secrets of a flow.
fn prepare(site: &Site, call: &FlowCall, work: &Work) -> Result<RunContext, Failure> {
    let outer = site.context();
    let scope = whole_scope(&work.scope, &work.item)?.rooted(work.item.value()?);
    let mut inputs = BTreeMap::new();
    for (name, value) in &call.inputs {
        if let Some(value) = value.evaluate(&scope)? {
            inputs.insert(name.value.to_string(), value);
        }
    }
    let base_urls = outer.options.flow_base_urls.get(&call.plan.path).unwrap_or(&outer.options.base_urls).clone();
    // Where only something within it failed, the rest of it was done.
    let retry = site.retrying(&work.item).map(|retrying| retrying.retry().clone());
    let options = RunOptions { base_urls, inputs, run_id: None, retry, ..outer.options.clone() };
    let world = outer.exchanges.world();
    let (base, secrets) = base_scope(&call.plan, world, &options, &outer.id).map_err(|findings| {
        let finding = findings.into_iter().find(engine_source::Finding::is_error);
        let text = finding.as_ref().map_or("it can't begin", |finding| finding.message.as_str());
        let failure = Failure::new("step-failed", format!("the flow `{}`: {text}", call.plan.name), call.span);
        match finding.and_then(|finding| finding.help) {
            Some(help) => failure.help(help),
            None => failure,
        }
    })?;
    outer.hidden.add(&secrets);
    let exchanges = Exchanges::new(&call.plan, world, &options, &base, outer.hidden.clone())?;
    exchanges.keep_history(&outer.journal);
    Ok(RunContext {
        plan: Arc::clone(&call.plan),
        options,
        sinks: Arc::clone(&outer.sinks),
        observer: Arc::clone(&outer.observer),
        exchanges: Arc::new(exchanges),
        base,
        id: outer.id.clone(),
        key: site.key(&work.item),
        book: Arc::clone(&outer.book),
        placed: Arc::clone(&outer.placed),
        letters: Arc::clone(&outer.letters),
        writers: Writers::default(),
        mappers: outer.mappers.within(),
        hidden: outer.hidden.clone(),
        started_at: outer.started_at,
        journal: outer.journal.clone(),
    })
}
