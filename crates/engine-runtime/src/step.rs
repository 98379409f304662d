//! One step, from its source to its target.

use std::collections::VecDeque;
use std::sync::Arc;

use engine_expr::{Members, Scope, Value};
use engine_plan::{Items, Source, Step, Target};
use engine_spec::{ItemAction, OnInvalid};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::call::Caller;
use crate::failure::Failure;
use crate::item::{Item, Json, Origin};
use crate::mapping::{Mapper, Scratch};
use crate::needs::Needs;
use crate::outlet::{Batch, Delivery, Outlet};
use crate::read::{AskedOfPages, Pages, Reader};
use crate::report::{Counts, Event, Status};
use crate::run::RunContext;
use crate::shape::{Checks, Shaper, Vars};
use crate::tally::Tally;
use crate::write::Writer;

/// How many items of a list go together.
const LIST_BATCH: usize = 200;

/// A step about to run.
pub(crate) struct StepRun {
    pub(crate) context: Arc<RunContext>,
    pub(crate) step: Arc<Step>,
    pub(crate) inlet: Option<mpsc::Receiver<Delivery>>,
    pub(crate) outlet: Outlet,
}

/// Runs a step to the end of its source.
pub(crate) async fn run_step(run: StepRun) -> Result<(Status, Counts), (Failure, Counts)> {
    let (context, step) = (Arc::clone(&run.context), Arc::clone(&run.step));
    let tally = Arc::new(Tally::new(&step.id, Arc::clone(&context.observer)));
    match run.go(&tally).await {
        Ok(status) => Ok((status, tally.counts())),
        Err(failure) if failure.is_interruption() => Ok((Status::Interrupted, tally.counts())),
        Err(failure) => {
            // At once, so that no other step goes on for long.
            context.fail(&step.id, &failure);
            Err((failure, tally.counts()))
        }
    }
}

impl StepRun {
    async fn go(self, tally: &Arc<Tally>) -> Result<Status, Failure> {
        let Self { context, step, inlet, outlet } = self;
        let base = tokio::select! {
            base = context.scope_of(&step) => base?,
            () = context.stop.stopped() => return Ok(Status::Interrupted),
        };
        let base = outer_item(&step, base);
        if let Some(when) = &step.when
            && !when.test(&base)?
        {
            outlet.end().await;
            return Ok(Status::Skipped);
        }
        context.observer.event(Event::StepStarted { step: step.id.as_str().into() });
        let shape = shaper(&step, &context);
        let concurrency = match &step.concurrency {
            Some(concurrency) => concurrency.resolve(&base)?.max(1) as usize,
            None => 1,
        };
        let mut target = Action::new(&context, &step, &base, tally)?;
        let mut scratch = Scratch::default();
        let asked = AskedOfPages { row: shape.wanted(), response: target.needs_response() || shape.needs_response() };
        // Who takes the stream of another step takes all that is in it: what was done before must not be forgotten.
        let takes_all = matches!(step.source, Source::Items(Items::Step(_)));
        let batches = source(&context, &step, &base, inlet, concurrency, tally, &asked);
        let mut shaped = batches.map(|batch| {
            if !takes_all && context.stop.is_stopped() {
                return Err(Failure::interrupted());
            }
            let batch = batch?;
            tally.add(|counts| counts.read += batch.len() as u64);
            let done = shape.shape(&batch, &base, &mut scratch)?;
            tally.add(|counts| {
                counts.dropped += done.dropped;
                counts.invalid += done.refused.len() as u64;
                counts.failed += done.failed.len() as u64;
            });
            for failure in done.refused.iter().chain(&done.failed) {
                context.reject(&step.id, failure);
            }
            Ok(done)
        });
        match &mut target {
            Action::Call(caller) => caller.take(shaped, concurrency, &outlet).await?,
            target => {
                while let Some(done) = shaped.next().await {
                    let done = done?;
                    target.take(done.items, done.scopes, &outlet).await?;
                    tally.progress();
                }
            }
        }
        target.finish().await?;
        outlet.end().await;
        tally.progress();
        Ok(Status::Ok)
    }
}

/// At the top a step without a source has an empty item.
fn outer_item(step: &Step, base: Scope) -> Scope {
    match step.source {
        Source::Once => base.with("item", Value::Object(Arc::new(Members::new()))),
        _ => base,
    }
}

/// Compiles what a step does with each record.
fn shaper(step: &Step, context: &Arc<RunContext>) -> Shaper {
    let vars = (!step.vars.is_empty()).then(|| {
        let mut needs = Needs::default();
        for value in step.vars.values() {
            value.visit(&mut |leaf| match leaf {
                engine_expr::DynamicLeaf::Template(template) => {
                    template.names().iter().for_each(|name| needs.add(name));
                }
                engine_expr::DynamicLeaf::Path(_) => needs.whole_item(),
            });
        }
        let values = step.vars.iter().map(|(name, value)| (Arc::clone(&name.value), value.clone())).collect();
        Vars { values, needs }
    });
    let filter = step.filter.as_ref().map(|condition| (condition.clone(), Needs::of(condition.names())));
    let mapper = step.map.as_ref().map(|mapping| Mapper::new(mapping, &**context));
    let checks = step.validate.as_ref().map(|validate| {
        let mut needs = Needs::default();
        for rule in &validate.rules {
            rule.check.names().iter().for_each(|name| needs.add(name));
            rule.message.iter().flat_map(engine_expr::Template::names).for_each(|name| needs.add(name));
        }
        Checks {
            schema: validate.schema.clone(),
            rules: validate.rules.iter().map(|rule| (rule.check.clone(), rule.message.clone())).collect(),
            needs,
        }
    });
    let skip_invalid = step.validate.as_ref().is_some_and(|validate| validate.on_invalid == OnInvalid::Skip);
    let skip_failed = step.on_error.action == ItemAction::Skip;
    Shaper { vars, filter, mapper, checks, skip_invalid, skip_failed }
}

type Batches<'a> = std::pin::Pin<Box<dyn Stream<Item = Result<Batch, Failure>> + Send + 'a>>;

/// Makes the stream of a step's items.
fn source<'a>(
    context: &'a Arc<RunContext>,
    step: &'a Arc<Step>,
    base: &'a Scope,
    inlet: Option<mpsc::Receiver<Delivery>>,
    concurrency: usize,
    tally: &'a Arc<Tally>,
    asked: &AskedOfPages<'_>,
) -> Batches<'a> {
    match &step.source {
        Source::Once => Box::pin(stream::once(async { Ok(Arc::new(vec![once(step)])) })),
        Source::Items(items) => items_of(step, items, base, inlet),
        Source::Sink { .. } => {
            let failure = Failure::new("internal-error", "a read of a sink does not run yet", step.span);
            Box::pin(stream::once(async { Err(failure) }))
        }
        Source::Read { over, .. } => {
            let reader = Arc::new(Reader::new(context, step, base, tally, asked));
            match over {
                None => Box::pin(stream::unfold(reader.start(None), |mut pages| async {
                    pages.next().await.map(|page| (page, pages))
                })),
                Some(over) => read_each(reader, items_of(step, over, base, inlet), concurrency),
            }
        }
    }
}

fn once(step: &Step) -> Item {
    let origin = Origin { stream: step.id.as_str().into(), place: step.span, ..Origin::default() };
    Item::new(Json::copy("{}"), None, Arc::new(origin), 1)
}

/// The items of a stream or a list.
fn items_of<'a>(
    step: &'a Arc<Step>,
    items: &'a Items,
    base: &'a Scope,
    inlet: Option<mpsc::Receiver<Delivery>>,
) -> Batches<'a> {
    if let (Items::Step(_), Some(inlet)) = (items, inlet) {
        return Box::pin(stream::unfold(Some(inlet), |inlet| async {
            let mut inlet = inlet?;
            match inlet.recv().await {
                Some(Delivery::Items(batch)) => Some((Ok(batch), Some(inlet))),
                Some(Delivery::End) => None,
                // The step that gives them failed or was stopped; what came so far is not all.
                None => Some((Err(Failure::interrupted()), None)),
            }
        }));
    }
    let values = match list_of(items, base) {
        Ok(values) => values,
        Err(failure) => return Box::pin(stream::once(async { Err(failure) })),
    };
    let origin = Arc::new(Origin { stream: step.id.as_str().into(), place: step.span, ..Origin::default() });
    let mut number = 0;
    let made: Vec<Item> = values
        .iter()
        .map(|value| {
            number += 1;
            Item::new(Json::of(value), None, Arc::clone(&origin), number)
        })
        .collect();
    let batches: Vec<_> = made.chunks(LIST_BATCH).map(|chunk| Ok(Arc::new(chunk.to_vec()))).collect();
    Box::pin(stream::iter(batches))
}

fn list_of(items: &Items, base: &Scope) -> Result<Vec<Value>, Failure> {
    let (value, span) = match items {
        Items::From(expr) => (expr.evaluate(base)?, expr.span()),
        Items::List(list) => (list.evaluate(base)?, list.span()),
        Items::Product(lists) => return product(lists, base),
        Items::Step(_) => return Ok(Vec::new()),
    };
    match value {
        Some(Value::List(list)) => Ok(list.items().to_vec()),
        Some(other) => {
            Err(Failure::new("template-failed", format!("`for_each` needs a list, not {}", other.a_kind()), span))
        }
        None => Err(Failure::new("template-failed", "`for_each` finds no list", span)
            .help("add `| default([])` for a list that may be missing")),
    }
}

/// Every combination of several lists, the last one changing fastest.
fn product(lists: &engine_source::Map<engine_expr::Dynamic>, base: &Scope) -> Result<Vec<Value>, Failure> {
    let mut combined = vec![Members::new()];
    for (name, list) in lists {
        let values = match list.evaluate(base)? {
            Some(Value::List(values)) => values,
            other => {
                let found = other.as_ref().map_or("nothing", Value::a_kind);
                return Err(Failure::new(
                    "template-failed",
                    format!("`for_each.{}` needs a list, not {found}", name.value),
                    list.span(),
                ));
            }
        };
        combined = combined
            .iter()
            .flat_map(|members| {
                values.items().iter().map(|value| {
                    let mut members = members.clone();
                    members.insert(Arc::clone(&name.value), value.clone());
                    members
                })
            })
            .collect();
    }
    Ok(combined.into_iter().map(|members| Value::Object(Arc::new(members))).collect())
}

/// Reads once for each item, several at once, and hands the records on in the order of the items. Each read holds a page or two until it
/// is its turn.
fn read_each(reader: Arc<Reader>, outer: Batches<'_>, concurrency: usize) -> Batches<'_> {
    let items = outer.flat_map(|batch| match batch {
        Ok(batch) => stream::iter(batch.iter().cloned().map(Ok).collect::<Vec<_>>()),
        Err(failure) => stream::iter(vec![Err(failure)]),
    });
    let state = (Box::pin(items), VecDeque::<Pages>::new(), false);
    Box::pin(stream::unfold(state, move |(mut items, mut reads, mut ended)| {
        let reader = Arc::clone(&reader);
        async move {
            loop {
                let has_room = !ended && reads.len() < concurrency;
                let event = match reads.front_mut() {
                    None if ended => return None,
                    None => Happened::Item(items.next().await),
                    Some(first) => tokio::select! {
                        page = first.next() => Happened::Page(page),
                        item = items.next(), if has_room => Happened::Item(item),
                    },
                };
                match event {
                    Happened::Page(Some(page)) => return Some((page, (items, reads, ended))),
                    Happened::Page(None) => _ = reads.pop_front(),
                    Happened::Item(Some(Ok(item))) => reads.push_back(Arc::clone(&reader).start(Some(Arc::new(item)))),
                    Happened::Item(Some(Err(failure))) => return Some((Err(failure), (items, reads, ended))),
                    Happened::Item(None) => ended = true,
                }
            }
        }
    }))
}

/// What a reading of several at once waits for.
enum Happened {
    /// A page of the read whose turn it is, or its end.
    Page(Option<Result<Batch, Failure>>),
    /// Another item to read under, or the end of them.
    Item(Option<Result<Item, Failure>>),
}

/// What a step does with its shaped records.
enum Action {
    HandOn { tally: Arc<Tally> },
    Call(Box<Caller>),
    Write(Box<Writer>),
    Say(Box<Saying>),
}

/// A step that logs or fails.
struct Saying {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    needs: Needs,
    tally: Arc<Tally>,
}

impl Action {
    fn new(context: &Arc<RunContext>, step: &Arc<Step>, base: &Scope, tally: &Arc<Tally>) -> Result<Self, Failure> {
        Ok(match &step.target {
            Target::None => Self::HandOn { tally: Arc::clone(tally) },
            Target::Call(_) => Self::Call(Box::new(Caller::new(context, step, base, tally))),
            Target::Write(_) => Self::Write(Box::new(Writer::new(context, step, base, tally)?)),
            Target::Log(template) | Target::Fail(template) => Self::Say(Box::new(Saying {
                context: Arc::clone(context),
                step: Arc::clone(step),
                base: base.clone(),
                needs: Needs::of(template.names()),
                tally: Arc::clone(tally),
            })),
            _ => return Err(Failure::new("internal-error", "a plan with this target does not run yet", step.span)),
        })
    }

    fn needs_response(&self) -> bool {
        matches!(self, Self::Say(saying) if saying.needs.response())
    }

    async fn take(&mut self, items: Vec<Item>, scopes: Vec<Scope>, outlet: &Outlet) -> Result<(), Failure> {
        let (items, tally) = match self {
            Self::HandOn { tally } => (items, tally),
            // Calls take the whole stream, so that several are under way across its batches.
            Self::Call(_) => return Ok(()),
            Self::Write(writer) => {
                let tally = Arc::clone(writer.tally());
                let items = writer.take(items, &scopes).await?;
                tally.add(|counts| counts.out += items.len() as u64);
                return outlet.send(items).await;
            }
            Self::Say(saying) => (saying.say(items, &scopes)?, &mut saying.tally),
        };
        tally.add(|counts| counts.out += items.len() as u64);
        outlet.send(items).await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Self::Write(writer) => writer.finish().await,
            _ => Ok(()),
        }
    }
}

impl Saying {
    /// Logs a message for each item, or fails with it.
    fn say(&self, items: Vec<Item>, scopes: &[Scope]) -> Result<Vec<Item>, Failure> {
        let (template, fails) = match &self.step.target {
            Target::Log(template) => (template, false),
            Target::Fail(template) => (template, true),
            _ => return Ok(items),
        };
        let mut passed = Vec::with_capacity(items.len());
        let mut scratch = Scratch::default();
        for (at, item) in items.into_iter().enumerate() {
            let scope = scopes.get(at).unwrap_or(&self.base);
            let message = self
                .needs
                .evaluate(scope, &item, scratch.names(), |scope| template.render_text(scope))
                .map_err(|failure| failure.about(&item))?;
            if !fails {
                let message = self.context.redact(&message);
                self.context.observer.event(Event::Log { step: self.step.id.as_str().into(), message });
                passed.push(item);
                continue;
            }
            let failure = Failure::new("step-failed", message, template.span());
            if self.step.on_error.action != ItemAction::Skip {
                return Err(failure.about(&item));
            }
            self.tally.add(|counts| counts.failed += 1);
            self.context.reject(&self.step.id, &failure.about(&item));
        }
        Ok(passed)
    }
}
