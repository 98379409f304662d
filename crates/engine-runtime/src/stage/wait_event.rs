//! A step that waits for an event, for each item.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::{Scope, Setting, Template, Value};
use engine_request::Period;
use engine_source::Span;
use engine_spec::WaitEvent;
use jiff::Timestamp;

use super::each::Work;
use super::{Done, unclaimed};
use crate::awaited::{self, Arrival, Waiter};
use crate::failure::Failure;
use crate::item::{Item, Json, Located, Origin};
use crate::journal::Effect;
use crate::mapping::Scratch;
use crate::needs::whole_scope;
use crate::report::{Event, WaitingFor};
use crate::site::Site;
use crate::slot::Slot;
use crate::state::{Kind, StateStore};

/// How long a run stays for an event before it is parked.
const STAYS: Duration = Duration::from_secs(1);

/// How often it looks for the event meanwhile.
const LOOKS: Duration = Duration::from_millis(200);

/// How long an event is held that is about to be taken.
const HELD: Duration = Duration::from_mins(1);

/// An item that waits.
struct Waiting<'a> {
    site: &'a Site,
    event: &'a WaitEvent,
    item: &'a Item,
    /// The names for `extract`.
    base: &'a Scope,
    /// The names for `where`.
    scope: Scope,
    /// What the item is known by.
    key: String,
}

/// Waits for an event, and hands the item on, or what `extract` makes of the event.
pub(super) async fn wait(
    site: &Site,
    event: &WaitEvent,
    timeout: Option<&Setting<Period>>,
    work: &Work,
    slot: Option<&Arc<Slot>>,
) -> Result<Done, Failure> {
    let context = site.context();
    // Where answers are made up, and where nothing is done, nothing is waited for.
    if context.options.placeholders || context.options.dry_run {
        return Ok(unclaimed(vec![work.item.clone()]));
    }
    let span = event.path.as_ref().map_or(site.step.span, Template::span);
    let Some(parking) = &context.options.parking else { return Err(no_server(span)) };
    if event.verify.is_some() && context.key != context.id {
        let text = "a `wait` with `verify` in a flow within another";
        return Err(Failure::new("step-failed", format!("{text} can't be proved by anybody"), span)
            .help("wait in the outer flow, or leave `path` and `verify` out: nobody can guess the URL then"));
    }
    let key = site.key(&work.item);
    if let Some(Effect::HandedOn(records)) = context.journal.acked(&key) {
        let of = |record: &String| Item { current: Json::copy(record), located: Located::Nowhere, ..work.item.clone() };
        return Ok(unclaimed(records.iter().map(of).collect()));
    }
    let scope = whole_scope(&work.scope, &work.item)?;
    let timeout = timeout.map(|timeout| timeout.resolve(&scope)).transpose()?;
    let clock = &context.exchanges;
    let deadline = timeout.map(|timeout| {
        let until = clock.now().saturating_add(timeout.duration()).unwrap_or(Timestamp::MAX);
        // Where the run was taken up again, a part of the time has passed.
        context.journal.wait(key.clone(), &work.item, until)
    });
    let waiting = Waiting { site, event, item: &work.item, base: &work.scope, scope, key };
    let late = || {
        let within = timeout.map(|timeout| format!(" within {timeout}")).unwrap_or_default();
        let help =
            "give it more time with `timeout` beside `event`, or say by `on_error` what then becomes of the item";
        Failure::new("timeout", format!("no event came{within}"), span).help(help)
    };
    match parking.take(|trigger| waiting.is_it(trigger)) {
        Some(Ok(trigger)) => return Ok(unclaimed(vec![waiting.handed_on(&trigger)?])),
        Some(Err(Some(failure))) => return Err(failure),
        Some(Err(None)) => return Err(late()),
        None => {}
    }
    let state = &*context.exchanges.world().state;
    let path = match &event.path {
        Some(path) => path.render_text(&waiting.scope)?,
        None => awaited::own_path(state, &context.id)?,
    };
    let place = awaited::place_of(state, &path)?;
    let mut waiter = Waiter {
        run: context.id.clone(),
        flow: context.plan.name.clone(),
        step: site.step.uid,
        place,
        item: waiting.key.clone(),
        is_verified: event.verify.is_some(),
        seen: Vec::new(),
    };
    let begun = clock.now();
    let mut is_told = false;
    loop {
        let known = waiter.seen.len();
        for arrival in awaited::arrivals(state).await? {
            if !waiter.may_take(&arrival) {
                continue;
            }
            let trigger = arrival.trigger();
            if !waiting.is_it(&trigger)? {
                waiter.seen.push(arrival.key);
            } else if let Some(item) = waiting.take(state, &arrival, &trigger).await? {
                waiter.remove(state).await?;
                return Ok(unclaimed(vec![item]));
            }
        }
        if !std::mem::replace(&mut is_told, true) || waiter.seen.len() > known {
            waiter.save(state, clock.now()).await?;
        }
        let now = clock.now();
        let left = deadline.map(|deadline| Duration::try_from(deadline.duration_since(now)).unwrap_or_default());
        if left.is_some_and(|left| left.is_zero()) {
            waiter.remove(state).await?;
            return Err(late());
        }
        if Duration::try_from(now.duration_since(begun)).unwrap_or_default() >= STAYS {
            if let Some(wait) = left {
                site.tally.event(Event::Waiting { step: Arc::clone(site.address()), wait, why: WaitingFor::Step });
            }
            parking.park(deadline);
            return Err(Failure::interrupted());
        }
        let sleeping = clock.sleep(left.map_or(LOOKS, |left| LOOKS.min(left)), &site.frame.stop);
        let slept = match slot.or(site.frame.slot()) {
            Some(slot) => slot.without(sleeping).await,
            None => sleeping.await,
        };
        if !slept {
            return Err(Failure::interrupted());
        }
    }
}

impl Waiting<'_> {
    /// Tells whether an event is the one.
    fn is_it(&self, trigger: &Value) -> Result<bool, Failure> {
        let Some(filter) = &self.event.filter else { return Ok(true) };
        Ok(filter.test(&self.scope.with("trigger", trigger.clone()))?)
    }

    /// Takes an event, unless somebody else does.
    async fn take(&self, state: &dyn StateStore, arrival: &Arrival, trigger: &Value) -> Result<Option<Item>, Failure> {
        let context = self.site.context();
        let name = format!("arrival {}", arrival.key);
        if !state.lock(&name, &self.key, context.exchanges.now(), HELD).await? {
            return Ok(None);
        }
        let taken = self.take_held(state, arrival, trigger).await;
        state.unlock(&name, &self.key).await?;
        taken
    }

    async fn take_held(
        &self,
        state: &dyn StateStore,
        arrival: &Arrival,
        trigger: &Value,
    ) -> Result<Option<Item>, Failure> {
        if state.load(Kind::Arrival, &arrival.key).await?.is_none() {
            return Ok(None);
        }
        let item = self.handed_on(trigger)?;
        // It is written down what came of it before it is forgotten: whoever goes on with the run need not have it again.
        let effect = Effect::HandedOn(vec![item.current.text().to_owned()]);
        self.site.context().journal.ack(&self.key, self.item, &effect).await?;
        arrival.remove(state).await?;
        Ok(Some(item))
    }

    /// Makes the item that goes on.
    fn handed_on(&self, trigger: &Value) -> Result<Item, Failure> {
        let Some(extract) = &self.site.step.extract else { return Ok(self.item.clone()) };
        let extract = self.site.context().mappers.of_answers(extract, &*self.site.frame);
        let body = Json::of(trigger.get("body").unwrap_or(&Value::Null));
        let asking = Item { origin: Arc::new(Origin::clone(&self.item.origin)), ..self.item.clone() };
        let base = self.base.with("trigger", trigger.clone());
        let mut out = Vec::new();
        extract.map_text(body.text(), &asking, &base, &mut Scratch::default(), &mut out)?;
        Ok(Item { current: Json::written(out), located: Located::Nowhere, ..self.item.clone() })
    }
}

/// Says that nobody takes the event.
pub(crate) fn no_server(span: Span) -> Failure {
    Failure::new("needs-server", "the flow waits for an event, and nobody takes one here", span)
        .help("run it by `engine serve`, which takes events over HTTP; `--mock` and `--dry-run` wait for nothing")
}
