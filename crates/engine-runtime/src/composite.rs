//! Endpoints made of steps: read and called like any other. Their steps see the params, and nothing of who uses them.

mod cursor;

use std::sync::Arc;
use std::time::Duration;

use engine_expr::{DynamicLeaf, Members, Scope, Value};
use engine_plan::{Composite, CompositeCall, CompositeRead, Until};
use engine_request::Period;
use tokio::sync::mpsc;

use self::cursor::Cursor;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::item::{Item, Json, Located, Origin};
use crate::mapping::{Mapper, Scratch};
use crate::needs::whole_scope;
use crate::outlet::{Batch, Delivery, WAITING};
use crate::params::params_of;
use crate::read::Paged;
use crate::report::{Event, WaitingFor};
use crate::site::Site;
use crate::slot::Slot;
use crate::stage::{Done, Work, gathered};

/// How long to wait between two calls, if the spec does not say.
const EVERY: Duration = Duration::from_secs(10);
/// How long to call again at most, if the spec does not say.
const TIMEOUT: Duration = Duration::from_hours(1);

/// Calls an endpoint made of steps.
pub(crate) struct CompositeCaller {
    site: Site,
    call: CompositeCall,
    extract: Option<Arc<Mapper>>,
    /// Whether paths in the call start at the record.
    rooted: bool,
}

impl CompositeCaller {
    /// Prepares the calls of a step.
    pub(crate) fn new(site: &Site, call: &CompositeCall) -> Self {
        let mut rooted = false;
        for value in call.params.values() {
            value.visit(&mut |leaf| rooted |= matches!(leaf, DynamicLeaf::Path(_)));
        }
        let extract =
            site.step.extract.as_ref().map(|mapping| site.context().mappers.of_answers(mapping, &*site.frame));
        Self { site: site.clone(), call: call.clone(), extract, rooted }
    }

    /// Calls for one item, and gives what goes on.
    pub(crate) async fn call(&self, work: &Work, slot: Option<&Arc<Slot>>) -> Result<Done, Failure> {
        let (site, call) = (&self.site, &self.call);
        let Some(composite) = site.context().plan.composites.get(call.composite) else { return Ok(Done::default()) };
        let mut scope = whole_scope(&work.scope, &work.item)?;
        if self.rooted {
            scope = scope.rooted(work.item.value()?);
        }
        let params = params_of(&composite.params, &call.params, &scope, call.span)?;
        let began = site.context().exchanges.now();
        let mut answers = 0;
        let (body, claim) = loop {
            answers += 1;
            let under = Arc::new(work.item.clone());
            let done = gathered(|out| {
                let frame = begin(site, call.composite, composite, params.clone(), Some(out), Some(under), answers)?;
                Ok(frame.working(site, work).holding(slot.cloned()))
            })
            .await?;
            if site.retrying(&work.item).is_some() {
                // What the call gave was handed on then.
                return Ok(Done { items: Vec::new(), claim: done.claim });
            }
            let body = body(composite, &done.items)?;
            let Some(until) = &call.until else { break (body, done.claim) };
            if until.condition.test(&scope.with("response", response(&body)))? {
                break (body, done.claim);
            }
            done.claim.settle();
            self.wait(until, &scope, began).await?;
        };
        let answered = scope.with("response", response(&body));
        self.check(composite, &answered, &body)?;
        let json = Json::of(&body);
        let current = match &self.extract {
            None => json,
            Some(extract) => {
                let origin = Origin { response: Some(response(&body)), ..Origin::clone(&work.item.origin) };
                let asking = Item { origin: Arc::new(origin), ..work.item.clone() };
                let mut out = Vec::new();
                extract.map_text(json.text(), &asking, &work.scope, &mut Scratch::default(), &mut out)?;
                Json::written(out)
            }
        };
        site.tally.count(site.members(&work.item), |counts, number| counts.sent += number);
        Ok(Done { items: vec![Item { current, located: Located::Nowhere, ..work.item.clone() }], claim })
    }

    fn check(&self, composite: &Composite, scope: &Scope, body: &Value) -> Result<(), Failure> {
        let Some(expect) = &self.site.step.expect else { return Ok(()) };
        if let Some(schema) = &expect.schema
            && let Err(error) = schema.check(body)
        {
            let at = if error.pointer.is_empty() { String::new() } else { format!(" at `{}`", error.pointer) };
            let text = format!("{}: what it gives does not fit the schema{at}: {}", composite.id(), error.message);
            return Err(Failure::new("invalid-record", text, schema.span()));
        }
        for rule in &expect.rules {
            if !rule.check.test(scope)? {
                let text = match &rule.message {
                    Some(message) => message.render_text(scope)?,
                    None => format!("`{}` does not hold for what it gives", rule.check.text()),
                };
                return Err(Failure::new("invalid-record", format!("{}: {text}", composite.id()), rule.check.span()));
            }
        }
        Ok(())
    }

    async fn wait(&self, until: &Until, scope: &Scope, began: jiff::Timestamp) -> Result<(), Failure> {
        let exchanges = &self.site.context().exchanges;
        let every = until.every.as_ref().map(|every| every.resolve(scope)).transpose()?;
        let timeout = until.timeout.as_ref().map(|timeout| timeout.resolve(scope)).transpose()?;
        let (every, timeout) = (every.map_or(EVERY, Period::duration), timeout.map_or(TIMEOUT, Period::duration));
        let passed = Duration::try_from(exchanges.now().duration_since(began)).unwrap_or_default();
        let left = timeout.saturating_sub(passed);
        if left.is_zero() || self.site.context().options.placeholders {
            let text = format!("`until` did not hold within {} s", timeout.as_secs());
            return Err(Failure::new("timeout", text, until.condition.span())
                .help("give it more time with `timeout` beside `until`, or check what the condition asks for"));
        }
        let wait = every.min(left);
        let step = Arc::clone(self.site.address());
        self.site.tally.event(Event::Waiting { step, wait, why: WaitingFor::Until });
        if exchanges.sleep(wait, &self.site.frame.stop).await { Ok(()) } else { Err(Failure::interrupted()) }
    }
}

/// Reads an endpoint made of steps: its records are handed on as they come.
pub(crate) async fn read(
    site: &Site,
    read: &CompositeRead,
    parent: Option<&Arc<Item>>,
    claim: &Claim,
    sender: &mpsc::Sender<Paged>,
) -> Result<(), Failure> {
    let Some(composite) = site.context().plan.composites.get(read.composite) else { return Ok(()) };
    let scope = match parent {
        Some(parent) => whole_scope(&site.base, parent)?.rooted(parent.value()?),
        None => site.base.clone(),
    };
    let params = params_of(&composite.params, &read.params, &scope, read.span)?;
    let own = read.limit.as_ref().map(|limit| limit.resolve(&scope)).transpose()?;
    let origin = Origin {
        stream: read.name.as_str().into(),
        exchange: Some(composite.id()),
        is_keyed: composite.key.is_some(),
        place: read.span,
        under: site.frame.under.clone(),
        ..Origin::default()
    };
    let mut reading = Reading {
        site,
        index: read.composite,
        composite,
        parent,
        claim,
        sender,
        origin: Arc::new(origin),
        cursor: Cursor::begin(site, composite, read, &params, &scope).await?,
        left: own.into_iter().chain(site.context().options.limit).min().unwrap_or(u64::MAX),
        number: 0,
    };
    loop {
        if reading.pass(&params).await? {
            site.frame.pending.hold(site.step.index);
            return Ok(());
        }
        let goes_on = match &mut reading.cursor {
            Some(cursor) => cursor.next()?,
            None => false,
        };
        if !goes_on {
            break;
        }
    }
    reading.cursor.map_or(Ok(()), |cursor| cursor.end(site))
}

/// A read of an endpoint made of steps.
struct Reading<'a> {
    site: &'a Site,
    /// The number of the endpoint.
    index: usize,
    composite: &'a Composite,
    parent: Option<&'a Arc<Item>>,
    /// The part in the work on that item.
    claim: &'a Claim,
    sender: &'a mpsc::Sender<Paged>,
    origin: Arc<Origin>,
    cursor: Option<Cursor>,
    /// How many records are still wanted.
    left: u64,
    /// How many came.
    number: u64,
}

impl Reading<'_> {
    /// Runs the steps once: for all there is, or for one window. Tells whether it was cut short, since no more is wanted.
    async fn pass(&mut self, params: &Value) -> Result<bool, Failure> {
        let (out, mut inlet) = mpsc::channel(WAITING);
        let under = self.parent.cloned().or_else(|| self.site.frame.under.clone());
        let given = self.cursor.as_ref().map_or_else(|| params.clone(), |cursor| cursor.params(params));
        let mut frame = begin(self.site, self.index, self.composite, given, Some(out), under, 1)?.claiming(self.claim);
        if let Some(cursor) = &self.cursor {
            frame.base = frame.base.with("window", cursor.window());
        }
        let stop = frame.stop.clone();
        let hand_on = async {
            while let Some(Delivery::Items(batch)) = inlet.recv().await {
                let handed_on = self.hand_on(batch).await;
                if self.left == 0 || !matches!(handed_on, Ok(true)) {
                    stop.stop();
                    return handed_on.map(|is_taken| is_taken && self.left == 0);
                }
            }
            Ok(false)
        };
        let (done, is_cut) = tokio::join!(Arc::new(frame).run(), hand_on);
        match (done, is_cut?) {
            (Err(failure), true) if failure.is_interruption() => Ok(true),
            (done, is_cut) => done.map(|()| is_cut),
        }
    }

    /// Hands records on, as far as they are wanted; tells whether anybody takes them.
    async fn hand_on(&mut self, batch: Batch) -> Result<bool, Failure> {
        let mut items = Vec::with_capacity(batch.items.len());
        for item in batch.items.iter() {
            self.number += 1;
            let new = match &mut self.cursor {
                Some(cursor) => cursor.keep(item.current.text()).map_err(|failure| failure.about(item))?,
                None => true,
            };
            if new && self.left > 0 {
                self.left -= 1;
                let origin = Arc::clone(&self.origin);
                items.push(Item::new(item.current.clone(), self.parent.cloned(), origin, self.number));
            }
        }
        let mut claim = batch.claim;
        claim.join(self.claim.clone());
        Ok(self.sender.send(Paged::Page(Batch::new(items, claim))).await.is_ok())
    }
}

/// Begins the steps of an endpoint.
fn begin(
    site: &Site,
    index: usize,
    composite: &Composite,
    params: Value,
    out: Option<mpsc::Sender<Delivery>>,
    under: Option<Arc<Item>>,
    number: u64,
) -> Result<Frame, Failure> {
    // What is sent within is told from what other uses send by whom it is for, by the params, and by how often it was used.
    let origin = Origin { stream: composite.id().into(), place: site.step.span, ..Origin::default() };
    let under = Item::new(Json::of(&params), under, Arc::new(origin), number);
    let nothing = Value::Object(Arc::new(Members::new()));
    let base = site.context().base.with("params", params).with("item", nothing);
    let frame = site.frame.apart(&site.step, site.context(), &composite.steps, base, Some(index))?;
    Ok(frame.handing_on(out).under(Some(Arc::new(under))))
}

/// Returns what a call gets: the one record, or the list of them.
fn body(composite: &Composite, items: &[Item]) -> Result<Value, Failure> {
    if composite.is_single {
        return items.last().map_or(Ok(Value::Null), Item::value);
    }
    Ok(Value::list(items.iter().map(Item::value).collect::<Result<Vec<_>, _>>()?))
}

/// Returns the answer as `response` shows it.
fn response(body: &Value) -> Value {
    let nothing = Value::Object(Arc::new(Members::new()));
    Value::object([("status", Value::from(200_u64)), ("headers", nothing), ("body", body.clone())])
}
